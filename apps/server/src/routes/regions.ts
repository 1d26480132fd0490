import { parseRegionId, parseReplicaId, type ReplicaId, StoreError } from '@meridian/core'
import { type ChangeAnswer, promised, type RegionsStatus } from '@meridian/replica'
import type { Route } from '../http/router.js'
import type { Region } from '../region.js'
import { optional, readInteger, readMap, readText, refuseUnknown } from '../schema/read.js'

/** Who is in the cluster, and changes of that. */
export const regionRoutes = ({ replica }: Region): Route[] => [
  { method: 'GET', path: '/meridian/regions', handle: () => shown(replica.regions.status()) },
  {
    method: 'POST',
    path: '/meridian/regions',
    handle: ({ body }) => {
      const map = readMap(body, 'body')
      refuseUnknown(map, 'body', ['region', 'replica'])
      const name = regionOf(readText(map.region, 'region'), 'region')
      const number = optional(map.replica, 'replica', undefined, (value, path) => readInteger(value, path, 1, 255))
      return promised<ChangeAnswer>((done) => replica.regions.add(name, number, done))
    },
  },
  {
    method: 'DELETE',
    path: '/meridian/regions/:region',
    handle: ({ params, query }) => {
      const name = regionOf(params.region!, 'region')
      const force = flagOf(query, 'force')
      const lost = numbersOf(query, 'lost')
      if (lost.length > 0 && !force)
        throw new StoreError('BAD_REQUEST', 'lost: names regions that will never act again; send force=true with it')
      const [number, ...more] = numbersOf(query, 'replica')
      if (more.length > 0) throw new StoreError('BAD_REQUEST', 'replica: name one number')
      return promised<ChangeAnswer>((done) => replica.regions.retire(name, number, { force, lost }, done))
    },
  },
]

const shown = ({ configuration, members, pending }: RegionsStatus) => ({
  configuration,
  members: members.map(({ region, replica, status, storeId, sinceMs }) => ({
    region,
    replica,
    status,
    store_id: storeId,
    since: new Date(sinceMs).toISOString(),
  })),
  pending: pending.map(({ obstacle, ...each }) => ({ ...each, obstacle: obstacle ?? null })),
})

const regionOf = (text: string, field: string) => {
  try {
    return parseRegionId(text)
  } catch {
    throw new StoreError(
      'BAD_REQUEST',
      `${field}: must be 1-32 characters of a-z, 0-9 and -, starting with a letter; name it as --region does`,
    )
  }
}

const flagOf = (query: URLSearchParams, name: string): boolean => {
  const text = query.get(name) ?? 'false'
  if (text !== 'true' && text !== 'false')
    throw new StoreError('BAD_REQUEST', `${name}: ${JSON.stringify(text)} must be true or false`)
  return text === 'true'
}

/** Replica numbers, separated by commas. */
const numbersOf = (query: URLSearchParams, name: string): ReplicaId[] =>
  (query.get(name) ?? '')
    .split(',')
    .filter((text) => text !== '')
    .map((text) => {
      if (!/^\d{1,3}$/.test(text) || Number(text) < 1 || Number(text) > 255)
        throw new StoreError('BAD_REQUEST', `${name}: ${JSON.stringify(text)} must be replica numbers from 1 to 255`)
      return parseReplicaId(Number(text))
    })
