import { needOf } from '../http/access.js'
import { byRoute } from '../http/by-route.js'
import type { Route } from '../http/router.js'

/** Whether a route reads or writes what is replicated; `other` does neither, and no guarantee has a meaning for it. */
export type Kind = 'read' | 'write' | 'other'

const REPLICATED = /^(?:\/meridian)?\/(?:collections|aliases)(?:\/|$)/
const RESTORES = /\/snapshots\/(?:recover|upload)$/

export const kindOf = byRoute((route: Route): Kind => {
  if (route.isOpen || route.isProbe || route.doc?.isRefused) return 'other'
  if (route.path.includes('/snapshots')) return RESTORES.test(route.path) ? 'write' : 'other'
  if (!REPLICATED.test(route.path)) return 'other'
  return needOf(route) === 'read' || route.method === 'GET' ? 'read' : 'write'
})

type Meanings = Readonly<Record<string, string>>

const BOTH: Meanings = { 'meridian-token': 'a session: what its earlier answers showed or wrote is seen' }

/** Request headers of a kind, for the published document. */
export const REQUEST_HEADERS: Readonly<Record<Kind, Meanings>> = {
  read: {
    ...BOTH,
    'meridian-consistency': 'local, quorum, all; of points by id also linearizable',
    'meridian-max-staleness-ms': 'how old the answer may be at most',
    'meridian-allow-stale': 'true: answer though the above was not reached in time',
  },
  write: {
    ...BOTH,
    'meridian-write-concern': 'local, quorum, all or a number of regions; of whole points by id also linearizable',
  },
  other: {},
}

export const ANSWER_HEADERS: Readonly<Record<Kind, readonly string[]>> = {
  read: ['meridian-token', 'meridian-served-by'],
  write: ['meridian-token', 'meridian-write-status', 'meridian-durable-in'],
  other: [],
}
