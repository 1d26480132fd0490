import { invalid } from '../http/errors.js'
import type { Json } from '../http/json-parse.js'
import type { Route } from '../http/router.js'
import { execute, type Scope } from '../query/execute.js'
import { showHits } from '../query/present.js'
import type { Region } from '../region.js'
import { asItIs, discoverBody, recommendBody, searchBody, type Translate } from '../schema/legacy.js'
import { readQuery, type ShownQuery } from '../schema/query.js'
import { readArray, readMap } from '../schema/read.js'
import { exploreRoutes } from './explore.js'
import { groupRoutes } from './groups.js'
import { timed } from './search-call.js'

/** Searches of one batch; more would hold the region up. */
const SEARCHES_MAX = 1000

type Wrap = (points: unknown[]) => unknown

/** `points/query`, and the older requests as thin forms of it, which answer with a bare array. */
const FORMS: readonly { readonly name: string; readonly translate: Translate; readonly wrap: Wrap }[] = [
  { name: 'query', translate: asItIs, wrap: (points) => ({ points }) },
  { name: 'search', translate: searchBody, wrap: (points) => points },
  { name: 'recommend', translate: recommendBody, wrap: (points) => points },
  { name: 'discover', translate: discoverBody, wrap: (points) => points },
]

export const queryRoutes = (region: Region): Route[] => [
  ...FORMS.flatMap(({ name, translate, wrap }) => [
    queryRoute(region, name, translate, wrap),
    batchRoute(region, name, translate, wrap),
  ]),
  ...groupRoutes(region),
  ...exploreRoutes(region),
]

const queryRoute = (region: Region, name: string, translate: Translate, wrap: Wrap): Route => ({
  method: 'POST',
  path: `/collections/:collection/points/${name}`,
  hasVectors: true,
  handle: (call) =>
    timed(region, call, async ({ context, scope }) => {
      const query = readQuery(translate(readMap(call.body ?? {}, 'body')), context)
      return wrap(await run(scope, query))
    }),
})

/** All requests of a batch are read before the first one runs. */
const batchRoute = (region: Region, name: string, translate: Translate, wrap: Wrap): Route => ({
  method: 'POST',
  path: `/collections/:collection/points/${name}/batch`,
  hasVectors: true,
  handle: (call) =>
    timed(region, call, ({ context, scope }) => {
      const searches: readonly Json[] = readArray(readMap(call.body, 'body').searches, 'searches')
      if (searches.length > SEARCHES_MAX)
        throw invalid('searches', `${searches.length} searches, send at most ${SEARCHES_MAX}`)
      const queries = searches.map((search, i) => readQuery(translate(readMap(search, `searches[${i}]`)), context))
      return Promise.all(queries.map(async (query) => wrap(await run(scope, query))))
    }),
})

const run = async (scope: Scope, query: ShownQuery): Promise<unknown[]> =>
  showHits(scope.collection, await execute(scope, query), query.parts)
