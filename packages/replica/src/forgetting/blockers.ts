import type { Log, RegionId, ReplicaId, Timers, VersionVector } from '@meridian/core'

/** A member is named when it has held back forgetting for this long. */
const NAMED_AFTER_MS = 30_000
/** It is logged again this often. */
const LOG_EVERY_MS = 600_000

/** Who keeps deletes from being forgotten. */
export interface PurgeBlocker {
  readonly region: RegionId
  readonly why: 'not heard of yet' | 'has not acknowledged' | 'has not pledged'
  /** Since this replica started, or since the member last kept up. */
  readonly forSeconds: number
}

interface Facts {
  /** Whether there is anything to forget. */
  readonly isNeeded: boolean
  readonly held: VersionVector
  /** Newest stamp that shows here. */
  readonly newestMs: number
  readonly members: readonly {
    readonly region: RegionId
    readonly replica: ReplicaId
    readonly acked: VersionVector
    readonly floorMs: number
  }[]
  readonly missing: readonly RegionId[]
}

interface Mark {
  /** What was held and seen at `sinceMs`: who keeps up has it soon. */
  readonly held: VersionVector
  readonly newestMs: number
  readonly sinceMs: number
  loggedAtMs: number
  why: PurgeBlocker['why']
}

/** Watches how long each member takes to come to what was here when it last had everything. */
export class Blockers {
  #marks = new Map<RegionId, Mark>()
  #isNeeded = false

  constructor(
    readonly timers: Timers,
    readonly logger: Log,
  ) {}

  step(facts: Facts): void {
    const nowMs = this.timers.elapsedMs()
    const marks = new Map<RegionId, Mark>()
    const mark = (region: RegionId, why: Mark['why']): void => {
      const { held, newestMs } = facts
      marks.set(region, this.#marks.get(region) ?? { held, newestMs, sinceMs: nowMs, loggedAtMs: -LOG_EVERY_MS, why })
      marks.get(region)!.why = why
    }
    for (const { region, acked, floorMs } of facts.members) {
      const target = this.#marks.get(region) ?? facts
      if (!acked.dominates(target.held)) mark(region, 'has not acknowledged')
      else if (floorMs < target.newestMs) mark(region, 'has not pledged')
    }
    for (const region of facts.missing) mark(region, 'not heard of yet')
    this.#marks = marks
    this.#isNeeded = facts.isNeeded
    for (const { region, why, forSeconds } of this.list()) {
      const known = marks.get(region)!
      if (nowMs - known.loggedAtMs < LOG_EVERY_MS) continue
      known.loggedAtMs = nowMs
      this.logger.warn(
        { peer: region, for_seconds: forSeconds },
        `deletes cannot be forgotten: region ${region} ${why} for ${forSeconds} s; bring it back, or retire it`,
      )
    }
  }

  list(): PurgeBlocker[] {
    if (!this.#isNeeded) return []
    const nowMs = this.timers.elapsedMs()
    return [...this.#marks]
      .filter(([, { sinceMs }]) => nowMs - sinceMs >= NAMED_AFTER_MS)
      .map(([region, { why, sinceMs }]) => ({ region, why, forSeconds: Math.round((nowMs - sinceMs) / 1000) }))
  }
}
