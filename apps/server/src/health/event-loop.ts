import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 20
/** What the delay was at its worst is kept for this many looks. */
const LOOKS = 15

/** How long the event loop was kept from running at a stretch: while it is, nobody is answered and no heartbeat goes out. */
export class EventLoopWatch implements Disposable {
  readonly #histogram: IntervalHistogram
  #worst: number[] = []

  constructor(histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })) {
    this.#histogram = histogram
    histogram.enable()
  }

  /**
   * To be called about once a second. `lateMs`: by how much later than it was due. The histogram forgets when it last ticked as it
   * is reset, so of a standstill at whose end the look comes before its tick only the look knows.
   */
  look(lateMs = 0): void {
    const maxMs = this.#histogram.count === 0 ? 0 : this.#histogram.max / 1e6
    this.#histogram.reset()
    this.#worst = [...this.#worst.slice(1 - LOOKS), Math.max(0, maxMs - RESOLUTION_MS, lateMs)]
  }

  /** Longest of the last fifteen looks. */
  get blockedMs(): number {
    return Math.max(0, ...this.#worst)
  }

  [Symbol.dispose](): void {
    this.#histogram.disable()
  }
}
