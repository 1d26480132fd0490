import { type Collection, promised, type WriteReceipt } from '@meridian/replica'
import { collectionInfo } from '../collection-info.js'
import { mayRead } from '../http/access.js'
import { collectionExists } from '../http/errors.js'
import type { Route } from '../http/router.js'
import { collectionOf, indexedCounts, type Region } from '../region.js'
import { parseCollectionName, readCollection } from '../schema/collection.js'
import { readTimeout } from '../schema/params.js'
import { readMap } from '../schema/read.js'
import { readChangedSettings, readCreationSettings } from '../schema/settings.js'

export const collectionRoutes = (region: Region): Route[] => {
  const { replica, config } = region
  return [
    {
      method: 'GET',
      path: '/collections',
      isForAnyKey: true,
      handle: ({ grant }) => ({
        collections: replica
          .collections()
          .filter(({ name }) => mayRead(grant, name, () => undefined))
          .map(({ name }) => ({ name })),
      }),
    },
    {
      method: 'PUT',
      path: '/collections/:collection',
      handle: async ({ params, body, query }) => {
        readTimeout(query)
        const name = parseCollectionName(params.collection!)
        const map = readMap(body, 'body')
        const wanted = readCollection(map, config.shards)
        const settings = readCreationSettings(map)
        if (replica.collections().some((each) => each.name === name)) throw collectionExists(name)
        await promised<WriteReceipt>((done) => replica.createCollection(name, wanted, done, settings))
        return true
      },
    },
    {
      method: 'GET',
      path: '/collections/:collection',
      handle: ({ params }) => collectionInfo(region, collectionOf(region, params.collection!)),
    },
    {
      method: 'PATCH',
      path: '/collections/:collection',
      handle: async ({ params, body, query }) => {
        readTimeout(query)
        const { name, config: present } = collectionOf(region, params.collection!)
        const map = readMap(body, 'body')
        const changed = readChangedSettings(map, present)
        await promised<WriteReceipt>((done) => replica.changeSettings(name, (now) => changed(now.settings), done))
        return true
      },
    },
    {
      method: 'DELETE',
      path: '/collections/:collection',
      handle: ({ params, query }) => {
        readTimeout(query)
        return promised<boolean>((done) => replica.dropCollection(params.collection!, done))
      },
    },
    {
      method: 'GET',
      path: '/collections/:collection/exists',
      handle: ({ params: { collection: name } }) => ({
        exists: replica.collections().some((each) => each.name === name || each.aliases.includes(name!)),
      }),
    },
    {
      method: 'GET',
      path: '/collections/:collection/optimizations',
      handle: ({ params }) => {
        const collection = collectionOf(region, params.collection!)
        const { indexed, live } = indexedCounts(region, collection)
        const isBehind = Number(live > indexed)
        return {
          summary: {
            queued_optimizations: isBehind,
            queued_segments: isBehind,
            queued_points: live - indexed,
            idle_segments: collection.config.shards - isBehind,
          },
          running: [],
        }
      },
    },
    {
      method: 'GET',
      path: '/collections/:collection/cluster',
      handle: ({ params }) => shardsInfo(region, collectionOf(region, params.collection!)),
    },
  ]
}

const shardsInfo = (region: Region, collection: Collection) => ({
  peer_id: region.config.replica,
  shard_count: collection.config.shards,
  local_shards: collection
    .digests()
    .map(({ shard, live }) => ({ shard_id: shard, points_count: live, state: 'Active' })),
  remote_shards: [],
  shard_transfers: [],
})
