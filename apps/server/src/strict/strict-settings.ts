import type { JsonObject, JsonValue } from '@meridian/core'
import type { Collection, Setting } from '@meridian/replica'
import type { Json, JsonMap } from '../http/json-parse.js'
import { formatError } from '../http/errors.js'
import { isMap, optional, readFlag, readInteger, readMap, readNumber, refuseUnknown } from '../schema/read.js'

/** What a collection in strict mode refuses, by Qdrant's names. Absent fields bound nothing. */
export interface StrictConfig {
  readonly max_query_limit?: number
  /** Seconds. */
  readonly max_timeout?: number
  readonly unindexed_filtering_retrieve?: boolean
  readonly unindexed_filtering_update?: boolean
  readonly search_max_hnsw_ef?: number
  readonly search_allow_exact?: boolean
  readonly search_max_oversampling?: number
  readonly upsert_max_batchsize?: number
  readonly search_max_batchsize?: number
  readonly max_collection_vector_size_bytes?: number
  readonly max_collection_payload_size_bytes?: number
  readonly max_points_count?: number
  /** A minute, of this region. */
  readonly read_rate_limit?: number
  readonly write_rate_limit?: number
  readonly filter_max_conditions?: number
  readonly condition_max_size?: number
  readonly max_payload_index_count?: number
  readonly max_resident_memory_percent?: number
  readonly max_disk_usage_percent?: number
  /** By vector name. */
  readonly multivector_config?: Readonly<Record<string, { readonly max_vectors?: number }>>
  readonly sparse_config?: Readonly<Record<string, { readonly max_length?: number }>>
}

type Read = (value: Json, path: string) => JsonValue

const integer =
  (min: number, max = Number.MAX_SAFE_INTEGER): Read =>
  (value, path) =>
    readInteger(value, path, min, max)

const FIELDS: Readonly<Record<Exclude<keyof StrictConfig, 'multivector_config' | 'sparse_config'> | 'enabled', Read>> =
  {
    enabled: readFlag,
    max_query_limit: integer(1),
    max_timeout: integer(1),
    unindexed_filtering_retrieve: readFlag,
    unindexed_filtering_update: readFlag,
    search_max_hnsw_ef: integer(0),
    search_allow_exact: readFlag,
    search_max_oversampling: (value, path) => readNumber(value, path),
    upsert_max_batchsize: integer(0),
    search_max_batchsize: integer(0),
    max_collection_vector_size_bytes: integer(0),
    max_collection_payload_size_bytes: integer(0),
    max_points_count: integer(1),
    read_rate_limit: integer(1),
    write_rate_limit: integer(1),
    filter_max_conditions: integer(0),
    condition_max_size: integer(0),
    max_payload_index_count: integer(0),
    max_resident_memory_percent: integer(1, 100),
    max_disk_usage_percent: integer(1, 100),
  }
/** Of vectors, by their names. */
const BY_VECTOR: Readonly<Record<string, string>> = { multivector_config: 'max_vectors', sparse_config: 'max_length' }
const KNOWN = [...Object.keys(FIELDS), ...Object.keys(BY_VECTOR)]
const ROOT = 'strict_mode_config'
const NAMES_MAX = 128

/**
 * The strict mode in the body of a creation or a change, leaf by leaf. A field that it does not know is refused: whoever sent it
 * relies on it. @throws StoreError `MALFORMED_BODY`, `VALIDATION`.
 */
export const readStrict = (value: Json | undefined): Setting[] =>
  optional(value, ROOT, [], (given) => {
    const map = readMap(given, ROOT)
    refuseUnknown(map, ROOT, KNOWN)
    const plain = Object.entries(FIELDS).flatMap(([name, read]) => leaf(map[name], [ROOT, name], read))
    const named = Object.entries(BY_VECTOR).flatMap(([name, field]) => byVector(map[name], name, field))
    return [...plain, ...named]
  })

const leaf = (value: Json | undefined, path: readonly string[], read: Read): Setting[] => {
  const given = optional(value, path.join('.'), undefined, read)
  return given === undefined ? [] : [{ path, value: given }]
}

const byVector = (value: Json | undefined, section: string, field: string): Setting[] => {
  const place = `${ROOT}.${section}`
  const vectors = Object.entries(optional(value, place, {} as JsonMap, readMap))
  if (vectors.length > NAMES_MAX) throw formatError(`${place}: ${vectors.length} vectors, send at most ${NAMES_MAX}`)
  return vectors.flatMap(([name, given]) => {
    const map = readMap(given, `${place}.${name}`)
    refuseUnknown(map, `${place}.${name}`, [field])
    return leaf(map[field], [ROOT, section, name, field], integer(1))
  })
}

const read = new WeakMap<readonly Setting[], StrictConfig | undefined>()

/** `undefined` unless the collection's strict mode is enabled. */
export const strictOf = ({ settings }: Pick<Collection, 'settings'>): StrictConfig | undefined => {
  if (!read.has(settings)) read.set(settings, strictIn(settings))
  return read.get(settings)
}

const strictIn = (settings: readonly Setting[]): StrictConfig | undefined => {
  const found: JsonObject = Object.create(null)
  for (const { path, value } of settings) {
    const [root, name, vector, field] = path
    if (root !== ROOT || name === undefined) continue
    if (vector === undefined) found[name] = value
    else if (field !== undefined) {
      const section = isMap(found[name]) ? (found[name] as JsonObject) : Object.create(null)
      section[vector] = { [field]: value }
      found[name] = section
    }
  }
  return found.enabled === true ? (found as StrictConfig) : undefined
}
