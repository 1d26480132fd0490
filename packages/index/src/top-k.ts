import { type IndexHit, isSimilarity, type Metric } from '@meridian/core'

/**
 * Keeps the best `capacity` of the hits offered to it: a binary heap whose root is the worst kept. Ties go to the smaller
 * ordinal, so the result depends on the set of hits and not on their order.
 */
export class TopK {
  /** Smaller is better: similarities are negated. */
  readonly #ranks: Float64Array
  readonly #ordinals: Uint32Array
  readonly #sign: number
  #size = 0

  constructor(
    metric: Metric,
    readonly capacity: number,
  ) {
    this.#sign = isSimilarity(metric) ? -1 : 1
    this.#ranks = new Float64Array(capacity)
    this.#ordinals = new Uint32Array(capacity)
  }

  /** The worst score kept, once there are as many as there may be: with a worse one nothing else comes in. */
  get worst(): number | undefined {
    return this.#size === this.capacity && this.capacity > 0 ? this.#ranks[0]! * this.#sign : undefined
  }

  offer(ordinal: number, score: number): void {
    const rank = score * this.#sign
    if (this.#size < this.capacity) {
      this.#up(this.#size++, rank, ordinal)
    } else if (this.capacity > 0 && worse(this.#ranks[0]!, this.#ordinals[0]!, rank, ordinal)) {
      this.#down(rank, ordinal)
    }
  }

  /** Best first. Empties the heap. */
  take(): IndexHit[] {
    const hits = new Array<IndexHit>(this.#size)
    while (this.#size > 0) {
      const at = --this.#size
      // `|| 0` turns the -0 of a negated zero into 0.
      hits[at] = { ordinal: this.#ordinals[0]!, score: this.#ranks[0]! * this.#sign || 0 }
      if (at > 0) this.#down(this.#ranks[at]!, this.#ordinals[at]!)
    }
    return hits
  }

  #up(from: number, rank: number, ordinal: number): void {
    const ranks = this.#ranks
    const ordinals = this.#ordinals
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!worse(rank, ordinal, ranks[parent]!, ordinals[parent]!)) break
      ranks[at] = ranks[parent]!
      ordinals[at] = ordinals[parent]!
      at = parent
    }
    ranks[at] = rank
    ordinals[at] = ordinal
  }

  /** Replaces the root. */
  #down(rank: number, ordinal: number): void {
    const ranks = this.#ranks
    const ordinals = this.#ordinals
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= this.#size) break
      if (child + 1 < this.#size && worse(ranks[child + 1]!, ordinals[child + 1]!, ranks[child]!, ordinals[child]!)) {
        child++
      }
      if (!worse(ranks[child]!, ordinals[child]!, rank, ordinal)) break
      ranks[at] = ranks[child]!
      ordinals[at] = ordinals[child]!
      at = child
    }
    ranks[at] = rank
    ordinals[at] = ordinal
  }
}

const worse = (rank: number, ordinal: number, otherRank: number, otherOrdinal: number): boolean =>
  rank > otherRank || (rank === otherRank && ordinal > otherOrdinal)
