import type { Log, Timers } from './ports.js'

/** Lines written at once, and how many more each second. */
const BURST = 20
const PER_SECOND = 1

/**
 * Warnings that strangers cause at will, such as refused connections: past a burst of 20 one a second is written, with how many
 * were left out before it.
 */
export class StrangerLog {
  #left = BURST
  #atMs: number
  #leftOut = 0

  constructor(
    readonly log: Log,
    readonly timers: Timers,
  ) {
    this.#atMs = timers.elapsedMs()
  }

  warn(fields: Readonly<Record<string, unknown>>, message: string): void {
    const nowMs = this.timers.elapsedMs()
    this.#left = Math.min(BURST, this.#left + (Math.max(0, nowMs - this.#atMs) / 1000) * PER_SECOND)
    this.#atMs = nowMs
    if (this.#left < 1) {
      this.#leftOut++
      return
    }
    this.#left--
    this.log.warn(this.#leftOut === 0 ? fields : { ...fields, left_out: this.#leftOut }, message)
    this.#leftOut = 0
  }
}
