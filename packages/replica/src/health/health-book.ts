import type { Log, Timers } from '@meridian/core'
import type { Degradation } from './degradation.js'

/** Over once it has been away for this long: what comes and goes is one line in the log, not many. */
const OVER_AFTER_MS = 5000
/** What lasts is logged again this often. */
const LOG_EVERY_MS = 600_000

export interface LastingDegradation extends Degradation {
  readonly forSeconds: number
}

interface Page {
  now: Degradation
  readonly sinceMs: number
  seenMs: number
  loggedMs: number
}

/** Remembers since when each degradation has been there, and logs its beginning and its end. Bounded by what can be wrong at once. */
export class HealthBook {
  readonly #pages = new Map<string, Page>()
  #steppedMs = Number.NEGATIVE_INFINITY

  constructor(
    readonly timers: Timers,
    readonly logger: Log,
  ) {}

  /** `found`: all there is at this moment. To be called about once a second. */
  step(found: readonly Degradation[]): void {
    const nowMs = this.timers.elapsedMs()
    this.#steppedMs = nowMs
    for (const each of found) this.#seen(each, nowMs)
    for (const [key, page] of this.#pages)
      if (nowMs - page.seenMs >= OVER_AFTER_MS) {
        this.#pages.delete(key)
        this.logger.info(fieldsOf(page), `over: ${page.now.message}`)
      }
  }

  #seen(degradation: Degradation, nowMs: number): void {
    const { code, peer, about } = degradation
    const key = `${code} ${peer ?? ''} ${about ?? ''}`
    const page = this.#pages.get(key) ?? { now: degradation, sinceMs: nowMs, seenMs: nowMs, loggedMs: -LOG_EVERY_MS }
    this.#pages.set(key, page)
    page.now = degradation
    page.seenMs = nowMs
    if (nowMs - page.loggedMs < LOG_EVERY_MS) return
    page.loggedMs = nowMs
    this.logger.warn(fieldsOf(page), `degraded: ${degradation.message}`)
  }

  /** What there was at the last step. */
  list(): LastingDegradation[] {
    return [...this.#pages.values()]
      .filter(({ seenMs }) => seenMs === this.#steppedMs)
      .map(({ now, sinceMs }) => ({ ...now, forSeconds: Math.round((this.#steppedMs - sinceMs) / 1000) }))
      .sort((a, b) => (a.code < b.code ? -1 : a.code > b.code ? 1 : 0))
  }
}

const fieldsOf = ({ now: { code, peer, about } }: Page): Record<string, string> => ({
  degradation: code,
  ...(peer === undefined ? {} : { peer }),
  ...(about === undefined ? {} : { about }),
})
