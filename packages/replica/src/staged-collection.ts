import {
  assert,
  type CollectionConfig,
  type CollectionUid,
  compareIds,
  type JsonObject,
  type JsonValue,
  type PointId,
  type RecordOp,
  type SpaceRef,
  setOwn,
  type VectorValue,
} from '@meridian/core'
import type { Collection, Contribution, IndexSchema, Setting, ShardDigest } from './api.js'

/** A record as the staged ops leave it. */
interface StagedRecord {
  readonly id: PointId
  readonly isLive: boolean
  readonly payload: JsonObject
  /** Of the collection below; its vectors are read only when asked for. `undefined` when the staged ops made the record. */
  readonly below: number | undefined
  /** Over what is below; `undefined` is a removal. */
  readonly vectors: ReadonlyMap<string, VectorValue | undefined>
}

/** Ordinals of staged records start here: far above those of any collection, and still 32 bits. */
const FIRST_ORDINAL = 0x80000000
const LAYER_ORDINALS = 0x08000000

/**
 * A collection as it will be when the ops that are staged have been committed: what a resolver reads. It is a reader's view
 * like any other, of one tick, except that the index and the digests do not know of staged records.
 */
export class StagedCollection implements Collection {
  readonly #base: Collection
  readonly #first: number
  readonly #records: StagedRecord[] = []
  readonly #positions = new Map<PointId, number>()
  #liveCount: number

  constructor(base: Collection) {
    this.#base = base
    this.#first = base instanceof StagedCollection ? base.#first + LAYER_ORDINALS : FIRST_ORDINAL
    this.#liveCount = base.liveCount
  }

  /** Applies ops, in order, on top of what is there. */
  stage(ops: readonly RecordOp[]): void {
    for (const op of ops) {
      const before = this.find(op.id)
      const after = this.#after(op, before)
      if (after === undefined) continue
      this.#liveCount += (after.isLive ? 1 : 0) - (before === undefined ? 0 : 1)
      const position = this.#positions.get(op.id)
      if (position !== undefined) {
        this.#records[position] = after
        continue
      }
      assert(this.#records.length < LAYER_ORDINALS, 'staged records have ordinals of their own')
      this.#positions.set(op.id, this.#records.push(after) - 1)
    }
  }

  #after(op: RecordOp, before: number | undefined): StagedRecord | undefined {
    const { id } = op
    if (op.kind === 'put')
      return { id, isLive: true, payload: op.payload, below: undefined, vectors: new Map(op.vectors) }
    // Nothing below a put is brought to life by anything but a put.
    if (before === undefined) return undefined
    if (op.kind === 'delete') return { id, isLive: false, payload: {}, below: undefined, vectors: new Map() }
    const staged = this.#at(before)
    const payload: JsonObject = {}
    if (!op.clear)
      for (const [key, value] of Object.entries(this.payload(before)))
        if (!op.unset.includes(key)) setOwn(payload, key, value)
    for (const [key, value] of Object.entries<JsonValue>(op.set)) setOwn(payload, key, value)
    const vectors = new Map<string, VectorValue | undefined>(staged?.vectors)
    for (const [name, vector] of op.vectors) vectors.set(name, vector)
    for (const name of op.dropVectors) vectors.set(name, undefined)
    return { id, isLive: true, payload, below: staged === undefined ? before : staged.below, vectors }
  }

  #at(ordinal: number): StagedRecord | undefined {
    return ordinal >= this.#first ? this.#records[ordinal - this.#first] : undefined
  }

  get name(): string {
    return this.#base.name
  }
  get uid(): CollectionUid {
    return this.#base.uid
  }
  get config(): CollectionConfig {
    return this.#base.config
  }
  get aliases(): readonly string[] {
    return this.#base.aliases
  }
  get indexes(): ReadonlyMap<string, IndexSchema> {
    return this.#base.indexes
  }
  get settings(): readonly Setting[] {
    return this.#base.settings
  }
  get tombstoneCount(): number {
    return this.#base.tombstoneCount
  }
  get liveCount(): number {
    return this.#liveCount
  }

  find(id: PointId): number | undefined {
    const position = this.#positions.get(id)
    if (position === undefined) return this.#base.find(id)
    return this.#records[position]!.isLive ? this.#first + position : undefined
  }

  isLive(ordinal: number): boolean {
    const staged = this.#at(ordinal)
    if (staged !== undefined) return staged.isLive
    return this.#base.isLive(ordinal) && !this.#positions.has(this.#base.id(ordinal))
  }

  id(ordinal: number): PointId {
    return this.#at(ordinal)?.id ?? this.#base.id(ordinal)
  }

  payload(ordinal: number): JsonObject {
    return this.#at(ordinal)?.payload ?? this.#base.payload(ordinal)
  }

  vector(ordinal: number, name: string): VectorValue | undefined {
    const staged = this.#at(ordinal)
    if (staged === undefined) return this.#base.vector(ordinal, name)
    if (staged.vectors.has(name)) return staged.vectors.get(name)
    return staged.below === undefined ? undefined : this.#base.vector(staged.below, name)
  }

  vectorNames(ordinal: number): string[] {
    const staged = this.#at(ordinal)
    if (staged === undefined) return this.#base.vectorNames(ordinal)
    const below = staged.below === undefined ? [] : this.#base.vectorNames(staged.below)
    const names = new Set(below)
    for (const [name, vector] of staged.vectors) {
      if (vector === undefined) names.delete(name)
      else names.add(name)
    }
    return [...names]
  }

  /** Of a staged record: what it was before; 0 if it is new. */
  version(ordinal: number): number {
    const staged = this.#at(ordinal)
    if (staged === undefined) return this.#base.version(ordinal)
    const below = this.#base.find(staged.id)
    return below === undefined ? 0 : this.#base.version(below)
  }

  history(id: PointId): Contribution[] {
    return this.#base.history(id)
  }

  *ordinals(): Iterable<number> {
    for (const ordinal of this.#base.ordinals()) if (!this.#positions.has(this.#base.id(ordinal))) yield ordinal
    for (const [position, { isLive }] of this.#records.entries()) if (isLive) yield this.#first + position
  }

  *inOrder(from?: PointId): Iterable<number> {
    const staged = [...this.#records.keys()]
      .filter((position) => {
        const { id, isLive } = this.#records[position]!
        return isLive && (from === undefined || compareIds(id, from) >= 0)
      })
      .map((position) => this.#first + position)
      .sort((a, b) => compareIds(this.id(a), this.id(b)))
    let next = 0
    for (const ordinal of this.#base.inOrder(from)) {
      const id = this.#base.id(ordinal)
      while (next < staged.length && compareIds(this.id(staged[next]!), id) < 0) yield staged[next++]!
      if (!this.#positions.has(id)) yield ordinal
    }
    yield* staged.slice(next)
  }

  tally(_name: string, test: (payload: JsonObject) => boolean): number {
    let count = 0
    for (const ordinal of this.ordinals()) if (test(this.payload(ordinal))) count++
    return count
  }

  get mark(): number {
    return 0
  }

  /** What is staged is in no index: everything found there must be read again. */
  changedSince(): undefined {}

  /** Of the collection below: what is staged is not there yet. */
  watch(changed: (id: PointId, ordinal: number) => void): Disposable {
    return this.#base.watch(changed)
  }

  space(vector: string): SpaceRef {
    return this.#base.space(vector)
  }

  searchable(vector: string): SpaceRef {
    return this.#base.searchable(vector)
  }

  digests(): ShardDigest[] {
    return this.#base.digests()
  }
}
