import { type CollectionConfig, isSparseSpace, type JsonObject, type JsonValue, setOwn } from '@meridian/core'
import { POLICY_PATH, type Setting } from '@meridian/replica'
import { readPolicy } from './content.js'
import { CONCERN_KEY, parseConcern } from './params.js'
import { readModifier } from './collection.js'
import { formatError, invalid, unsupported, wrongInput } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import { readStrict } from '../strict/strict-settings.js'
import { readPayload } from './payload.js'
import { isMap, optional, readFlag, readInteger, readMap, readNumber, refuseUnknown, wrongType } from './read.js'
import { spaceParams } from './vector.js'

/*
 * Settings of a collection that say how it is kept, and change no score. They are kept leaf by leaf, so that a change of one leaves the others, also
 * when two regions make one each, and shown where Qdrant shows them.
 */

type Read = (value: Json, path: string) => JsonValue
type Section = Readonly<Record<string, Read>>

const NOTHING: JsonMap = {}

const integer =
  (min: number): Read =>
  (value, path) =>
    readInteger(value, path, min, Number.MAX_SAFE_INTEGER)

const ratio: Read = (value, path) => {
  const number = readNumber(value, path)
  if (!(number >= 0 && number <= 1)) throw invalid(path, `value ${number} invalid, must be from 0 to 1`)
  return number
}

const HNSW_TUNING: Section = {
  full_scan_threshold: integer(10),
  max_indexing_threads: integer(0),
  on_disk: readFlag,
  payload_m: integer(0),
  inline_storage: readFlag,
}
const HNSW: Section = { m: integer(0), ef_construct: integer(4), ...HNSW_TUNING }

const OPTIMIZERS: Section = {
  deleted_threshold: ratio,
  vacuum_min_vector_number: integer(100),
  default_segment_number: integer(0),
  max_segment_size: integer(1),
  memmap_threshold: integer(0),
  indexing_threshold: integer(0),
  flush_interval_sec: integer(0),
  max_optimization_threads: (value, path) => (value === 'auto' ? 'auto' : integer(0)(value, path)),
  prevent_unoptimized: readFlag,
}

const PARAMS: Section = {
  replication_factor: integer(1),
  write_consistency_factor: integer(1),
  read_fan_out_factor: integer(0),
  read_fan_out_delay_ms: integer(0),
  on_disk_payload: readFlag,
}

const SPARSE_INDEX: Section = {
  full_scan_threshold: integer(0),
  on_disk: readFlag,
  datatype: (value, path) => {
    if (value === 'float32') return value
    throw unsupported(`${path}: not supported yet; use float32`)
  },
}

const WAL: Section = { wal_capacity_mb: integer(1), wal_segments_ahead: integer(0), wal_retain_closed: integer(0) }

const SCALAR = ['type', 'quantile', 'always_ram']

const checkScalar = (map: JsonMap, path: string): void => {
  refuseUnknown(map, path, SCALAR)
  if (map.type !== 'int8') throw unsupported(`${path}.type: send "int8"`)
  const quantile = optional(map.quantile, `${path}.quantile`, 1, readNumber)
  if (!(quantile >= 0.5 && quantile <= 1))
    throw invalid(`${path}.quantile`, `value ${quantile} invalid, must be from 0.5 to 1.0`)
  optional(map.always_ram, `${path}.always_ram`, false, readFlag)
}

/** `scalar` is what the index is told; of the other kinds vectors are kept whole, which finds no less, and they are shown. */
const quantization: Read = (value, path) => {
  if (value === 'Disabled') return 'Disabled'
  if (!isMap(value)) throw wrongType(path, 'an object with scalar, product or binary, or "Disabled"', value)
  const [kind, ...others] = Object.keys(value)
  if (kind === undefined || others.length > 0 || !['scalar', 'product', 'binary'].includes(kind))
    throw unsupported(`${path}: send exactly one of scalar, product, binary, or "Disabled"`)
  const given = readMap(value[kind], `${path}.${kind}`)
  if (kind === 'scalar') checkScalar(given, `${path}.scalar`)
  return readPayload(value, path)
}

const leaves = (value: Json | undefined, path: readonly string[], section: Section): Setting[] => {
  const shown = path.join('.')
  const map = optional(value, shown, NOTHING, readMap)
  return Object.entries(section).flatMap(([name, read]) => {
    const given = optional(map[name], `${shown}.${name}`, undefined, read)
    return given === undefined ? [] : [{ path: [...path, name], value: given }]
  })
}

const leaf = (value: Json | undefined, path: readonly string[], read: Read): Setting[] => {
  const given = optional(value, path.join('.'), undefined, read)
  return given === undefined ? [] : [{ path, value: given }]
}

const metadataOf = (value: Json | undefined): JsonObject | undefined =>
  optional(value, 'metadata', undefined, readPayload)

