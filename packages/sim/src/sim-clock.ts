import type { Clock } from '@meridian/core'
import type { VirtualTime } from './virtual-time.js'

/** Virtual runs begin at this wall time. */
export const EPOCH_MS = Date.UTC(2026, 0, 1)

/** A wall clock that is off, drifts and jumps. It outlives the processes that read it. */
export class SimClock implements Clock {
  #offsetMs: number
  /** What it read before each recent jump. */
  /** How often it was set wrong. */
  jumps = 0
  #jumps: { readonly atMs: number; readonly readMs: number }[] = []

  constructor(
    readonly time: VirtualTime,
    offsetMs: number,
    /** Extra milliseconds a millisecond; 0.0001 is 100 ppm. */
    readonly drift: number,
  ) {
    this.#offsetMs = offsetMs
    if (Math.abs(offsetMs) >= 1000) this.jumps++
  }

  nowMs(): number {
    return Math.floor(EPOCH_MS + this.time.nowMs * (1 + this.drift) + this.#offsetMs)
  }

  /** Not above any reading of the last `windowMs` (at most 5000). */
  leastRecentMs(windowMs: number): number {
    const recent = this.#jumps.filter(({ atMs }) => this.time.nowMs - atMs <= windowMs)
    return Math.min(this.nowMs(), ...recent.map(({ readMs }) => readMs)) - windowMs
  }

  jump(byMs: number): void {
    this.#jumps = this.#jumps.filter(({ atMs }) => this.time.nowMs - atMs <= 5000)
    this.#jumps.push({ atMs: this.time.nowMs, readMs: this.nowMs() })
    this.#offsetMs += byMs
    this.jumps++
  }

  /** What an operator does after a fault: right again from now on. */
  correct(): void {
    this.jump(-this.time.nowMs * this.drift - this.#offsetMs)
    this.jumps--
  }
}
