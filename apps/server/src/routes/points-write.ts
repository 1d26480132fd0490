import type { RecordOp } from '@meridian/core'
import type { ResolveOps } from '@meridian/replica'
import { linearizableWrite } from '../guarantees/written.js'
import { badRequest, formatError, invalid, noPoint } from '../http/errors.js'
import type { Call, Route } from '../http/router.js'
import { passes, selected } from '../query/matching.js'
import { collectionOf, type Region } from '../region.js'
import { readContent } from '../schema/content.js'
import { type ReadFilter, readFilter, readSelector } from '../schema/filter.js'
import { readWait } from '../schema/params.js'
import { readPointId } from '../schema/point-id.js'
import { readPoints } from '../schema/points.js'
import { NO_SHARD_KEYS, optional, readArray, readMap, readText, readTexts, refuseFields } from '../schema/read.js'
import { readVectors, spaceParams } from '../schema/vector.js'
import { commit, later, patch, type Plan, type ReadPlan } from '../write-plan.js'

/** A route that reads a plan from its body and writes it as one transaction. */
export const writeRoute = (region: Region, method: Route['method'], path: string, readPlan: ReadPlan): Route => ({
  method,
  path: `/collections/:collection${path}`,
  handle: (call) => write(region, call, readPlan, (result) => result),
})

/** Reads, writes, and shows what `shown` makes of the result. */
export const write = async <T>(
  region: Region,
  { params, query, body, bodyBytes }: Call,
  readPlan: ReadPlan,
  shown: (result: { operation_id: number; status: string }) => T,
): Promise<T> => {
  const started = performance.now()
  const wait = readWait(query)
  const collection = collectionOf(region, params.collection!)
  const map = readMap(body, 'body')
  refuseFields(map, '', { shard_key: NO_SHARD_KEYS })
  const plan = readPlan(map, collection, region)
  const result = {
    operation_id: await commit(region, collection, plan, bodyBytes),
    status: wait ? 'completed' : 'acknowledged',
  }
  region.metrics.insertSeconds.observe((performance.now() - started) / 1000)
  return shown(result)
}

export const pointsWriteRoutes = (region: Region): Route[] => [
  { ...writeRoute(region, 'PUT', '/points', upsert), hasVectors: true },
  writeRoute(region, 'POST', '/points/delete', remove),
  { ...writeRoute(region, 'PUT', '/points/vectors', updateVectors), hasVectors: true },
  writeRoute(region, 'POST', '/points/vectors/delete', deleteVectors),
]

const MODES = ['upsert', 'insert_only', 'update_only']

export const upsert: ReadPlan = (body, collection, { config }) => {
  const puts = readPoints(body, collection.config, config.batchPointsMax)
  const mode = optional(body.update_mode, 'update_mode', 'upsert', readText)
  if (!MODES.includes(mode))
    throw formatError(`update_mode: unknown variant \`${mode.slice(0, 40)}\`, expected one of ${MODES.join(', ')}`)
  const filter = optional(body.update_filter, 'update_filter', undefined, readFilter)
  return mode === 'upsert' && filter === undefined ? puts : conditional(puts, mode, filter)
}

/** Asked of what was there before the request: of an id that is given twice, both count or neither. */
const conditional = (puts: readonly RecordOp[], mode: string, filter: ReadFilter | undefined): Plan =>
  later(
    (now) =>
      puts.filter(({ id }) => {
        const ordinal = now.find(id)
        if (ordinal === undefined) return mode !== 'update_only'
        return mode !== 'insert_only' && passes(now, ordinal, filter)
      }),
    puts,
  )

export const remove: ReadPlan = (body, _collection, { config }) => {
  const selector = readSelector(body, config.batchPointsMax)
  // Not only of what is here: what is not may be on its way.
  if (selector.kind === 'ids' && linearizableWrite() !== undefined)
    return selector.ids.map((id) => ({ kind: 'delete', id }))
  return later((now) => selected(now, selector, 'skip').map((id) => ({ kind: 'delete', id })))
}

export const updateVectors: ReadPlan = (body, collection, { config }) => {
  const filter = optional(body.update_filter, 'update_filter', undefined, readFilter)
  const points = readArray(body.points, 'points')
  if (points.length === 0) throw invalid('points', 'no points, send at least one')
  if (points.length > config.batchPointsMax)
    throw invalid('points', `${points.length} points, send at most ${config.batchPointsMax} in one request`)
  const updates = points.map((item, i) => {
    const map = readMap(item, `points[${i}]`)
    const id = readPointId(map.id, `points[${i}].id`)
    const content = readContent(map.meridian, `points[${i}].meridian`)
    return { ...patch(id, { vectors: readVectors(map.vector, `points[${i}].vector`, collection.config) }), ...content }
  })
  const resolve: ResolveOps = (now) =>
    updates.filter(({ id }) => {
      const ordinal = now.find(id)
      if (ordinal === undefined) throw noPoint(id)
      return passes(now, ordinal, filter)
    })
  return later(resolve, updates)
}

export const deleteVectors: ReadPlan = (body, collection, { config }) => {
  if (body.vector === undefined) throw formatError('missing field `vector`; send the names of the vectors to delete')
  const names = [...new Set(readTexts(body.vector, 'vector'))]
  if (names.length === 0) throw badRequest('vector: no names; send at least one')
  for (const name of names) spaceParams(collection.config, name)
  const selector = readSelector(body, config.batchPointsMax)
  return later((now) => selected(now, selector, 'skip').map((id) => patch(id, { dropVectors: names })))
}
