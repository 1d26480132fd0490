import type { CollectionConfig, HnswParams, JsonObject, SparseParams, VectorParams } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import { indexedCounts, type Region } from './region.js'
import { hnswOf } from './schema/collection.js'
import { holdsTest } from './schema/index-schema.js'
import { settingsTree } from './schema/settings.js'
import { isWithoutRoom } from './query/payload-indexes.js'

/** What `GET /collections/{c}` shows: what is, with the settings that were asked for over it. */
export const collectionInfo = (region: Region, collection: Collection) => {
  const told = settingsTree(collection.settings)
  const { quantization_config: quantization } = told
  return {
    status: 'green',
    optimizer_status: 'ok',
    indexed_vectors_count: indexedCounts(region, collection).indexed,
    points_count: collection.liveCount,
    segments_count: collection.config.shards,
    config: {
      params: {
        vectors: echoVectors(collection.config, section(told, 'vectors')),
        ...echoSparse(collection.config, section(told, 'sparse_vectors')),
        shard_number: collection.config.shards,
        replication_factor: 1,
        write_consistency_factor: 1,
        on_disk_payload: true,
        ...section(told, 'params'),
      },
      hnsw_config: {
        ...echoHnsw(hnswOf(collection.config)),
        full_scan_threshold: 10_000,
        max_indexing_threads: 0,
        on_disk: false,
        ...section(told, 'hnsw_config'),
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
        ...withoutAuto(section(told, 'optimizers_config')),
      },
      wal_config: { wal_capacity_mb: 32, wal_segments_ahead: 0, ...section(told, 'wal_config') },
      quantization_config: quantization === undefined || quantization === 'Disabled' ? null : quantization,
      ...('strict_mode_config' in told ? { strict_mode_config: told.strict_mode_config } : {}),
      ...('metadata' in told ? { metadata: told.metadata } : {}),
    },
    payload_schema: payloadSchema(collection),
  }
}

/** `auto` is the default, and shown as it. */
const withoutAuto = (optimizers: JsonObject): JsonObject =>
  optimizers.max_optimization_threads === 'auto' ? { ...optimizers, max_optimization_threads: null } : optimizers

const section = (tree: JsonObject, name: string): JsonObject => {
  const found = Object.hasOwn(tree, name) ? tree[name] : undefined
  return found !== undefined && found !== null && typeof found === 'object' && !Array.isArray(found) ? found : {}
}

const echoHnsw = ({ m, efConstruct }: HnswParams) => ({ m, ef_construct: efConstruct })

const echoVectors = (config: CollectionConfig, told: JsonObject): unknown => {
  const common = hnswOf(config)
  const echo = (name: string, { size, metric, hnsw, multi, datatype }: VectorParams) => {
    const { hnsw_config: tuned, ...rest } = section(told, name)
    const own = hnsw.m === common.m && hnsw.efConstruct === common.efConstruct ? {} : echoHnsw(hnsw)
    const shown = { ...own, ...section({ tuned: tuned ?? {} }, 'tuned') }
    return {
      size,
      distance: metric,
      ...(Object.keys(shown).length === 0 ? {} : { hnsw_config: shown }),
      ...(multi === undefined ? {} : { multivector_config: { comparator: multi } }),
      ...(datatype === undefined ? {} : { datatype }),
      ...withoutDisabled(rest),
    }
  }
  const unnamed = config.vectors['']
  if (unnamed !== undefined && Object.keys(config.vectors).length === 1) return echo('', unnamed)
  return Object.fromEntries(Object.entries(config.vectors).map(([name, params]) => [name, echo(name, params)]))
}

const echoSparse = ({ sparse }: CollectionConfig, told: JsonObject): object => {
  if (sparse === undefined) return {}
  const echo = ([name, { modifier }]: [string, SparseParams]) => [
    name,
    { ...section(told, name), modifier: modifier === 'none' ? undefined : modifier },
  ]
  return { sparse_vectors: Object.fromEntries(Object.entries(sparse).map(echo)) }
}

const withoutDisabled = (space: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(space).filter(([name, value]) => name !== 'quantization_config' || value !== 'Disabled'),
  )

const payloadSchema = (collection: Collection): Record<string, unknown> => {
  const shown: [string, unknown][] = []
  for (const [field, { type, params }] of collection.indexes) {
    const test = holdsTest(field, type)
    if (test === undefined) continue
    const points = collection.tally(`index/${type}/${field}`, test)
    const state = isWithoutRoom(collection) ? { state: 'scanned' } : {}
    shown.push([field, { data_type: type, ...(params === undefined ? {} : { params }), points, ...state }])
  }
  return Object.fromEntries(shown)
}