/** The settings in the body of a creation. Graph sizes are not among them: they are part of the configuration. */
export const readCreationSettings = (body: JsonMap): Setting[] => {
  const vectors = optional(body.vectors, 'vectors', NOTHING, readMap)
  const named: readonly (readonly [string, Json | undefined])[] =
    typeof vectors.size === 'number' ? [['', vectors]] : Object.entries(vectors)
  return [
    ...leaves(body.hnsw_config, ['hnsw_config'], HNSW_TUNING),
    ...leaves(body.optimizers_config, ['optimizers_config'], OPTIMIZERS),
    ...leaves(body.wal_config, ['wal_config'], WAL),
    ...leaf(body.quantization_config, ['quantization_config'], quantization),
    ...['replication_factor', 'write_consistency_factor', 'on_disk_payload'].flatMap((name) => {
      const given = optional(body[name], name, undefined, PARAMS[name]!)
      return given === undefined ? [] : [{ path: ['params', name], value: given }]
    }),
    ...named.flatMap(([name, space]) => spaceSettings(readMap(space, `vectors.${name}`), name, HNSW_TUNING)),
    ...sparseSettings(optional(body.sparse_vectors, 'sparse_vectors', NOTHING, readMap)),
    ...readStrict(body.strict_mode_config),
    ...metadataSettings(metadataOf(body.metadata) ?? {}),
  ]
}

const spaceSettings = (map: JsonMap, name: string, hnsw: Section): Setting[] => [
  ...leaves(map.hnsw_config, ['vectors', name, 'hnsw_config'], hnsw),
  ...leaf(map.quantization_config, ['vectors', name, 'quantization_config'], quantization),
  ...leaf(map.on_disk, ['vectors', name, 'on_disk'], readFlag),
]

/** What a search weighs by is asked for when it is made, so it can change at any time. */
const changedSparse = (spaces: JsonMap, config: CollectionConfig): Setting[] => [
  ...Object.entries(spaces).flatMap(([name, space]) => {
    const place = `sparse_vectors.${name}`
    if (!isSparseSpace(spaceParams(config, name))) throw wrongInput(`${place}: it is among the vectors`)
    return leaf(readMap(space, place).modifier, ['sparse_vectors', name, 'modifier'], readModifier)
  }),
  ...sparseSettings(spaces),
]

const sparseSettings = (spaces: JsonMap): Setting[] =>
  Object.entries(spaces).flatMap(([name, space]) => {
    const path = ['sparse_vectors', name, 'index']
    return leaves(readMap(space, `sparse_vectors.${name}`).index, path, SPARSE_INDEX)
  })

const metadataSettings = (metadata: JsonObject): Setting[] =>
  Object.entries(metadata).map(([key, value]) => {
    // Not only shown: it is how writes of the collection are answered.
    if (key === CONCERN_KEY && value !== null) parseConcern(String(value), `metadata.${key}`)
    if (key === POLICY_PATH[1] && value !== null) readPolicy(value, `metadata.${key}`)
    return { path: ['metadata', key], value }
  })

/**
 * The body of a change. What it does not name stays; an empty `metadata` takes all of it away, hence the function of what
 * is there then.
 */
export const readChangedSettings = (
  body: JsonMap,
  config: CollectionConfig,
): ((now: readonly Setting[]) => Setting[]) => {
  const spaces = optional(body.vectors, 'vectors', NOTHING, readMap)
  if (spaces.size !== undefined || spaces.distance !== undefined)
    throw formatError(
      'vectors: size and distance cannot be changed; send {"<name>": {...}}, with "" for the unnamed one',
    )
  const metadata = metadataOf(body.metadata)
  const settings = [
    ...leaves(body.hnsw_config, ['hnsw_config'], HNSW),
    ...leaves(body.optimizers_config, ['optimizers_config'], OPTIMIZERS),
    ...leaves(body.params, ['params'], PARAMS),
    ...leaf(body.quantization_config, ['quantization_config'], quantization),
    ...Object.entries(spaces).flatMap(([name, space]) => {
      if (isSparseSpace(spaceParams(config, name))) throw wrongInput(`vectors.${name}: it is among the sparse_vectors`)
      return spaceSettings(readMap(space, `vectors.${name}`), name, HNSW)
    }),
    ...changedSparse(optional(body.sparse_vectors, 'sparse_vectors', NOTHING, readMap), config),
    ...readStrict(body.strict_mode_config),
    ...metadataSettings(metadata ?? {}),
  ]
  const isEmptied = metadata !== undefined && Object.keys(metadata).length === 0
  return (now) => [
    ...settings,
    ...(isEmptied ? now.filter(({ path }) => path[0] === 'metadata').map(({ path }) => ({ path, value: null })) : []),
  ]
}

/** Settings as one object, a level for each name of their paths. */
export const settingsTree = (settings: readonly Setting[]): JsonObject => {
  const tree: JsonObject = {}
  for (const { path, value } of settings) {
    let at = tree
    for (const name of path.slice(0, -1)) {
      const below = Object.hasOwn(at, name) ? at[name]! : {}
      if (!isMap(below)) break
      setOwn(at, name, below)
      at = below as JsonObject
    }
    setOwn(at, path.at(-1)!, value)
  }
  return tree
}
