import { parseRegionId, type SpaceRef, StoreError } from '@meridian/core'
import { noPoint } from '../http/errors.js'
import type { Route } from '../http/router.js'
import { collectionOf, indexedCounts, type Region } from '../region.js'
import { shownContent } from '../conflicts/show.js'
import { parsePointId } from '../schema/point-id.js'
import { readFlag, readMap } from '../schema/read.js'
import { API_VERSION, VERSION } from '../version.js'

/** What only this store has. */
export const meridianRoutes = (region: Region): Route[] => [
  { method: 'GET', path: '/meridian/cluster', handle: () => clusterInfo(region) },
  {
    method: 'GET',
    path: '/meridian/collections/:collection/digest',
    handle: ({ params }) => {
      const collection = collectionOf(region, params.collection!)
      const { vectors } = region.replica.status()
      return {
        collection: collection.name,
        uid: collection.uid,
        vectors,
        live: collection.liveCount,
        shards: collection.digests(),
      }
    },
  },
  {
    method: 'GET',
    path: '/meridian/collections/:collection/points/:id/history',
    handle: ({ params }) => {
      const collection = collectionOf(region, params.collection!)
      const id = parsePointId(params.id!)
      const history = collection.history(id)
      if (history.length === 0) throw noPoint(id)
      const { members } = region.replica.status()
      return {
        id,
        live: collection.find(id) !== undefined,
        writes: history.map(({ what, name, isRemoved, stamp }) => ({
          what,
          name,
          removed: isRemoved,
          stamp: { ms: stamp.ms, counter: stamp.counter, writer: stamp.writer },
          ...shownContent(stamp),
          region: members.find((member) => member.replica === stamp.writer)?.region,
        })),
      }
    },
  },
  {
    method: 'GET',
    path: '/meridian/receipts/:token',
    isForAnyKey: true,
    handle: ({ params }) => {
      const { replica } = region
      const vector = replica.parseToken(params.token!)
      const regions = replica
        .receipt(vector)
        .sort((a, b) => (a.region < b.region ? -1 : 1))
        .map(({ heardMsAgo, ...each }) => ({ ...each, heard_ms_ago: heardMsAgo ?? null }))
      return { vector, regions }
    },
  },
  {
    method: 'PUT',
    path: '/meridian/links/:region',
    handle: ({ params, body }) => {
      const name = parseRegionId(params.region!)
      const enabled = readFlag(readMap(body, 'body').enabled, 'enabled')
      if (!region.links.enable(name, enabled))
        throw new StoreError(
          'UNKNOWN_ROUTE',
          `region ${name} is not a peer of ${region.config.region}; name one that --peer does`,
        )
      return { region: name, enabled }
    },
  },
]

const clusterInfo = (region: Region) => {
  const status = region.replica.status()
  const links = region.links.status()
  return {
    ...status,
    version: VERSION,
    apiVersion: API_VERSION,
    uptimeSeconds: Math.round((Date.now() - region.startedAt.getTime()) / 1000),
    unready: region.unready(),
    pendingChanges: region.replica.regions.status().pending,
    peers: status.peers.map((peer) => ({
      ...peer,
      enabled: links.find((link) => link.region === peer.region)?.enabled ?? true,
    })),
    links,
    degradations: region.health.degradations(),
    rebuilds: shownRebuilds(region),
    collections: region.replica.collections().map((collection) => {
      const { indexed, live, bytes, dead } = indexedCounts(region, collection)
      return {
        name: collection.name,
        uid: collection.uid,
        points: collection.liveCount,
        tombstones: collection.tombstoneCount,
        shards: collection.config.shards,
        indexPending: live - indexed,
        digests: region.replica.agreements(collection.name),
        indexBytes: bytes,
        indexDead: dead,
      }
    }),
  }
}

/** What is done about worn graphs; the collection by its name. */
const shownRebuilds = ({ index, replica }: Region) => {
  const rebuilds = index.rebuilds?.()
  if (rebuilds === undefined) return undefined
  const named = (space: SpaceRef | undefined) => {
    const collection = replica.collections().find(({ uid }) => uid === space?.collection)
    return space && collection && { collection: collection.name, vector: space.vector }
  }
  return { ...rebuilds, space: named(rebuilds.space), shortOfMemory: named(rebuilds.shortOfMemory) }
}
