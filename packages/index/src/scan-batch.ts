import type { TopK } from './top-k.js'

/** Vectors scored in one go: the way into native code is paid once for all of them. */
const BATCH_MAX = 2048
/**
 * Fewer numbers than this are scored at once: looking them over first costs a call of some microseconds, and what is kept is scored
 * as well. (Measured: as fast at 33,000 numbers of 256 dimensions and at 60,000 to 80,000 of 784, a third faster at twice as many.)
 */
const SIEVED_NUMBERS_MIN = 64 * 1024

/** See `Sketcher.sieve`. */
export type Sieve = (positions: Uint32Array, bound: number, kept: Uint32Array) => number

/** Vectors on their way to be scored, by where they lie, and whose they are. */
export class ScanBatch {
  readonly #positions = new Uint32Array(BATCH_MAX)
  readonly #ordinals = new Uint32Array(BATCH_MAX)
  readonly #scores = new Float32Array(BATCH_MAX)
  readonly #kept = new Uint32Array(BATCH_MAX)
  #count = 0

  /** Takes one more in; `true`: it is full, and has to be offered before the next. */
  add(position: number, ordinal: number): boolean {
    this.#positions[this.#count] = position
    this.#ordinals[this.#count] = ordinal
    return ++this.#count === BATCH_MAX
  }

  /** Whether there is enough in it for a sieve to pay. */
  isWorthSieving(dims: number): boolean {
    return this.#count * dims >= SIEVED_NUMBERS_MIN
  }

  /** Forgets what a scan that failed left behind. */
  clear(): void {
    this.#count = 0
  }

  /**
   * Scores what is in it, empties it, and returns how many were scored: with a `sieve`, only those that could be among the `best`
   * that are there already.
   */
  offer(score: (positions: Uint32Array, scores: Float32Array) => void, best: TopK, sieve?: Sieve): number {
    const count = sieve ? this.#sift(sieve, best.worst) : this.#count
    this.#count = 0
    if (count === 0) return 0
    score(this.#positions.subarray(0, count), this.#scores)
    for (let i = 0; i < count; i++) best.offer(this.#ordinals[i]!, this.#scores[i]!)
    return count
  }

  /** Leaves, in their order, those that may score as well as `bound`; returns how many. */
  #sift(sieve: Sieve, bound: number | undefined): number {
    if (bound === undefined) return this.#count
    const count = sieve(this.#positions.subarray(0, this.#count), bound, this.#kept)
    for (let i = 0; i < count; i++) {
      const at = this.#kept[i]!
      this.#positions[i] = this.#positions[at]!
      this.#ordinals[i] = this.#ordinals[at]!
    }
    return count
  }
}
