import type { IndexedVector } from '@meridian/core'
import type { Offer } from './worker-protocol.js'

/** Bytes of vectors that one offer may come to, and how many vectors. */
const OFFER_BYTES = 4 * 1024 * 1024
const OFFER_MAX = 4096
const OFFER_MIN = 16

/**
 * The main thread's part of opening a space: offers all vectors by name, a bounded batch at a time, and remembers which of
 * them the worker wants to be read. A record that changes meanwhile is overridden: its change was sent on its own, and what
 * was listed for it must not come after.
 *
 *   next() → offer → worker → want() → take(), take() … undefined → next() … undefined: complete
 */
export class Handover {
  readonly #vectors: readonly IndexedVector[]
  readonly #overridden = new Set<number>()
  readonly #batch: number
  #at = 0
  #offered: IndexedVector[] = []
  #wanted: IndexedVector[] = []

  /** Lists `vectors` at once; only `read` is called later. */
  constructor(vectors: Iterable<IndexedVector>, dims: number) {
    this.#vectors = [...vectors]
    this.#batch = Math.max(OFFER_MIN, Math.min(OFFER_MAX, Math.floor(OFFER_BYTES / (dims * 4))))
  }

  get ordinals(): number[] {
    return this.#vectors.map((vector) => vector.ordinal)
  }

  override(ordinal: number): void {
    this.#overridden.add(ordinal)
  }

  /** `undefined` when everything was offered. */
  next(): Offer | undefined {
    if (this.#at >= this.#vectors.length) return undefined
    const slice = this.#vectors.slice(this.#at, this.#at + this.#batch)
    this.#at += this.#batch
    this.#offered = slice.filter((vector) => !this.#overridden.has(vector.ordinal))
    return {
      ordinals: Uint32Array.from(this.#offered, (vector) => vector.ordinal),
      ids: this.#offered.map((vector) => vector.id),
      versions: this.#offered.map((vector) => vector.version),
    }
  }

  /** The worker's answer to the last offer. */
  want(positions: Uint32Array): void {
    this.#wanted = Array.from(positions, (position) => this.#offered[position]!).reverse()
  }

  /** The next vector to read and send. */
  take(): IndexedVector | undefined {
    for (;;) {
      const vector = this.#wanted.pop()
      if (vector === undefined || !this.#overridden.has(vector.ordinal)) return vector
    }
  }
}
