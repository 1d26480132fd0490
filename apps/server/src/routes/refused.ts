import { unsupported } from '../http/errors.js'
import type { Method, Route } from '../http/router.js'

const C = '/collections/:collection'
const SHARD = `${C}/shards/:shard`
const SHARD_KEYS = 'shard keys are not supported: points are placed by their ids'
const CLUSTER = "regions are not Qdrant's peers: see GET /meridian/cluster"
const QUOTAS = 'quotas are not supported: see strict_mode_config of a collection'
const SHARD_SNAPSHOTS = 'snapshots of single shards are not supported: take one of the collection'

/** What Qdrant's specification, or a later one, has and this store has not, each with the reason that is told. */
const REFUSALS: readonly (readonly [Method, string, string])[] = [
  ['GET', `${C}/shards`, SHARD_KEYS],
  ['PUT', `${C}/shards`, SHARD_KEYS],
  ['POST', `${C}/shards/delete`, SHARD_KEYS],
  ['GET', '/cluster/telemetry', CLUSTER],
  ['POST', '/cluster/recover', CLUSTER],
  ['DELETE', '/cluster/peer/:peer', CLUSTER],
  ['POST', `${C}/cluster`, CLUSTER],
  ['GET', '/quotas', QUOTAS],
  ['PUT', '/quotas', QUOTAS],
  ['PATCH', '/quotas', QUOTAS],
  ['DELETE', '/quotas', QUOTAS],
  ['GET', `${SHARD}/snapshot`, SHARD_SNAPSHOTS],
  ['GET', `${SHARD}/snapshots`, SHARD_SNAPSHOTS],
  ['POST', `${SHARD}/snapshots`, SHARD_SNAPSHOTS],
  ['POST', `${SHARD}/snapshots/upload`, SHARD_SNAPSHOTS],
  ['PUT', `${SHARD}/snapshots/recover`, SHARD_SNAPSHOTS],
  ['GET', `${SHARD}/snapshots/:snapshot`, SHARD_SNAPSHOTS],
  ['DELETE', `${SHARD}/snapshots/:snapshot`, SHARD_SNAPSHOTS],
]

const shapeOf = (method: string, path: string): string => `${method} ${path.replaceAll(/:\w+/g, ':')}`

/** The routes with a plain refusal for each operation of Qdrant's that none of them serves. */
export const withRefusals = (routes: readonly Route[]): readonly Route[] => {
  const served = new Set(routes.map(({ method, path }) => shapeOf(method, path)))
  const refused = REFUSALS.filter(([method, path]) => !served.has(shapeOf(method, path)))
  return [
    ...routes,
    ...refused.map(
      ([method, path, reason]): Route => ({
        method,
        path,
        needs: 'manage',
        ignoresBody: true,
        doc: { summary: `Refused: ${reason}`, tag: 'Service', isRefused: true },
        handle: () => {
          throw unsupported(`${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}: ${reason}`)
        },
      }),
    ),
  ]
}
