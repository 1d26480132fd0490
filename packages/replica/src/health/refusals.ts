import type { RegionId, Timers } from '@meridian/core'

/** A refused peer tries again every two seconds or so: one that has not for this long has given up, or was let in. */
const RECENT_MS = 15_000
const REFUSALS_MAX = 64

export interface Refusal {
  /** The other region; undefined where it did not get to say its name. */
  readonly region: RegionId | undefined
  readonly code: string
  readonly reason: string
  /** We refused it; otherwise it refused us. */
  readonly isOurs: boolean
}

/** Links that were refused in the last seconds, by either side. */
export class Refusals {
  readonly #recent = new Map<string, Refusal & { readonly atMs: number }>()

  constructor(readonly timers: Timers) {}

  add(refusal: Refusal): void {
    const key = `${refusal.isOurs} ${refusal.region} ${refusal.code}`
    this.#recent.delete(key)
    this.#recent.set(key, { ...refusal, atMs: this.timers.elapsedMs() })
    const [oldest] = this.#recent.keys()
    if (this.#recent.size > REFUSALS_MAX) this.#recent.delete(oldest!)
  }

  recent(): Refusal[] {
    const fromMs = this.timers.elapsedMs() - RECENT_MS
    for (const [key, { atMs }] of this.#recent) if (atMs < fromMs) this.#recent.delete(key)
    return [...this.#recent.values()]
  }
}
