import type { IncomingHttpHeaders } from 'node:http'
import type { Level } from '@meridian/replica'
import { badRequest } from '../http/errors.js'
import { CONCERN_KEY, parseConcern, readConsistency, readOrdering, readTimeout } from '../schema/params.js'

/** A wait without a bound of its own ends after this. */
const TIMEOUT_DEFAULT_MS = 10_000
/** A longer wait is not kept up; the answer then comes as if the time were over. */
const TIMEOUT_MAX_MS = 300_000
const AGE_MAX_MS = 24 * 60 * 60 * 1000

/** What a caller asks for beyond an answer of this region as it is now. */
export interface Demand {
  /** `undefined` when the caller leaves it to the collection. */
  readonly concern: Level | 'linearizable' | undefined
  readonly consistency: Level | 'linearizable'
  /** As sent. */
  readonly token: string | undefined
  readonly stalenessMaxMs: number | undefined
  /** Answer as things are when the barrier is late. */
  readonly mayBeStale: boolean
  readonly timeoutMs: number
}

/** Headers win over Qdrant's query parameters. @throws StoreError `BAD_REQUEST`. */
export const readDemand = (headers: IncomingHttpHeaders, query: URLSearchParams): Demand => {
  const header = (name: string): string | undefined => {
    const value = headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }
  const concern = header('meridian-write-concern')
  const consistency = header('meridian-consistency')
  const staleness = header('meridian-max-staleness-ms')
  const stale = header('meridian-allow-stale')
  if (stale !== undefined && stale !== 'true' && stale !== 'false')
    throw badRequest(`meridian-allow-stale ${cut(stale)}: send true or false`)
  return {
    concern: concern === undefined ? readOrdering(query) : parseDemanded(concern),
    consistency: consistency === undefined ? readConsistency(query) : parseConsistency(consistency),
    token: header('meridian-token'),
    stalenessMaxMs: staleness === undefined ? undefined : parseAge(staleness),
    mayBeStale: stale === 'true',
    timeoutMs: Math.min(readTimeout(query) ?? TIMEOUT_DEFAULT_MS, TIMEOUT_MAX_MS),
  }
}

/** `linearizable` is asked for by a request, never by a collection. */
const parseDemanded = (text: string): Level | 'linearizable' =>
  text === 'linearizable' ? text : parseConcern(text, CONCERN_KEY)

const parseConsistency = (text: string): Level | 'linearizable' => {
  if (text === 'local' || text === 'quorum' || text === 'all' || text === 'linearizable') return text
  throw badRequest(`meridian-consistency ${cut(text)}: send local, quorum, all or linearizable`)
}

const parseAge = (text: string): number => {
  if (/^\d{1,8}$/.test(text) && Number(text) <= AGE_MAX_MS) return Number(text)
  throw badRequest(`meridian-max-staleness-ms ${cut(text)}: send whole milliseconds from 0 to ${AGE_MAX_MS}`)
}

const cut = (text: string): string => JSON.stringify(text.slice(0, 40))
