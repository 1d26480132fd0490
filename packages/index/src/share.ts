/** So much of what it missed is made up for. */
const MISSED_MAX_MS = 100

/**
 * When one kind of work has its turn, so that it gets its share of a thread's time. What others keep from it, because their turn
 * took longer than it would have rested, it gets later: a share is one of all the time, however busy the thread is.
 */
export class Share {
  #dueAtMs: number

  /** It is due now. */
  constructor(nowMs: number) {
    this.#dueAtMs = nowMs
  }

  /** A turn that took `ms` is over; `share`, above 0 to 1, is what it should have of the time. */
  took(nowMs: number, ms: number, share: number): void {
    this.#dueAtMs = Math.max(this.#dueAtMs, nowMs - ms - MISSED_MAX_MS) + ms / share
  }

  /** Milliseconds until its next turn. */
  restMs(nowMs: number): number {
    return Math.max(0, this.#dueAtMs - nowMs)
  }
}
