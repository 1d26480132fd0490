import type { Timers } from '@meridian/core'

const RECENT_MS = 30_000

/** How far a counter has risen in the last half a minute, as far as it was looked at meanwhile. */
export class RecentRise {
  #looks: { readonly atMs: number; readonly total: number }[] = []

  constructor(readonly timers: Timers) {}

  of(total: number): number {
    const atMs = this.timers.elapsedMs()
    const last = this.#looks.at(-1)
    // The oldest look that is too old is what the recent ones are compared with.
    while (this.#looks[1] !== undefined && this.#looks[1].atMs <= atMs - RECENT_MS) this.#looks.shift()
    // At most two looks a second are kept, whoever asks how often.
    if (last === undefined || atMs - last.atMs >= 500) this.#looks.push({ atMs, total })
    return total - (this.#looks[0]?.total ?? total)
  }
}
