import {
  type CollectionConfig,
  isDense,
  isSparse,
  isSparseSpace,
  type JsonObject,
  rowsOf,
  type SpaceParams,
  spacesOf,
  type VectorValue,
} from '@meridian/core'
import type { Collection } from '@meridian/replica'
import { badRequest, formatError } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import { Floats } from '../http/json-print.js'
import { isMap, optional, readTexts, wrongType } from '../schema/read.js'
import { spaceParams } from '../schema/vector.js'
import { type Hit, placeOf, shownScore } from './hit.js'
import { exclude, include, parseSteps } from './projection.js'

/** Which parts of a record an answer shows. */
export interface Parts {
  /** `undefined`: no payload. */
  readonly payload: ((payload: JsonObject) => JsonObject) | undefined
  readonly vectors: boolean | readonly string[]
}

/** Payload and vector of a point as an answer shows them; absent when not asked for. */
export interface Shown {
  payload?: JsonObject
  vector?: unknown
}

/** `with_payload` and `with_vector` (or `with_vectors`) of a body. */
export const readParts = (body: JsonMap, config: CollectionConfig, isPayloadDefault: boolean): Parts => ({
  payload: optional(body.with_payload, 'with_payload', isPayloadDefault ? whole : undefined, readPayloadPart),
  vectors: optional(body.with_vector ?? body.with_vectors, 'with_vector', false, (value, path) => {
    if (typeof value === 'boolean') return value
    if (!Array.isArray(value)) throw wrongType(path, 'true, false or a list of vector names', value)
    const names = readTexts(value, path)
    for (const name of names) spaceParams(config, name)
    return names
  }),
})

export const EVERYTHING: Parts = { payload: (payload) => payload, vectors: true }

const whole = (payload: JsonObject): JsonObject => payload

const readPayloadPart = (value: Json, path: string): Parts['payload'] => {
  if (typeof value === 'boolean') return value ? whole : undefined
  if (Array.isArray(value)) return project(include, value, path)
  if (!isMap(value)) throw wrongType(path, 'true, false, a list of keys, {include} or {exclude}', value)
  const names = Object.keys(value)
  if (names.length !== 1 || !['include', 'exclude'].includes(names[0]!))
    throw formatError(`${path}: send either {"include": [keys]} or {"exclude": [keys]}`)
  return names[0] === 'include'
    ? project(include, value.include!, `${path}.include`)
    : project(exclude, value.exclude!, `${path}.exclude`)
}

const project = (pick: typeof include, value: Json, path: string): Parts['payload'] => {
  const paths = readTexts(value, path).map(parseSteps)
  return (payload) => pick(payload, paths)
}

/** An answer is one string in memory; printed floats take about this many bytes. */
const FLOAT_BYTES = 12
const ANSWER_BYTES_MAX = 256 * 1024 * 1024

/** Vectors without a fixed length are taken to be of a usual one. */
const SPARSE_NUMBERS = 256
const MULTI_ROWS = 32
const usualNumbers = (params: SpaceParams): number =>
  isSparseSpace(params) ? SPARSE_NUMBERS : params.size * (params.multi === undefined ? 1 : MULTI_ROWS)

/** @throws StoreError `BAD_REQUEST` when the vectors of `count` records would not fit into one answer. */
export const refuseHugeAnswer = (parts: Parts, config: CollectionConfig, count: number): void => {
  if (parts.vectors === false) return
  const names = parts.vectors === true ? spacesOf(config).map(([name]) => name) : parts.vectors
  const bytes = count * FLOAT_BYTES * names.reduce((sum, name) => sum + usualNumbers(spaceParams(config, name)), 0)
  if (bytes > ANSWER_BYTES_MAX)
    throw badRequest(
      `limit: ${count} points with vectors are about ${bytes} bytes; lower the limit, or leave vectors out`,
    )
}

export const show = (collection: Collection, ordinal: number, parts: Parts): Shown => {
  const shown: Shown = {}
  if (parts.payload !== undefined) shown.payload = parts.payload(collection.payload(ordinal))
  if (parts.vectors !== false) shown.vector = showVectors(collection, ordinal, parts.vectors)
  return shown
}

/** Hits as an answer shows them; those that went meanwhile are left out. */
export const showHits = (collection: Collection, hits: readonly Hit[], parts: Parts): unknown[] => {
  const all: unknown[] = []
  for (const hit of hits) {
    const ordinal = placeOf(collection, hit)
    if (ordinal === undefined) continue
    const shown: Record<string, unknown> = {
      id: hit.id,
      version: collection.version(ordinal),
      score: shownScore(hit.score),
    }
    if (hit.orderValue !== undefined) shown.order_value = hit.orderValue
    if (parts.payload !== undefined) shown.payload = parts.payload(collection.payload(ordinal))
    if (parts.vectors !== false) shown.vector = showVectors(collection, ordinal, parts.vectors)
    all.push(shown)
  }
  return all
}

const showVectors = (collection: Collection, ordinal: number, wanted: true | readonly string[]): unknown => {
  const names = wanted === true ? collection.vectorNames(ordinal) : wanted
  if (names.length === 1 && names[0] === '') {
    const vector = collection.vector(ordinal, '')
    return vector === undefined ? {} : shownVector(vector)
  }
  const shown: Record<string, unknown> = {}
  for (const name of names) {
    const vector = collection.vector(ordinal, name)
    if (vector !== undefined) shown[name] = shownVector(vector)
  }
  return '' in shown && Object.keys(shown).length === 1 ? shown[''] : shown
}

export const shownVector = (value: VectorValue): unknown =>
  isDense(value)
    ? new Floats(value)
    : isSparse(value)
      ? { indices: Array.from(value.indices), values: new Floats(value.values) }
      : rowsOf(value).map((row) => new Floats(row))
