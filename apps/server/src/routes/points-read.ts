import type { Collection } from '@meridian/replica'
import { badRequest, noPoint } from '../http/errors.js'
import type { JsonMap } from '../http/json-parse.js'
import type { Call, Route } from '../http/router.js'
import { countMatching, matching, matchingInOrder } from '../query/matching.js'
import { type OrderBy, Ordered } from '../query/order-by.js'
import { EVERYTHING, type Parts, readParts, refuseHugeAnswer, show } from '../query/present.js'
import { collectionOf, type Region } from '../region.js'
import { type ReadFilter, readFilter } from '../schema/filter.js'
import { readOrderBy } from '../schema/order-by.js'
import { checkRead } from '../schema/params.js'
import { parsePointId, readPointId, readPointIds } from '../schema/point-id.js'
import { LIMIT_DEFAULT } from '../schema/query.js'
import { NO_SHARD_KEYS, optional, readFlag, readInteger, readMap, refuseFields } from '../schema/read.js'

/** Reads of records, by id or in the order of ids. */
export const pointsReadRoutes = (region: Region): Route[] => [
  {
    method: 'GET',
    path: '/collections/:collection/points/:id',
    handle: ({ params, query }) => {
      checkRead(query)
      const collection = collectionOf(region, params.collection!)
      const id = parsePointId(params.id!)
      const ordinal = collection.find(id)
      if (ordinal === undefined) throw noPoint(id)
      return record(collection, ordinal, EVERYTHING)
    },
  },
  readRoute(region, '/points', retrieve),
  readRoute(region, '/points/scroll', scroll),
  readRoute(region, '/points/count', count),
]

type Read = (body: JsonMap, collection: Collection, region: Region) => unknown

const readRoute = (region: Region, path: string, read: Read): Route => ({
  method: 'POST',
  path: `/collections/:collection${path}`,
  handle: ({ params, query, body }: Call) => {
    checkRead(query)
    const collection = collectionOf(region, params.collection!)
    const map = readMap(body ?? {}, 'body')
    refuseFields(map, '', { shard_key: NO_SHARD_KEYS })
    return read(map, collection, region)
  },
})

const record = (collection: Collection, ordinal: number, parts: Parts) => ({
  id: collection.id(ordinal),
  ...show(collection, ordinal, parts),
})

/** Ids that are not there are left out. */
const retrieve: Read = (body, collection, { config }) => {
  const ids = readPointIds(body.ids, 'ids', config.limitMax)
  const parts = readParts(body, collection.config, true)
  refuseHugeAnswer(parts, collection.config, ids.length)
  const ordinals = ids.map((id) => collection.find(id))
  return ordinals.flatMap((ordinal) => (ordinal === undefined ? [] : [record(collection, ordinal, parts)]))
}

const scroll: Read = (body, collection, { config }) => {
  const limit = optional(body.limit, 'limit', LIMIT_DEFAULT, (value, path) =>
    readInteger(value, path, 1, config.limitMax),
  )
  const from = optional(body.offset, 'offset', undefined, readPointId)
  const filter = optional(body.filter, 'filter', undefined, readFilter)
  const parts = readParts(body, collection.config, true)
  refuseHugeAnswer(parts, collection.config, limit)
  const by = optional(body.order_by, 'order_by', undefined, readOrderBy)
  if (by !== undefined) {
    if (from !== undefined)
      throw badRequest(
        "Cannot use an `offset` when using `order_by`. The alternative for paging is to use `order_by.start_from` and a filter to exclude the IDs that you've already seen for the `order_by.start_from` value",
      )
    return { points: inOrderOf(by, collection, filter, limit, parts), next_page_offset: null }
  }
  const points: unknown[] = []
  for (const ordinal of matchingInOrder(collection, filter, from)) {
    if (points.length === limit) return { points, next_page_offset: collection.id(ordinal) }
    points.push(record(collection, ordinal, parts))
  }
  return { points, next_page_offset: null }
}

/** Paging goes by value: from the last one shown, without the ids shown. */
const inOrderOf = (
  by: OrderBy,
  collection: Collection,
  filter: ReadFilter | undefined,
  limit: number,
  parts: Parts,
): unknown[] => {
  const ordered = new Ordered(by, limit)
  for (const ordinal of matching(collection, filter)) ordered.offer(collection.id(ordinal), collection.payload(ordinal))
  return ordered.take().flatMap(({ id, orderValue }) => {
    const ordinal = collection.find(id)
    return ordinal === undefined ? [] : [{ ...record(collection, ordinal, parts), order_value: orderValue }]
  })
}

const count: Read = (body, collection) => {
  optional(body.exact, 'exact', true, readFlag)
  return { count: countMatching(collection, optional(body.filter, 'filter', undefined, readFilter)) }
}
