import type { TopK } from './top-k.js'

/** Vectors scored in one go: the way into native code is paid once for all of them. */
const BATCH_MAX = 2048

/** Vectors on their way to be scored, by where they lie, and whose they are. */
export class ScanBatch {
  readonly #positions = new Uint32Array(BATCH_MAX)
  readonly #ordinals = new Uint32Array(BATCH_MAX)
  readonly #scores = new Float32Array(BATCH_MAX)
  #count = 0

  /** Takes one more in; `true`: it is full, and has to be offered before the next. */
  add(position: number, ordinal: number): boolean {
    this.#positions[this.#count] = position
    this.#ordinals[this.#count] = ordinal
    return ++this.#count === BATCH_MAX
  }

  /** Forgets what a scan that failed left behind. */
  clear(): void {
    this.#count = 0
  }

  /** Scores what is in it, empties it, and returns how many there were. */
  offer(score: (positions: Uint32Array, scores: Float32Array) => void, best: TopK): number {
    const count = this.#count
    this.#count = 0
    if (count === 0) return 0
    score(this.#positions.subarray(0, count), this.#scores)
    for (let i = 0; i < count; i++) best.offer(this.#ordinals[i]!, this.#scores[i]!)
    return count
  }
}
