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
}

/**
 * What keeps a rebuild from taking from those who search.
 *
 *            strained                     rested (1 s, doubling to 16 s)
 *   closed ───────────▶ open ───────────────────────────────▶ half-open
 *      ▲                  ▲                                       │ │
 *      │                  └────────────── strained ───────────────┘ │
 *      └──────────────────────── calm for 2 s ──────────────────────┘
 */
export type Breaker =
  /** Rebuilding goes on. `trips`: how often it was interrupted of late; forgotten after a quiet minute. */
  | { readonly kind: 'closed'; readonly sinceMs: number; readonly trips: number }
  /** Rebuilding stands still. */
  | { readonly kind: 'open'; readonly sinceMs: number; readonly trips: number }
  /** Rebuilding is tried slowly. */
  | { readonly kind: 'half-open'; readonly sinceMs: number; readonly trips: number }

/** How fast a rebuild goes: as fast as messages let it, a tenth of the time, not at all. */
export type Pace = 'full' | 'slow' | 'stopped'

/** Searches may be this much slower than without a rebuild, in share and in milliseconds, whichever is more. */
const SLOWER_MAX = 1.5
const SLOWER_MS_MAX = 0.5
const CPU_SHARE_MAX = 0.85
const LATE_MS_MAX = 50

const REST_MS = 1000
const REST_DOUBLINGS_MAX = 4
const TRIAL_MS = 2000
const FORGET_MS = 60_000

export const CLOSED: Breaker = { kind: 'closed', sinceMs: 0, trips: 0 }

/** Whether rebuilding should make room. Searches whose time without a rebuild is not known yet are measured first. */
export const isStrained = ({ servingMs, calmMs, cpuShare, lateMs }: Load): boolean => {
  if (servingMs !== undefined) {
    if (calmMs === undefined) return true
    if (servingMs > Math.max(calmMs * SLOWER_MAX, calmMs + SLOWER_MS_MAX)) return true
  }
  return (cpuShare ?? 0) > CPU_SHARE_MAX || (lateMs ?? 0) > LATE_MS_MAX
}

/** Pure: the state after a look at the load at `nowMs`, monotonic milliseconds. */
export const stepBreaker = (breaker: Breaker, load: Load, nowMs: number): Breaker => {
  const { trips, sinceMs } = breaker
  const forMs = nowMs - sinceMs
  switch (breaker.kind) {
    case 'closed':
      if (isStrained(load)) return { kind: 'open', sinceMs: nowMs, trips: trips + 1 }
      return trips > 0 && forMs >= FORGET_MS ? { kind: 'closed', sinceMs: nowMs, trips: 0 } : breaker
    case 'open':
      // However long the strain lasts, it is tried now and then: a worn graph is part of the load.
      return forMs >= restMs(trips) ? { kind: 'half-open', sinceMs: nowMs, trips } : breaker
    case 'half-open':
      if (isStrained(load)) return { kind: 'open', sinceMs: nowMs, trips: trips + 1 }
      return forMs >= TRIAL_MS ? { kind: 'closed', sinceMs: nowMs, trips } : breaker
    default:
      return unreachable(breaker)
  }
}

export const restMs = (trips: number): number => REST_MS * 2 ** Math.min(REST_DOUBLINGS_MAX, Math.max(0, trips - 1))

const PACES: Readonly<Record<Breaker['kind'], Pace>> = { closed: 'full', open: 'stopped', 'half-open': 'slow' }

export const paceOf = ({ kind }: Breaker): Pace => PACES[kind]
