import { StoreError } from '@meridian/core'
import { type ConflictNote, promised, timeOf, type WriteReceipt } from '@meridian/replica'
import { z } from 'zod'
import { copyIdOf } from '../conflicts/copy-id.js'
import { shownConflict, regionOf } from '../conflicts/show.js'
import { noteWritten } from '../guarantees/written.js'
import { badRequest } from '../http/errors.js'
import type { Call, Route } from '../http/router.js'
import type { Operation } from '../openapi/operation.js'
import { collectionOf, type Region } from '../region.js'
import { type ConflictQuery, formatPlace, parseConflictQuery, type Place, readDecision } from '../schema/conflicts.js'
import { readWait } from '../schema/params.js'
import { readMap } from '../schema/read.js'

const LIST = '/meridian/collections/:collection/conflicts'
const CONFLICT_ID = /^[0-9a-f]{16}$/
/** Looked at for one page: a filter that fits few of many goes on at the next. */
const LOOKED_AT_MAX = 10_000

/** The conflict inbox. */
export const conflictRoutes = (region: Region): Route[] => [
  { method: 'GET', path: LIST, doc: LIST_DOC, handle: ({ params, query }) => list(region, params.collection!, query) },
  { method: 'GET', path: `${LIST}/:id`, doc: SHOW_DOC, handle: (call) => show(region, call) },
  {
    method: 'POST',
    path: `${LIST}/:id/resolve`,
    doc: RESOLVE_DOC,
    needs: 'write',
    handle: (call) => resolve(region, call),
  },
]

const parseId = (text: string): string => {
  if (!CONFLICT_ID.test(text))
    throw badRequest(`conflict ${text.slice(0, 40)}: an id is 16 hex digits, as the list gives it`)
  return text
}

const list = (region: Region, name: string, params: URLSearchParams) => {
  const collection = collectionOf(region, name)
  const query = parseConflictQuery(params)
  const book = region.replica.conflicts(collection.name)
  const writerOf = regionOf(region)
  const found: ConflictNote[] = []
  let last: Place | undefined
  let looked = 0
  let isMore = false
  for (const { note, state } of notes(region, collection.name, query)) {
    if (found.length === query.limit || looked === LOOKED_AT_MAX) {
      isMore = true
      break
    }
    looked++
    last = { state, time: timeOf(note), id: note.id }
    if (fits(note, query, (stamp) => writerOf(stamp))) found.push(note)
  }
  return {
    conflicts: found.flatMap((note) => {
      try {
        return [shownConflict(book, note, writerOf, query.withVectors)]
      } catch (error) {
        // One whose row is damaged is dropped with the next start; it must not hide the others.
        if (error instanceof StoreError && error.code === 'STORAGE_CORRUPT') return []
        throw error
      }
    }),
    next_page_offset: isMore && last !== undefined ? formatPlace(last) : null,
    open: book.openCount,
    settled: book.settledCount,
  }
}

function* notes(region: Region, name: string, { states, after }: ConflictQuery) {
  const book = region.replica.conflicts(name)
  const from = after === undefined ? 0 : states.indexOf(after.state as never)
  if (from < 0) throw badRequest('offset: it is of a list with another state; start without one')
  for (const state of states.slice(from))
    for (const note of book.list(state, after?.state === state ? after : undefined)) yield { note, state }
}

const fits = (
  note: ConflictNote,
  { sinceMs, untilMs, region, point }: ConflictQuery,
  writerOf: ReturnType<typeof regionOf>,
): boolean => {
  const { ms } = timeOf(note)
  if (ms < sinceMs || ms > untilMs || (point !== undefined && note.point !== point)) return false
  return region === undefined || [note.winner, note.loser].some(({ head }) => writerOf(head.stamp) === region)
}

const show = (region: Region, { params }: Call) => {
  const book = region.replica.conflicts(collectionOf(region, params.collection!).name)
  const { note } = book.detail(parseId(params.id!))
  return shownConflict(book, note, regionOf(region), true)
}

const resolve = async (region: Region, { params, query, body }: Call) => {
  readWait(query)
  const { name } = collectionOf(region, params.collection!)
  const id = parseId(params.id!)
  const decision = readDecision(readMap(body, 'body'), () => copyIdOf(id))
  const { seq } = await promised<WriteReceipt>((done) => region.replica.resolveConflict(name, id, decision, done))
  noteWritten(seq)
  return {
    operation_id: seq,
    status: 'completed',
    ...('keep' in decision && decision.keep === 'both' ? { new_id: decision.newId } : {}),
  }
}

const any = z.unknown()
const Side = z.looseObject({ region: z.string().optional(), stamp: z.looseObject({}), value: z.looseObject({}) })
const Conflict = z.looseObject({
  id: z.string(),
  point_id: any,
  cell: z.string().meta({ description: 'record, vectors, payload or payload/<key>' }),
  state: z.enum(['open', 'settled']),
  at: z.string(),
  rule: z.string(),
  winner: Side,
  loser: Side,
  cosine: z.record(z.string(), z.number()).optional(),
})

const LIST_DOC: Operation = {
  summary: 'Concurrent writes of one cell, newest first',
  tag: 'Meridian',
  result: z.looseObject({
    conflicts: z.array(Conflict),
    next_page_offset: z.string().nullable(),
    open: z.int().nonnegative(),
    settled: z.int().nonnegative(),
  }),
  query: {
    state: 'open (default), settled or all',
    limit: '1 to 100, default 10',
    offset: 'next_page_offset of the page before',
    since: 'milliseconds since 1970 or ISO 8601, of the newer write, inclusive',
    until: 'as since, inclusive',
    region: 'wrote the winner or the loser',
    point_id: 'of this record only',
    with_vector: 'true: vectors in full; else their names',
    consistency: 'number of regions, majority, quorum or all',
    timeout: 'whole seconds',
  },
}
const SHOW_DOC: Operation = { summary: 'One conflict, vectors in full', tag: 'Meridian', result: Conflict }
const RESOLVE_DOC: Operation = {
  summary: 'Decide a conflict by an ordinary write, or undo that',
  tag: 'Meridian',
  body: z.looseObject({
    keep: z.enum(['winner', 'loser', 'both']).nullish(),
    new_id: any.optional(),
    undo: z.boolean().nullish(),
  }),
  result: z.looseObject({ operation_id: z.number(), status: z.string() }),
  query: { wait: 'true or false', ordering: 'weak or medium', timeout: 'whole seconds' },
}
