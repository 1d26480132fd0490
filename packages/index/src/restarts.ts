/** One that dies again within this long of the last death is started later and later, whatever it did meanwhile. */
const CALM_MS = 60_000
const DELAY_MS = 200
const DELAY_MS_MAX = 10_000

/** When a worker that died is started again: at once the first time, and never so often that starting is all that is done. */
export class Restarts {
  #deaths = 0
  #diedAtMs = Number.NEGATIVE_INFINITY

  /** Milliseconds to wait after a death at `nowMs`. */
  delayMs(nowMs: number): number {
    if (nowMs - this.#diedAtMs >= CALM_MS) this.#deaths = 0
    this.#diedAtMs = nowMs
    this.#deaths++
    return this.#deaths === 1 ? 0 : Math.min(DELAY_MS_MAX, DELAY_MS * 2 ** (this.#deaths - 2))
  }
}
