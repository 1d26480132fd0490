import type { ReplicaId } from '@meridian/core'
import type { TransactionLog } from '../transaction-log.js'

/** What is durable in one place and not yet in another. All zero when nothing is: an idle cluster lags by nothing. */
export interface Behind {
  /** Age of the oldest missing write. */
  readonly seconds: number
  /** Transactions, of all origins. */
  readonly writes: number
  /** As sent. Where the log does not reach back, of what it still holds. */
  readonly bytes: number
}

export interface Elsewhere {
  /** Up to which seq it is durable there. */
  has(origin: ReplicaId): number
  /** An origin's wall clock minus ours: its stamps are read by ours, or a wrong clock would show as lag. */
  offsetMs(origin: ReplicaId): number
  readonly wallMs: number
}

/** What this log has and `elsewhere` does not. Reads a few log entries an origin. */
export const behindOf = (log: TransactionLog, elsewhere: Elsewhere): Behind => {
  let writes = 0
  let bytes = 0
  let oldestMs = Number.POSITIVE_INFINITY
  for (const [origin, seq] of log.vector.entries()) {
    const has = elsewhere.has(origin)
    if (has >= seq) continue
    writes += seq - has
    // Where the log was trimmed or state took its place, what is known of it begins with the oldest entry kept.
    bytes += Math.max(0, log.totalAt(origin, seq) - log.totalAt(origin, has))
    const first = log.entry(origin, has + 1) ?? log.oldestEntry(origin, has + 1)
    if (first !== undefined) oldestMs = Math.min(oldestMs, first.atMs - elsewhere.offsetMs(origin))
  }
  const seconds = oldestMs === Number.POSITIVE_INFINITY ? 0 : Math.max(0, elsewhere.wallMs - oldestMs) / 1000
  return { seconds, writes, bytes }
}
