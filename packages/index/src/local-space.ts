import type {
  IndexedVector,
  IndexHit,
  IndexQuery,
  Log,
  SearchWork,
  SpaceParams,
  SpaceStats,
  StoreError,
  Terms,
  VectorValue,
} from '@meridian/core'
import { checkQuery } from './query.js'
import { type ScannedSpace, scannedSpace } from './scanned-space.js'

/** How long a search, or a space that fills, keeps other work waiting. */
const SLICE_MS = 5

/**
 * A space that no graph can hold, of sparse vectors or multivectors: scanned in the main thread, a slice at a time. It fills
 * in later ticks from what it was opened with; searches that come before it is full wait, so that they answer completely.
 *
 *   filling → full → closed; filling → closed
 */
export class LocalSpace {
  readonly #scanned: ScannedSpace
  readonly #full: Promise<void>
  /** Vectors still to be read, the last first. An ordinal that was set or removed meanwhile is not read. */
  #left: IndexedVector[]
  readonly #overridden = new Set<number>()
  #closedBy: StoreError | undefined

  constructor(
    readonly params: SpaceParams,
    vectors: Iterable<IndexedVector>,
    readonly log: Log,
  ) {
    this.#scanned = scannedSpace(params)
    // Ascending: lists of postings grow at their ends.
    this.#left = [...vectors].sort((a, b) => b.ordinal - a.ordinal)
    this.#full = this.#fill()
  }

  set(ordinal: number, id: string, vector: VectorValue): void {
    if (this.#left.length > 0) this.#overridden.add(ordinal)
    this.#put(ordinal, id, vector)
  }

  remove(ordinal: number): void {
    if (this.#left.length > 0) this.#overridden.add(ordinal)
    this.#scanned.remove(ordinal)
  }

  async search(query: IndexQuery, signal?: AbortSignal, tell?: (work: SearchWork) => void): Promise<IndexHit[]> {
    checkQuery(query, this.params)
    await this.#isFull(signal)
    const steps = this.#scanned.search(query, tell)
    let startedMs = performance.now()
    for (;;) {
      const { done, value } = steps.next()
      if (done === true) return value
      if (performance.now() - startedMs < SLICE_MS) continue
      await breath()
      this.#check(signal)
      startedMs = performance.now()
    }
  }

  async terms(): Promise<Terms | undefined> {
    await this.#isFull(undefined)
    return this.#scanned.terms()
  }

  stats(): SpaceStats {
    const left = this.#left.length
    const state = left > 0 ? 'loading' : 'ready'
    return { live: this.#scanned.live + left, pending: left, dead: 0, state, bytes: this.#scanned.bytes }
  }

  /** Searches under way and later ones are refused with `reason`. */
  close(reason: StoreError): void {
    this.#closedBy ??= reason
    this.#left = []
  }

  async #isFull(signal: AbortSignal | undefined): Promise<void> {
    if (this.#left.length > 0) await this.#full
    this.#check(signal)
  }

  #check(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted()
    if (this.#closedBy) throw this.#closedBy
  }

  async #fill(): Promise<void> {
    while (this.#left.length > 0) {
      await breath()
      const startedMs = performance.now()
      while (this.#left.length > 0 && performance.now() - startedMs < SLICE_MS) this.#read(this.#left.pop()!)
    }
    this.#overridden.clear()
  }

  #read(vector: IndexedVector): void {
    if (this.#overridden.has(vector.ordinal)) return
    try {
      this.#put(vector.ordinal, vector.id, vector.read())
    } catch (error) {
      this.log.error({ id: vector.id, error: String(error) }, 'vector not read; it is not searchable')
    }
  }

  #put(ordinal: number, id: string, vector: VectorValue): void {
    if (!this.#scanned.put(ordinal, vector)) this.log.warn({ id }, 'vector is not searchable: it is none of its space')
  }
}

const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
