import type { Collection } from '@meridian/replica'
import { StoreError } from '@meridian/core'
import { invalid } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import type { Call, Route } from '../http/router.js'
import { matchingInOrder } from '../query/matching.js'
import { show } from '../query/present.js'
import { nearest, shownScore } from '../query/search.js'
import { collectionOf, type Region } from '../region.js'
import { checkRead, readTimeout } from '../schema/params.js'
import { type Query, readQuery, readSearch } from '../schema/query.js'
import { readArray, readMap } from '../schema/read.js'

/** Searches of one batch; more would hold the region up. */
const SEARCHES_MAX = 1000

type ReadOne = (body: JsonMap, collection: Collection, limitMax: number) => Query

/** `points/query`, and the older `points/search` as thin forms of it. */
export const queryRoutes = (region: Region): Route[] => [
  queryRoute(region, 'query', readQuery, (points) => ({ points })),
  queryRoute(region, 'search', readSearch, (points) => points),
  batchRoute(region, 'query', readQuery, (points) => ({ points })),
  batchRoute(region, 'search', readSearch, (points) => points),
]

type Wrap = (points: unknown[]) => unknown

const queryRoute = (region: Region, name: string, read: ReadOne, wrap: Wrap): Route => ({
  method: 'POST',
  path: `/collections/:collection/points/${name}`,
  handle: (call) =>
    timed(region, call, async (collection, signal) => {
      const query = read(readMap(call.body ?? {}, 'body'), collection, region.config.limitMax)
      return wrap(await run(region, collection, query, signal))
    }),
})

/** All requests of a batch are read before the first one runs. */
const batchRoute = (region: Region, name: string, read: ReadOne, wrap: Wrap): Route => ({
  method: 'POST',
  path: `/collections/:collection/points/${name}/batch`,
  handle: (call) =>
    timed(region, call, (collection, signal) => {
      const searches: readonly Json[] = readArray(readMap(call.body, 'body').searches, 'searches')
      if (searches.length > SEARCHES_MAX)
        throw invalid('searches', `${searches.length} searches, send at most ${SEARCHES_MAX}`)
      const queries = searches.map((search, i) =>
        read(readMap(search, `searches[${i}]`), collection, region.config.limitMax),
      )
      return Promise.all(queries.map(async (query) => wrap(await run(region, collection, query, signal))))
    }),
})

/** Bounded by the request's `timeout` and by the client's patience. */
const timed = async <T>(
  region: Region,
  call: Call,
  search: (collection: Collection, signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  checkRead(call.query)
  const name = call.params.collection!
  const collection = collectionOf(region, name)
  const timeoutMs = readTimeout(call.query)
  const limit = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)
  const started = performance.now()
  const signal = limit === undefined ? call.signal : AbortSignal.any([call.signal, limit])
  try {
    const found = await search(collection, signal)
    collectionOf(region, name)
    return found
  } catch (error) {
    if (limit?.aborted)
      throw new StoreError(
        'TIMEOUT',
        `the search took longer than ${timeoutMs! / 1000} s; raise timeout or narrow the search`,
      )
    // Dropped meanwhile: whatever the index then says, this is what happened.
    collectionOf(region, name)
    throw error
  } finally {
    region.metrics.searchSeconds.observe((performance.now() - started) / 1000)
  }
}

/** Ordinals mean something within one tick only, so hits are shown in the tick in which they were found. */
const run = async (region: Region, collection: Collection, query: Query, signal: AbortSignal): Promise<unknown[]> => {
  if (query.kind === 'list') return list(collection, query)
  const hits = await nearest(collection, region.index, query.nearest, signal)
  return hits.map(({ ordinal, id, score }) => ({
    id,
    version: collection.version(ordinal),
    score: shownScore(score),
    ...show(collection, ordinal, query.parts),
  }))
}

const list = (
  collection: Collection,
  { filter, limit, offset, parts }: Extract<Query, { kind: 'list' }>,
): unknown[] => {
  const points: unknown[] = []
  let skipped = 0
  for (const ordinal of matchingInOrder(collection, filter)) {
    if (skipped++ < offset) continue
    points.push({
      id: collection.id(ordinal),
      version: collection.version(ordinal),
      score: 1,
      ...show(collection, ordinal, parts),
    })
    if (points.length === limit) break
  }
  return points
}
