import type { PointId } from '@meridian/core'
import { unsupported } from '../http/errors.js'
import type { Call, Route } from '../http/router.js'
import { parsePointId, readPointIds } from '../schema/point-id.js'
import { readMap } from '../schema/read.js'

const RETRIEVE = 'POST /collections/:collection/points'
const GET_ONE = 'GET /collections/:collection/points/:id'
/** Writes that can be of whole points, named by id; whether one is shows in its plan. */
const WRITES = [
  'PUT /collections/:collection/points',
  'POST /collections/:collection/points/delete',
  'POST /collections/:collection/points/batch',
]

const nameOf = ({ method, path }: Route): string => `${method} ${path}`

/** The points of a read. @throws StoreError `UNSUPPORTED` for any read that does not name them; what is wrong with the ids. */
export const linearizableIds = (route: Route, { params, body }: Call, idsMax: number): readonly PointId[] => {
  if (nameOf(route) === GET_ONE) return [parsePointId(params.id!)]
  if (nameOf(route) === RETRIEVE) return readPointIds(readMap(body ?? {}, 'body').ids, 'ids', idsMax)
  throw unsupported(
    'meridian-consistency: linearizable is for reads of points by id; send quorum, which sees every write that was acknowledged at quorum before',
  )
}

/** @throws StoreError `UNSUPPORTED`. */
export const checkLinearizableWrite = (route: Route): void => {
  if (!WRITES.includes(nameOf(route))) throw notWhole()
}

/** Of a write that edits parts, names points by filter, or looks first. */
export const notWhole = () =>
  unsupported(
    'linearizable writes (ordering=strong) are of whole points by id: upsert without update_mode and update_filter, or delete by ids; for anything else send quorum (ordering=medium)',
  )
