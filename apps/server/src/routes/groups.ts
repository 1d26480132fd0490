import { integerId, type PointId } from '@meridian/core'
import type { JsonMap } from '../http/json-parse.js'
import type { Route } from '../http/router.js'
import { type GroupId, groupHits } from '../query/groups.js'
import { show, showHits } from '../query/present.js'
import type { Region } from '../region.js'
import { type Lookup, readGroups, requireGroupSizes } from '../schema/groups.js'
import { asItIs, recommendBody, searchBody, type Translate } from '../schema/legacy.js'
import { textId } from '../schema/point-id.js'
import { readMap } from '../schema/read.js'
import { timed } from './search-call.js'

/** `points/query/groups`, and the older requests as thin forms of it. */
export const groupRoutes = (region: Region): Route[] => [
  groupRoute(region, 'query', asItIs),
  groupRoute(region, 'search', older(searchBody)),
  groupRoute(region, 'recommend', older(recommendBody)),
]

const older =
  (translate: Translate): Translate =>
  (body: JsonMap) => {
    requireGroupSizes(body)
    return translate(body)
  }

const groupRoute = (region: Region, name: string, translate: Translate): Route => ({
  method: 'POST',
  path: `/collections/:collection/points/${name}/groups`,
  hasVectors: true,
  handle: (call) =>
    timed(region, call, async ({ context, scope }) => {
      const { query, grouping, lookup } = readGroups(translate(readMap(call.body, 'body')), context)
      const groups = await groupHits(scope, query, grouping)
      return {
        groups: groups.map(({ id, hits }) => ({
          id,
          hits: showHits(scope.collection, hits, query.parts),
          ...(lookup === undefined ? {} : { lookup: lookedUp(lookup, id) }),
        })),
      }
    }),
})

/** The point whose id is the group's; `null` if there is none. */
const lookedUp = ({ collection, parts }: Lookup, group: GroupId): unknown => {
  const id: PointId | undefined = typeof group === 'number' ? integerId(group) : textId(group)
  const ordinal = id === undefined ? undefined : collection.find(id)
  return ordinal === undefined ? null : { id, ...show(collection, ordinal, parts) }
}
