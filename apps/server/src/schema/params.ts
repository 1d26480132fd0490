import { badRequest, unsupported } from '../http/errors.js'

/** Query parameters of a write. Every write is durable and searchable before it is answered, so `wait` only picks the word. */
export const readWait = (query: URLSearchParams): boolean => {
  readTimeout(query)
  const ordering = query.get('ordering') ?? 'weak'
  if (!['weak', 'medium', 'strong'].includes(ordering)) throw badRequest(`ordering ${ordering}: use weak`)
  if (ordering !== 'weak') throw unsupported(`ordering=${ordering}: writes are ordered by their stamps; use weak`)
  const wait = query.get('wait') ?? 'false'
  if (wait !== 'true' && wait !== 'false') throw badRequest(`wait ${wait}: use true or false`)
  return wait === 'true'
}

/** Query parameters of a read. Reads are answered by this region alone. */
export const checkRead = (query: URLSearchParams): void => {
  readTimeout(query)
  const consistency = query.get('consistency') ?? '1'
  if (consistency === '1') return
  if (!/^\d+$/.test(consistency) && !['majority', 'quorum', 'all'].includes(consistency))
    throw badRequest(`consistency ${consistency}: use 1`)
  throw unsupported(`consistency=${consistency}: not supported yet; use 1 or leave it out`)
}

/** Milliseconds; `undefined` when no bound was asked for. */
export const readTimeout = (query: URLSearchParams): number | undefined => {
  const text = query.get('timeout')
  if (text === null) return undefined
  if (!/^\d{1,6}$/.test(text) || Number(text) === 0)
    throw badRequest(`timeout ${text}: send whole seconds from 1 to 999999`)
  return Number(text) * 1000
}
