import { type CollectionConfig, HNSW_DEFAULT, type PointId, StoreError } from '@meridian/core'
import type { SeededRandom } from '@meridian/core/seeded-random'
import type { RegisterWrite } from '@meridian/replica'
import { activeCount } from './barrier-watch.js'
import { isLinearizable, type Operation } from './linearizability.js'
import type { SimNode } from './sim-node.js'
import { Violation } from './violation.js'

const NAME = 'registers'
const CONFIG: CollectionConfig = { shards: 2, vectors: { '': { size: 1, metric: 'Dot', hnsw: HNSW_DEFAULT } } }
const IDS = 3
const TIMEOUT_MS = 1500
/** Calls that follow a call, each upon the answer of the one before. */
const CHAIN = 5
/** Refused before anything was written. */
const UNWRITTEN = ['NO_QUORUM', 'TIMEOUT', 'CLOCK_SKEW', 'COLLECTION_NOT_FOUND']

type Value = number | undefined
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * Clients that read, write and delete few points at linearizable, from all regions, and keep book. An answer is often followed
 * by a call in another region, as a user does who has been told. The book of each point must be one of a register.
 *
 * Only regions that know all members are asked: a majority of fewer need not meet a majority of all.
 */
export class RegisterWatch {
  readonly #histories = new Map<PointId, Mutable<Operation<Value>>[]>()
  /** Orders calls and returns of one moment. */
  #moment = 0
  #written = 0
  /** Calls that were answered in time. */
  answered = 0

  constructor(
    readonly nodes: readonly SimNode[],
    readonly random: SeededRandom,
    readonly trace: (node: string, text: string) => void,
  ) {}

  step(): void {
    this.#call(this.random.pick(this.nodes), 1 + this.random.int(IDS), CHAIN)
  }

  /** `more`: calls that may follow the answer. */
  #call(node: SimNode, id: PointId, more: number, writes = 0.5): void {
    const { replica } = node
    if (replica === undefined || replica.readOnlyReason() !== undefined || !this.#knowsAll(node)) return
    try {
      if (!replica.collections().some(({ name }) => name === NAME)) replica.createCollection(NAME, CONFIG, () => {})
      else if (!this.random.chance(writes)) this.#read(node, id, more)
      else this.#write(node, id, this.random.chance(0.2) ? undefined : ++this.#written, more)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
    }
  }

  #read(node: SimNode, id: PointId, more: number): void {
    const { replica } = node
    const look = (): Value => {
      const collection = replica!.collection(NAME)
      const ordinal = collection.find(id)
      return ordinal === undefined ? undefined : (collection.payload(ordinal).value as number)
    }
    const called = this.#moment++
    replica!.register.read<Value>(NAME, [id], TIMEOUT_MS, look, (outcome) => {
      if (!outcome.ok) return
      const { value } = outcome
      this.#book(id).push({ kind: 'read', value, called, returned: this.#moment++ })
      this.trace(node.region, `read ${value} of register ${id}`)
      this.#goOn(id, more)
    })
  }

  #write(node: SimNode, id: PointId, value: Value, more: number): void {
    const ops =
      value === undefined
        ? [{ kind: 'delete' as const, id }]
        : [{ kind: 'put' as const, id, vectors: new Map(), payload: { value } }]
    const operation: Mutable<Operation<Value>> = { kind: 'write', value, called: this.#moment++, returned: undefined }
    let isUnwritten = false
    const done = (outcome: { ok: true; value: RegisterWrite } | { ok: false; error: StoreError }): void => {
      if (!outcome.ok) isUnwritten = UNWRITTEN.includes(outcome.error.code)
      else if (outcome.value.found.isMet) operation.returned = this.#moment++
      if (isUnwritten) this.#remove(id, operation)
      if (operation.returned === undefined) return
      this.trace(node.region, `wrote ${value} to register ${id}`)
      this.#goOn(id, more)
    }
    this.#book(id).push(operation)
    // Often somebody looks while the write is under way, there above all: it has got nowhere else yet.
    if (this.random.chance(0.6)) this.#lookWhenShown(node, id, more)
    try {
      node.replica!.register.write({ collection: NAME, ops }, TIMEOUT_MS, done)
    } catch (error) {
      this.#remove(id, operation)
      throw error
    }
  }

  #lookWhenShown(node: SimNode, id: PointId, more: number): void {
    const delayMs = this.random.chance(0.7) ? 0 : this.random.int(60)
    const watching = node.replica!.collection(NAME).watch((changed) => {
      if (changed !== id) return
      watching[Symbol.dispose]()
      node.time.at(delayMs, () => this.#call(node, id, more, 0))
    })
  }

  /** Somebody elsewhere, who has heard of the answer. */
  #goOn(id: PointId, more: number): void {
    this.answered++
    if (more > 0 && this.random.chance(0.85))
      this.#call(this.random.chance(0.6) ? this.#leastInformed() : this.random.pick(this.nodes), id, more - 1, 0.35)
  }

  /** Where a region that forgets to ask others is most likely to be wrong. */
  #leastInformed(): SimNode {
    const known = (node: SimNode): number =>
      node.replica?.vectors.merged.entries().reduce((sum, [, seq]) => sum + seq, 0) ?? Number.POSITIVE_INFINITY
    return this.nodes.reduce((least, node) => (known(node) < known(least) ? node : least))
  }

  #book(id: PointId): Mutable<Operation<Value>>[] {
    const book = this.#histories.get(id) ?? []
    this.#histories.set(id, book)
    return book
  }

  #remove(id: PointId, operation: Operation<Value>): void {
    const book = this.#book(id)
    book.splice(book.indexOf(operation), 1)
  }

  /** After a run. @throws Violation */
  check(): void {
    for (const [id, history] of this.#histories)
      if (!isLinearizable(history, undefined))
        throw new Violation('linearizability', `no order explains the ${history.length} calls on register ${id}`)
  }

  #knowsAll(node: SimNode): boolean {
    return activeCount(node) >= this.nodes.length
  }
}
