import { type CollectionConfig, HNSW_DEFAULT, type HnswParams, type VectorParams } from '@meridian/core'
import { type Collection, promised, type WriteReceipt } from '@meridian/replica'
import { collectionExists, unsupported } from '../http/errors.js'
import type { Route } from '../http/router.js'
import { collectionOf, indexedCounts, type Region } from '../region.js'
import { parseCollectionName, readCollection } from '../schema/collection.js'
import { readTimeout } from '../schema/params.js'
import { readMap } from '../schema/read.js'

export const collectionRoutes = (region: Region): Route[] => {
  const { replica, config } = region
  return [
    {
      method: 'GET',
      path: '/collections',
      handle: () => ({ collections: replica.collections().map(({ name }) => ({ name })) }),
    },
    {
      method: 'PUT',
      path: '/collections/:collection',
      handle: async ({ params, body, query }) => {
        readTimeout(query)
        const name = parseCollectionName(params.collection!)
        const wanted = readCollection(readMap(body, 'body'), config.shards)
        if (replica.collections().some((each) => each.name === name)) throw collectionExists(name)
        await promised<WriteReceipt>((done) => replica.createCollection(name, wanted, done))
        return true
      },
    },
    {
      method: 'GET',
      path: '/collections/:collection',
      handle: ({ params }) => info(region, collectionOf(region, params.collection!)),
    },
    {
      method: 'PATCH',
      path: '/collections/:collection',
      handle: ({ params }) => {
        collectionOf(region, params.collection!)
        throw unsupported('changing a collection is not supported yet; create a new one with the wanted settings')
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
      handle: ({ params }) => ({ exists: replica.collections().some((each) => each.name === params.collection) }),
    },
    { method: 'GET', path: '/aliases', handle: () => ({ aliases: [] }) },
    {
      method: 'GET',
      path: '/collections/:collection/aliases',
      handle: ({ params }) => {
        collectionOf(region, params.collection!)
        return { aliases: [] }
      },
    },
    {
      method: 'GET',
      path: '/collections/:collection/cluster',
      handle: ({ params }) => shardsInfo(region, collectionOf(region, params.collection!)),
    },
  ]
}

const info = (region: Region, collection: Collection) => ({
  status: 'green',
  optimizer_status: 'ok',
  indexed_vectors_count: indexedCounts(region, collection).indexed,
  points_count: collection.liveCount,
  segments_count: collection.config.shards,
  config: {
    params: {
      vectors: echoVectors(collection.config),
      shard_number: collection.config.shards,
      replication_factor: 1,
      write_consistency_factor: 1,
      on_disk_payload: true,
    },
    hnsw_config: {
      ...echoHnsw(hnswOf(collection.config)),
      full_scan_threshold: 10_000,
      max_indexing_threads: 0,
      on_disk: false,
    },
    optimizer_config: {
      deleted_threshold: 0.25,
      vacuum_min_vector_number: 1000,
      default_segment_number: 0,
      max_segment_size: null,
      memmap_threshold: null,
      indexing_threshold: 1000,
      flush_interval_sec: 5,
      max_optimization_threads: null,
    },
    wal_config: { wal_capacity_mb: 32, wal_segments_ahead: 0 },
    quantization_config: null,
  },
  payload_schema: {},
})

/** The collection's setting: that of its vectors when they agree. */
const hnswOf = (config: CollectionConfig): HnswParams => Object.values(config.vectors)[0]?.hnsw ?? HNSW_DEFAULT
const echoHnsw = ({ m, efConstruct }: HnswParams) => ({ m, ef_construct: efConstruct })

const echoVectors = (config: CollectionConfig): unknown => {
  const common = hnswOf(config)
  const echo = ({ size, metric, hnsw }: VectorParams) => ({
    size,
    distance: metric,
    ...(hnsw.m === common.m && hnsw.efConstruct === common.efConstruct ? {} : { hnsw_config: echoHnsw(hnsw) }),
  })
  const unnamed = config.vectors['']
  if (unnamed !== undefined) return echo(unnamed)
  return Object.fromEntries(Object.entries(config.vectors).map(([name, params]) => [name, echo(params)]))
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
