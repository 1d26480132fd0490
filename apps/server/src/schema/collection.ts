import {
  type CollectionConfig,
  type Datatype,
  DATATYPES,
  HNSW_DEFAULT,
  type HnswParams,
  METRICS,
  type Metric,
  SHARDS_MAX,
  type SpaceParams,
  type SparseParams,
  type VectorParams,
} from '@meridian/core'
import { badRequest, formatError, invalid, unsupported } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import { readLimits } from './read-limits.js'
import { isMap, optional, readInteger, readMap, readText, refuseFields } from './read.js'

const NAME_BYTES_MAX = 255
const VECTORS_MAX = 64

/** Names end up in paths and file names of tools, so what those trip over is refused. @throws StoreError `VALIDATION`. */
export const parseCollectionName = (name: string): string => parseName(name, 'collection_name')

/** An alias stands wherever a collection's name does. */
export const parseAliasName = (name: string): string => parseName(name, 'alias_name')

const parseName = (name: string, field: string): string => {
  const fail = (why: string) => invalid(field, `${JSON.stringify(name.slice(0, 80))} ${why}`)
  if (name.length === 0 || Buffer.byteLength(name) > NAME_BYTES_MAX)
    throw fail(`must be 1 to ${NAME_BYTES_MAX} bytes long`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for.
  const forbidden = /[<>:"/\\|?*\u0000-\u001f]/.exec(name)
  if (forbidden) throw fail(`must not hold ${JSON.stringify(forbidden[0])}; use letters, digits, - and _`)
  if (name === '.' || name === '..') throw fail('is a directory name; use letters, digits, - and _')
  if (name.includes('~')) throw fail('must not hold "~": it marks names that lost to an elder collection')
  return name
}

const CHANGES_RESULTS = {
  init_from: 'copying another collection is not supported; create an empty one and import the points',
}

/** The configuration in the body of a creation; what changes no result is read apart, as settings. */
export const readCollection = (body: JsonMap, shardsDefault: number): CollectionConfig => {
  refuseFields(body, '', CHANGES_RESULTS)
  if (body.sharding_method !== undefined && body.sharding_method !== null && body.sharding_method !== 'auto')
    throw unsupported('sharding_method: only auto is supported')
  const hnsw = optional(body.hnsw_config, 'hnsw_config', HNSW_DEFAULT, (value, path) =>
    readHnsw(value, path, HNSW_DEFAULT),
  )
  const sparse = optional(body.sparse_vectors, 'sparse_vectors', {}, readSparseSpaces)
  const hasSparse = Object.keys(sparse).length > 0
  const vectors = readSpaces(hasSparse ? (body.vectors ?? {}) : body.vectors, hnsw)
  const both = Object.keys(sparse).find((name) => Object.hasOwn(vectors, name))
  if (both !== undefined) throw invalid(`sparse_vectors.${both}`, 'a dense vector has the same name, choose another')
  return {
    vectors,
    ...(hasSparse ? { sparse } : {}),
    shards: optional(body.shard_number, 'shard_number', shardsDefault, (value, path) =>
      readInteger(value, path, 1, SHARDS_MAX),
    ),
  }
}

const readSpaces = (value: Json | undefined, hnsw: HnswParams): Record<string, VectorParams> => {
  if (value === undefined || value === null)
    throw badRequest(
      'vectors: missing; send {"size": N, "distance": "Cosine"}, an object of named ones, or {} for points with payload only',
    )
  const map = readMap(value, 'vectors')
  if (!isMap(map.size) && (map.size !== undefined || map.distance !== undefined))
    return { '': readSpace(map, 'vectors', hnsw) }
  const names = Object.keys(map)
  if (names.length > VECTORS_MAX) throw invalid('vectors', `${names.length} named vectors, send at most ${VECTORS_MAX}`)
  return Object.fromEntries(
    names.map((name) => {
      // The one without a name can stand beside named ones, as `GET` shows it.
      if (name !== '') checkSpaceName(name, 'vectors')
      return [name, readSpace(readMap(map[name], `vectors.${name}`), `vectors.${name}`, hnsw)]
    }),
  )
}

/** The body of an addition, `{"dense": {...}}` or `{"sparse": {...}}`: only what says how vectors are compared. */
export const readAddedSpace = (body: JsonMap, config: CollectionConfig): SpaceParams => {
  const [kind, ...others] = ['dense', 'sparse'].filter((name) => body[name] !== undefined && body[name] !== null)
  if (kind === undefined || others.length > 0)
    throw formatError('body: send exactly one of {"dense": {"size": N, "distance": "Cosine"}} and {"sparse": {}}')
  const map = readMap(body[kind], kind)
  if (kind === 'sparse') return readSparseSpace(map, kind)
  return readSpace({ ...map, hnsw_config: null }, kind, hnswOf(config))
}

/** The collection's setting: that of its vectors when they agree. */
export const hnswOf = ({ vectors }: CollectionConfig): HnswParams => Object.values(vectors)[0]?.hnsw ?? HNSW_DEFAULT

const readSpace = (map: JsonMap, path: string, hnsw: HnswParams): VectorParams => {
  if (map.size === undefined) throw formatError(`${path}: missing field \`size\`; send the number of dimensions`)
  if (map.distance === undefined)
    throw formatError(`${path}: missing field \`distance\`; send one of ${METRICS.join(', ')}`)
  const metric = readText(map.distance, `${path}.distance`)
  if (!METRICS.includes(metric as Metric))
    throw formatError(
      `${path}.distance: unknown variant \`${metric.slice(0, 40)}\`, expected one of ${METRICS.join(', ')}`,
    )
  return {
    size: readInteger(map.size, `${path}.size`, 1, readLimits().dimensionsMax),
    metric: metric as Metric,
    hnsw: optional(map.hnsw_config, `${path}.hnsw_config`, hnsw, (value, at) => readHnsw(value, at, hnsw)),
    ...optional(map.multivector_config, `${path}.multivector_config`, {}, readMultivectors),
    ...optional(map.datatype, `${path}.datatype`, {}, readDatatype),
  }
}

const readDatatype = (value: Json, path: string): { datatype?: Datatype } => {
  const text = readText(value, path)
  // One form for each configuration: float32 is what is left out.
  if (text === 'float32') return {}
  const datatype = DATATYPES.find((each) => each === text)
  if (datatype === undefined)
    throw unsupported(`${path}: ${text.slice(0, 40)} is not supported; use float32, ${DATATYPES.join(' or ')}`)
  return { datatype }
}

const readMultivectors = (value: Json, path: string): { multi: 'max_sim' } => {
  const { comparator } = readMap(value, path)
  if (comparator !== 'max_sim') throw formatError(`${path}.comparator: expected max_sim`)
  return { multi: 'max_sim' }
}

const checkSpaceName = (name: string, path: string): void => {
  if (name.length === 0 || Buffer.byteLength(name) > NAME_BYTES_MAX)
    throw invalid(path, `a vector name must be 1 to ${NAME_BYTES_MAX} bytes long`)
}

const readSparseSpaces = (value: Json, path: string): Record<string, SparseParams> => {
  const spaces = Object.entries(readMap(value, path))
  if (spaces.length > VECTORS_MAX) throw invalid(path, `${spaces.length} of them, send at most ${VECTORS_MAX}`)
  return Object.fromEntries(
    spaces.map(([name, space]) => {
      checkSpaceName(name, path)
      const place = `${path}.${name}`
      return [name, { modifier: readModifier(readMap(space, place).modifier, `${place}.modifier`) }]
    }),
  )
}

const readSparseSpace = (map: JsonMap, path: string): SparseParams => {
  const datatype = optional(map.datatype, `${path}.datatype`, 'float32', readText)
  if (datatype !== 'float32')
    throw unsupported(`${path}.datatype: ${datatype.slice(0, 40)} is not supported for sparse vectors; use float32`)
  return { modifier: readModifier(map.modifier, `${path}.modifier`) }
}

export const readModifier = (value: Json | undefined, path: string): SparseParams['modifier'] => {
  const modifier = optional(value, path, 'none', readText)
  if (modifier === 'none' || modifier === 'idf') return modifier
  throw formatError(`${path}: unknown variant \`${modifier.slice(0, 40)}\`, expected one of none, idf`)
}

const readHnsw = (value: Json, path: string, fallback: HnswParams): HnswParams => {
  const map = readMap(value, path)
  return {
    m: optional(map.m, `${path}.m`, fallback.m, (given, at) => readInteger(given, at, 4, 128)),
    efConstruct: optional(map.ef_construct, `${path}.ef_construct`, fallback.efConstruct, (given, at) =>
      readInteger(given, at, 4, 4096),
    ),
  }
}
