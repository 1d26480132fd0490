import { unreachable } from '@meridian/core'

/** What serving looks like since the last look. Absent: nothing to tell by. */
export interface Load {
  /** 95th percentile of the times that searches took, in milliseconds. */
  readonly servingMs?: number
  /** The same when nothing was being rebuilt. */
  readonly calmMs?: number
  /** Share of the machine's processors that this process used for anything but rebuilding, 0 to 1. */
  readonly cpuShare?: number
  /** How late the main thread's timers are, in milliseconds. */
  readonly lateMs?: number
  /** Share of its worker's time that a rebuild is not denied, 0 to 1: the graph is so worn that it is the load itself. */
  readonly owedPace?: number
}

/**
 * What keeps a rebuild from taking from those who search.
 *
 *            strained                     rested (0.5 s, doubling to 4 s)
 *   closed ───────────▶ open ───────────────────────────────▶ half-open ─┐ calm for 1 s:
 *      ▲                  ▲                                       │ │ ▲   │ twice the pace, or what is owed
 *      │                  └────────────── strained ───────────────┘ │ └───┘
 *      └──────────────────────── at full pace ──────────────────────┘
 */
export type Breaker =
  /** Rebuilding goes on. `trips`: interruptions that were not made good by calm seconds. */
  | { readonly kind: 'closed'; readonly sinceMs: number; readonly trips: number }
  /** Rebuilding stands still. */
  | { readonly kind: 'open'; readonly sinceMs: number; readonly trips: number }
  /** Rebuilding is tried, faster and faster. */
  | { readonly kind: 'half-open'; readonly sinceMs: number; readonly trips: number; readonly pace: number }

/** Searches may be this much slower than without a rebuild, in share and in milliseconds, whichever is more. */
const SLOWER_MAX = 1.5
const SLOWER_MS_MAX = 0.5
const CPU_SHARE_MAX = 0.85
const LATE_MS_MAX = 50

/** Share of the worker's time that a trial begins with. */
const TRIAL_PACE = 0.1

const REST_MS = 500
const REST_DOUBLINGS_MAX = 3
const CALM_MS = 1000

export const CLOSED: Breaker = { kind: 'closed', sinceMs: 0, trips: 0 }

/**
 * Whether rebuilding at `pace` should make room. Searches whose time without a rebuild is not known yet are measured first. A
 * busy machine is no reason against the least pace: it may be busy for ever.
 */
export const isStrained = ({ servingMs, calmMs, cpuShare, lateMs, owedPace = 0 }: Load, pace: number): boolean => {
  if (pace <= owedPace) return false
  if (servingMs !== undefined) {
    if (calmMs === undefined) return true
    if (servingMs > Math.max(calmMs * SLOWER_MAX, calmMs + SLOWER_MS_MAX)) return true
  }
  return pace > TRIAL_PACE && ((cpuShare ?? 0) > CPU_SHARE_MAX || (lateMs ?? 0) > LATE_MS_MAX)
}

/** Pure: the state after a look at the load at `nowMs`, monotonic milliseconds. */
export const stepBreaker = (breaker: Breaker, load: Load, nowMs: number): Breaker => {
  const { trips, sinceMs } = breaker
  const forMs = nowMs - sinceMs
  const made = Math.max(0, trips - 1)
  const { owedPace = 0 } = load
  switch (breaker.kind) {
    case 'closed':
      if (isStrained(load, 1)) return { kind: 'open', sinceMs: nowMs, trips: trips + 1 }
      return trips > 0 && forMs >= CALM_MS ? { kind: 'closed', sinceMs: nowMs, trips: made } : breaker
    case 'open':
      // However long the strain lasts, it is tried now and then: a worn graph is part of the load.
      if (forMs < restMs(trips) && owedPace < TRIAL_PACE) return breaker
      return { kind: 'half-open', sinceMs: nowMs, trips, pace: Math.max(TRIAL_PACE, owedPace) }
    case 'half-open': {
      if (isStrained(load, breaker.pace)) return { kind: 'open', sinceMs: nowMs, trips: trips + 1 }
      if (owedPace > breaker.pace) return { kind: 'half-open', sinceMs, trips, pace: owedPace }
      if (forMs < CALM_MS) return breaker
      const pace = breaker.pace * 2
      if (pace < 1) return { kind: 'half-open', sinceMs: nowMs, trips: made, pace }
      return { kind: 'closed', sinceMs: nowMs, trips: made }
    }
    default:
      return unreachable(breaker)
  }
}

export const restMs = (trips: number): number => REST_MS * 2 ** Math.min(REST_DOUBLINGS_MAX, Math.max(0, trips - 1))

/** Share of its worker's time that a rebuild may take, 0 to 1. */
export const paceOf = (breaker: Breaker): number =>
  breaker.kind === 'half-open' ? breaker.pace : breaker.kind === 'open' ? 0 : 1
