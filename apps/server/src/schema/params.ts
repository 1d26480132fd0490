import type { Level } from '@meridian/replica'
import { badRequest } from '../http/errors.js'

/** Query parameters of a write. Every write is durable and searchable before it is answered, so `wait` only picks the word. */
export const readWait = (query: URLSearchParams): boolean => {
  readTimeout(query)
  readOrdering(query)
  const wait = query.get('wait') ?? 'false'
  if (wait !== 'true' && wait !== 'false') throw badRequest(`wait ${wait}: use true or false`)
  return wait === 'true'
}

/** Qdrant's write ordering as a write concern; `undefined` when none was asked for. */
export const readOrdering = (query: URLSearchParams): 'local' | 'quorum' | 'linearizable' | undefined => {
  const ordering = query.get('ordering')
  if (ordering === null) return undefined
  if (ordering === 'weak') return 'local'
  if (ordering === 'medium') return 'quorum'
  if (ordering === 'strong') return 'linearizable'
  throw badRequest(`ordering ${ordering}: use weak, medium or strong`)
}

/** Query parameters of a read; what they ask for was waited for before. */
export const checkRead = (query: URLSearchParams): void => {
  readTimeout(query)
  readConsistency(query)
}

/** Qdrant's read consistency: how many regions are asked for what they have, this one included. */
export const readConsistency = (query: URLSearchParams): Level => {
  const text = query.get('consistency')
  if (text === null || text === '1') return 'local'
  if (text === 'majority' || text === 'quorum') return 'quorum'
  if (text === 'all') return 'all'
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text)
  throw badRequest(`consistency ${text}: use a number of regions, majority, quorum or all`)
}

/** Milliseconds; `undefined` when no bound was asked for. */
export const readTimeout = (query: URLSearchParams): number | undefined => {
  const text = query.get('timeout')
  if (text === null) return undefined
  if (!/^\d{1,6}$/.test(text) || Number(text) === 0)
    throw badRequest(`timeout ${text}: send whole seconds from 1 to 999999`)
  return Number(text) * 1000
}

/** Of a collection's `metadata`, its default; of a request's headers, what this one asks for. */
export const CONCERN_KEY = 'meridian-write-concern'

/** @throws StoreError `BAD_REQUEST`. */
export const parseConcern = (text: string, from: string): Level => {
  if (text === 'local' || text === 'quorum' || text === 'all') return text
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text)
  throw badRequest(`${from} ${JSON.stringify(text.slice(0, 40))}: send local, quorum, all or a number of regions`)
}
