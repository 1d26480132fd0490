import type { PointId } from '@meridian/core'
import type { Call, Route } from '../http/router.js'
import { countValues } from '../query/facet.js'
import { shownScore } from '../query/hit.js'
import { distanceMatrix, type Matrix } from '../query/matrix.js'
import type { Region } from '../region.js'
import { readFacet, readMatrix } from '../schema/explore.js'
import { readMap } from '../schema/read.js'
import { timed } from './search-call.js'

/** What a collection looks like: facets and distances within samples. */
export const exploreRoutes = (region: Region): Route[] => [
  {
    method: 'POST',
    path: '/collections/:collection/facet',
    handle: (call) =>
      timed(region, call, async ({ context }) => {
        const { path, filter, limit } = readFacet(readMap(call.body, 'body'), context)
        return { hits: countValues(context.collection, path, filter, limit) }
      }),
  },
  matrixRoute(region, 'pairs', ({ ids, rows }) => ({
    pairs: rows.flatMap((row, i) => row.map(({ id, score }) => ({ a: ids[i], b: id, score: shownScore(score) }))),
  })),
  matrixRoute(region, 'offsets', ({ ids, rows }) => {
    const places = new Map<PointId, number>(ids.map((id, i) => [id, i]))
    return {
      offsets_row: rows.flatMap((row, i) => row.map(() => i)),
      offsets_col: rows.flatMap((row) => row.map(({ id }) => places.get(id))),
      scores: rows.flatMap((row) => row.map(({ score }) => shownScore(score))),
      ids,
    }
  }),
]

const matrixRoute = (region: Region, name: string, print: (matrix: Matrix) => unknown): Route => ({
  method: 'POST',
  path: `/collections/:collection/points/search/matrix/${name}`,
  handle: (call: Call) =>
    timed(region, call, async ({ context, scope }) => {
      const { target, filter, sample, limit } = readMatrix(readMap(call.body ?? {}, 'body'), context)
      return print(await distanceMatrix(scope, target, filter, sample, limit))
    }),
})
