import {
  assert,
  type CollectionUid,
  hash32,
  type SpaceParams,
  type SpaceRef,
  StoreError,
  type VectorIndex,
  type VectorValue,
} from '@meridian/core'
import type { MergedView } from '@meridian/shard'
import type { Setting } from './api.js'
import { withQuantization } from './quantization.js'
import { readable } from './repair/readable.js'
import type { SpaceKeys } from './space-keys.js'

export interface FedCollection {
  readonly uid: CollectionUid
  readonly keys: SpaceKeys
  readonly settings: readonly Setting[]
  /** By shard. */
  readonly views: readonly MergedView[]
  /** Of live records. */
  ordinals(): Iterable<number>
}

/**
 * What the index was told of the vectors of one collection. It is told of changes alone, so what it holds is remembered: a hash a
 * vector. Spaces go by their keys.
 */
export class IndexFeed {
  /** How it was last told to hold a space. */
  readonly #told = new Map<string, string>()
  /** By space: hash of the version that the index holds, by ordinal; 0: none. */
  readonly #fed = new Map<string, Float64Array>()
  /** By space: live records whose vector the index lacks, for the block it is in is damaged. */
  readonly #missing = new Map<string, Set<number>>()

  constructor(
    readonly collection: FedCollection,
    readonly index: VectorIndex,
  ) {
    for (const key of collection.keys.keys()) this.#fed.set(key, new Float64Array(0))
  }

  space(key: string): SpaceRef {
    return { collection: this.collection.uid, vector: key }
  }

  /** Ordinals of live records whose vector in a space is in a damaged block, so that the index was not handed it. */
  missing(key: string): ReadonlySet<number> {
    return this.#missing.get(key) ?? NONE
  }

  /** Vector spaces were added, dropped or renamed: what records hold of new ones is handed over. */
  reshaped(): void {
    const { keys } = this.collection
    for (const key of [...this.#fed.keys()]) {
      if (keys.has(key)) continue
      this.index.dropSpace(this.space(key))
      this.#fed.delete(key)
      this.#missing.delete(key)
      this.#told.delete(key)
    }
    for (const key of keys.keys()) {
      if (this.#fed.has(key)) continue
      this.#fed.set(key, new Float64Array(0))
      this.open(key)
    }
  }

  /** The index hears of the settings that are its business. */
  settingsChanged(): void {
    for (const key of this.#told.keys())
      if (this.collection.keys.has(key) && this.#told.get(key) !== JSON.stringify(this.#params(key))) this.open(key)
  }

  /** A record changed: those of its vectors that did are set or removed. */
  changed(view: MergedView, slot: number, ordinal: number): void {
    for (const key of this.#fed.keys()) this.#feed(key, view, slot, ordinal)
  }

  /** Hands every live vector over: at start. */
  openAll(): void {
    for (const key of this.#fed.keys()) this.open(key)
  }

  /** Hands the vectors of one space over, anew if need be. Of a space that was dropped meanwhile, nothing. */
  open(key: string): void {
    const params = this.#params(key)
    if (params === undefined) return
    this.#told.set(key, JSON.stringify(params))
    const { views } = this.collection
    const entries = []
    for (const ordinal of this.collection.ordinals()) {
      const view = views[ordinal % views.length]!
      const slot = Math.floor(ordinal / views.length)
      const version = view.vectorVersion(slot, key)
      if (version === undefined) continue
      this.#fedFor(key, ordinal)[ordinal] = versionHash(version)
      const read = () => this.#readLate(key, view, slot, ordinal)
      entries.push({ ordinal, id: String(view.id(slot)), version, read })
    }
    this.index.openSpace(this.space(key), params, entries)
  }

  /** The collection is gone. Spaces that `next`, which takes its place under the same uid, has opened stay. */
  drop(next: FedCollection | undefined): void {
    for (const key of this.#fed.keys()) if (!next?.keys.has(key)) this.index.dropSpace(this.space(key))
  }

  /** Read late, but never after a `set` or `remove` of the ordinal: a made-up vector would be found by searches. */
  #readLate(key: string, view: MergedView, slot: number, ordinal: number): VectorValue {
    const read = readable(() => view.vector(slot, key))
    if (read === undefined) {
      this.#lacks(key, ordinal)
      throw new StoreError('STORAGE_CORRUPT', `the vector of point ${view.id(slot)} is in a damaged block`)
    }
    assert(read.value !== undefined, 'a vector that was listed and not changed since has values')
    this.#missing.get(key)?.delete(ordinal)
    return read.value
  }

  #feed(key: string, view: MergedView, slot: number, ordinal: number): void {
    const fed = this.#fedFor(key, ordinal)
    const version = view.isLive(slot) ? view.vectorVersion(slot, key) : undefined
    const hash = version === undefined ? 0 : versionHash(version)
    this.#missing.get(key)?.delete(ordinal)
    if (fed[ordinal] === hash) return
    const wasFed = fed[ordinal] !== 0
    fed[ordinal] = hash
    const space = this.space(key)
    const read = version === undefined ? undefined : readable(() => view.vector(slot, key))
    if (version === undefined || read === undefined) {
      // One that cannot be read is not found until its block has been repaired, and is fed again then.
      if (version !== undefined) this.#lacks(key, ordinal)
      if (wasFed) this.index.remove(space, ordinal)
      return
    }
    const values = read.value
    assert(values !== undefined, 'a vector with a version has values')
    this.index.set(space, { ordinal, id: String(view.id(slot)), version, vector: values })
  }

  #lacks(key: string, ordinal: number): void {
    this.#fedFor(key, ordinal)[ordinal] = 0
    const missing = this.#missing.get(key) ?? new Set()
    this.#missing.set(key, missing.add(ordinal))
  }

  #fedFor(key: string, ordinal: number): Float64Array {
    const fed = this.#fed.get(key)!
    if (ordinal < fed.length) return fed
    const wider = new Float64Array(Math.max(1024, Math.ceil((ordinal + 1) * 1.5)))
    wider.set(fed)
    this.#fed.set(key, wider)
    return wider
  }

  #params(key: string): SpaceParams | undefined {
    const { keys, settings } = this.collection
    const params = keys.params(key)
    return params && withQuantization(params, settings, keys.name(key)!)
  }
}

const NONE: ReadonlySet<number> = new Set()

/** 52 bits of a version text, never 0: compared instead of the text, which would take five times the memory. */
const versionHash = (version: string): number =>
  hash32(version) * 0x100000 + (hash32(version, 0x9747b28c) & 0xffffe) + 1
