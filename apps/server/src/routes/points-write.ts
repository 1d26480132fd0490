import type { JsonObject, PointId, RecordOp } from '@meridian/core'
import { type Collection, promised, type WriteReceipt } from '@meridian/replica'
import { badRequest, formatError, invalid, noPoint, unsupported } from '../http/errors.js'
import type { JsonMap } from '../http/json-parse.js'
import type { Call, Route } from '../http/router.js'
import { selected } from '../query/matching.js'
import { collectionOf, type Region } from '../region.js'
import { readSelector } from '../schema/filter.js'
import { readWait } from '../schema/params.js'
import { readPoints } from '../schema/points.js'
import { readPointId } from '../schema/point-id.js'
import { NO_SHARD_KEYS, readArray, readMap, readTexts, refuseFields } from '../schema/read.js'
import { readVectors, spaceParams } from '../schema/vector.js'

/** What a write route makes of its body: every op checked before any is staged. */
export type ReadOps = (body: JsonMap, collection: Collection, region: Region) => RecordOp[]

/** A route that reads ops from its body and writes them as one transaction. */
export const writeRoute = (region: Region, method: Route['method'], path: string, readOps: ReadOps): Route => ({
  method,
  path: `/collections/:collection${path}`,
  handle: async (call) => {
    const started = performance.now()
    const result = await write(region, call, readOps)
    region.metrics.insertSeconds.observe((performance.now() - started) / 1000)
    return result
  },
})

const write = async (region: Region, { params, query, body }: Call, readOps: ReadOps) => {
  const wait = readWait(query)
  const collection = collectionOf(region, params.collection!)
  const map = readMap(body, 'body')
  refuseFields(map, '', { shard_key: NO_SHARD_KEYS })
  const ops = readOps(map, collection, region)
  const status = wait ? 'completed' : 'acknowledged'
  if (ops.length === 0)
    return { operation_id: region.replica.status().vectors.merged.get(region.config.replica), status }
  const receipt = await promised<WriteReceipt>((done) =>
    region.replica.write({ collection: collection.name, ops }, done),
  )
  return { operation_id: receipt.seq, status }
}

export const pointsWriteRoutes = (region: Region): Route[] => [
  writeRoute(region, 'PUT', '/points', upsert),
  writeRoute(region, 'POST', '/points/delete', remove),
  writeRoute(region, 'PUT', '/points/vectors', updateVectors),
  writeRoute(region, 'POST', '/points/vectors/delete', deleteVectors),
  {
    method: 'POST',
    path: '/collections/:collection/points/batch',
    handle: ({ params }) => {
      collectionOf(region, params.collection!)
      throw unsupported('batches of mixed operations are not supported yet; send them one by one')
    },
  },
]

const upsert: ReadOps = (body, collection, { config }) => {
  const mode = body.update_mode ?? 'upsert'
  if (mode !== 'upsert') throw unsupported('update_mode: only upsert is supported yet; leave it out')
  refuseFields(body, '', { update_filter: 'conditional upserts are not supported yet; leave it out' })
  return readPoints(body, collection.config, config.batchPointsMax)
}

const remove: ReadOps = (body, collection, { config }) =>
  selected(collection, readSelector(body, config.batchPointsMax), 'skip').map((id) => ({ kind: 'delete', id }))

const updateVectors: ReadOps = (body, collection, { config }) => {
  refuseFields(body, '', { update_filter: 'conditional updates are not supported yet; leave it out' })
  const points = readArray(body.points, 'points')
  if (points.length === 0) throw invalid('points', 'no points, send at least one')
  if (points.length > config.batchPointsMax)
    throw invalid('points', `${points.length} points, send at most ${config.batchPointsMax} in one request`)
  return points.map((item, i) => {
    const map = readMap(item, `points[${i}]`)
    const id = readPointId(map.id, `points[${i}].id`)
    const vectors = readVectors(map.vector, `points[${i}].vector`, collection.config)
    if (collection.find(id) === undefined) throw noPoint(id)
    return patch(id, { vectors })
  })
}

const deleteVectors: ReadOps = (body, collection, { config }) => {
  if (body.vector === undefined) throw formatError('missing field `vector`; send the names of the vectors to delete')
  const names = [...new Set(readTexts(body.vector, 'vector'))]
  if (names.length === 0) throw badRequest('vector: no names; send at least one')
  for (const name of names) spaceParams(collection.config, name)
  return selected(collection, readSelector(body, config.batchPointsMax), 'skip').map((id) =>
    patch(id, { dropVectors: names }),
  )
}

interface Change {
  readonly clear?: boolean
  readonly set?: JsonObject
  readonly unset?: readonly string[]
  readonly vectors?: ReadonlyMap<string, Float32Array>
  readonly dropVectors?: readonly string[]
}

/** A change of single cells; what is not named stays. */
export const patch = (id: PointId, change: Change): RecordOp => ({
  kind: 'patch',
  id,
  clear: change.clear ?? false,
  set: change.set ?? {},
  unset: change.unset ?? [],
  vectors: change.vectors ?? new Map(),
  dropVectors: change.dropVectors ?? [],
})
