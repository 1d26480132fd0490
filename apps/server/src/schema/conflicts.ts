import { COUNTER_MAX, MS_MAX, type PointId, type Stamp } from '@meridian/core'
import type { Decision } from '@meridian/replica'
import { badRequest, formatError } from '../http/errors.js'
import type { JsonMap } from '../http/json-parse.js'
import { parsePointId, readPointId } from './point-id.js'
import { optional, readFlag, readText, refuseUnknown } from './read.js'

/** What `GET …/conflicts` asks for. Times in milliseconds since 1970, of the newer write; both inclusive. */
export interface ConflictQuery {
  readonly states: readonly ('open' | 'settled')[]
  readonly limit: number
  readonly after: Place | undefined
  readonly sinceMs: number
  readonly untilMs: number
  /** Wrote the winner or the loser. */
  readonly region: string | undefined
  readonly point: PointId | undefined
  readonly withVectors: boolean
}

/** Where a page ended: the state and place of its last conflict. */
export interface Place {
  readonly state: 'open' | 'settled'
  readonly time: Stamp
  readonly id: string
}

const LIMIT_MAX = 100
const STATES = { open: ['open'], settled: ['settled'], all: ['open', 'settled'] } as const
const NAMES = ['state', 'limit', 'offset', 'since', 'until', 'region', 'point_id', 'with_vector']
/** Of the guarantees, which are read elsewhere. */
const COMMON = ['consistency', 'timeout']

/** @throws StoreError `BAD_REQUEST` naming the parameter. */
export const parseConflictQuery = (query: URLSearchParams): ConflictQuery => {
  for (const name of query.keys())
    if (!NAMES.includes(name) && !COMMON.includes(name))
      throw badRequest(`${name}: unknown parameter, use ${NAMES.join(', ')}`)
  const state = query.get('state') ?? 'open'
  if (!Object.hasOwn(STATES, state)) throw badRequest(`state ${state.slice(0, 40)}: use open, settled or all`)
  const limit = query.get('limit') ?? '10'
  if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > LIMIT_MAX)
    throw badRequest(`limit ${limit.slice(0, 40)}: use a number from 1 to ${LIMIT_MAX}`)
  const vectors = query.get('with_vector') ?? 'false'
  if (vectors !== 'true' && vectors !== 'false')
    throw badRequest(`with_vector ${vectors.slice(0, 40)}: use true or false`)
  const point = query.get('point_id')
  const offset = query.get('offset')
  return {
    states: STATES[state as keyof typeof STATES],
    limit: Number(limit),
    after: offset === null ? undefined : parsePlace(offset),
    sinceMs: parseTime(query.get('since'), 'since') ?? 0,
    untilMs: parseTime(query.get('until'), 'until') ?? Number.POSITIVE_INFINITY,
    region: query.get('region') ?? undefined,
    point: point === null ? undefined : parsePointId(point),
    withVectors: vectors === 'true',
  }
}

const parseTime = (text: string | null, name: string): number | undefined => {
  if (text === null) return undefined
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isNaN(ms))
    throw badRequest(`${name} ${text.slice(0, 40)}: use milliseconds since 1970 or a time in ISO 8601`)
  return ms
}

export const formatPlace = ({ state, time, id }: Place): string =>
  `${state}-${time.ms}-${time.counter}-${time.writer}-${id}`

const parsePlace = (text: string): Place => {
  const match = /^(open|settled)-(\d{1,15})-(\d{1,5})-(\d{1,3})-([0-9a-f]{16})$/.exec(text)
  const [ms, counter, writer] = [Number(match?.[2]), Number(match?.[3]), Number(match?.[4])]
  if (match === null || ms > MS_MAX || counter > COUNTER_MAX || writer < 1 || writer > 255)
    throw badRequest(`offset ${text.slice(0, 80)}: send the next_page_offset of the page before, as it is`)
  return { state: match[1] as Place['state'], time: { ms, counter, writer: writer as Stamp['writer'] }, id: match[5]! }
}

/**
 * The body of `…/resolve`. `derived` makes the id of a copy when none is given.
 * @throws StoreError `MALFORMED_BODY`.
 */
export const readDecision = (body: JsonMap, derived: () => PointId): Decision => {
  refuseUnknown(body, 'body', ['keep', 'new_id', 'undo'])
  const isUndo = optional(body.undo, 'undo', false, readFlag)
  const keep = optional(body.keep, 'keep', undefined, readText)
  const newId = optional(body.new_id, 'new_id', undefined, readPointId)
  if (isUndo) {
    if (keep !== undefined) throw formatError('keep and undo are both given: send one of them')
    return { undo: true, derivedId: derived(), ...(newId === undefined ? {} : { newId }) }
  }
  if (keep === 'both') return newId === undefined ? { keep, newId: derived(), isDerived: true } : { keep, newId }
  if (newId !== undefined) throw formatError('new_id: it names the copy of {"keep": "both"}; leave it out')
  if (keep === 'winner' || keep === 'loser') return { keep }
  throw formatError('keep: send winner, loser or both, or {"undo": true}')
}
