import type { CollectionConfig, PointId } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import { badRequest, formatError, noPoint, unsupported, wrongInput } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import { type Parts, readParts, refuseHugeAnswer } from '../query/present.js'
import type { Nearest } from '../query/search.js'
import { type ReadFilter, readFilter } from './filter.js'
import { readPointId } from './point-id.js'
import {
  isMap,
  LATER,
  NO_SHARD_KEYS,
  optional,
  readFlag,
  readInteger,
  readMap,
  readNumber,
  readText,
  refuseFields,
} from './read.js'
import { readVector, spaceParams } from './vector.js'

export const LIMIT_DEFAULT = 10
const EF_MAX = 100_000

/** A parsed search: the nearest of something, or, without a query, the points by id. */
export type Query =
  | { readonly kind: 'nearest'; readonly nearest: Nearest; readonly parts: Parts }
  | {
      readonly kind: 'list'
      readonly filter: ReadFilter | undefined
      readonly limit: number
      readonly offset: number
      readonly parts: Parts
    }

const KINDS_LATER = [
  'recommend',
  'discover',
  'context',
  'order_by',
  'fusion',
  'rrf',
  'formula',
  'sample',
  'relevance_feedback',
]

/** One request of `points/query`. The collection is asked for the vector when the query is an id. */
export const readQuery = (body: JsonMap, collection: Collection, limitMax: number): Query => {
  refuseFields(body, '', { prefetch: LATER, lookup_from: LATER, shard_key: NO_SHARD_KEYS })
  const page = readPage(body, collection.config, limitMax)
  const threshold = optional(body.score_threshold, 'score_threshold', undefined, readNumber)
  if (body.query === undefined || body.query === null) {
    if (threshold !== undefined) throw badRequest('score_threshold: without a query there are no scores; leave it out')
    return { kind: 'list', ...page }
  }
  const space = optional(body.using, 'using', '', readText)
  const target = readTarget(body.query, space, collection)
  return {
    kind: 'nearest',
    parts: page.parts,
    nearest: { ...page, ...target, ...readSearchParams(body), space, threshold },
  }
}

/** One request of the older `points/search`. */
export const readSearch = (body: JsonMap, collection: Collection, limitMax: number): Query => {
  refuseFields(body, '', { shard_key: NO_SHARD_KEYS })
  const named = isMap(body.vector) ? body.vector : undefined
  if (named !== undefined && named.name === undefined)
    throw formatError('vector: send an array of numbers, or {"name", "vector"}')
  const limit = body.limit ?? body.top
  if (limit === undefined) throw formatError('missing field `limit`; send how many points to return')
  const { vector: _, ...rest } = body
  const query = named === undefined ? body.vector : named.vector
  if (query === undefined) throw formatError('missing field `vector`; send the vector to search for')
  if (!Array.isArray(query))
    readVector(query, 'vector', spaceParams(collection.config, named ? readText(named.name, 'vector.name') : ''))
  return readQuery(
    { ...rest, limit, query, ...(named === undefined ? {} : { using: named.name! }) },
    collection,
    limitMax,
  )
}

const readPage = (body: JsonMap, config: CollectionConfig, limitMax: number) => {
  const limit = optional(body.limit, 'limit', LIMIT_DEFAULT, (value, path) => readInteger(value, path, 1, limitMax))
  const parts = readParts(body, config, false)
  refuseHugeAnswer(parts, config, limit)
  return {
    limit,
    offset: optional(body.offset, 'offset', 0, (value, path) => readInteger(value, path, 0, limitMax)),
    filter: optional(body.filter, 'filter', undefined, readFilter),
    parts,
  }
}

const readSearchParams = (body: JsonMap) => {
  const params = optional(body.params, 'params', {} as JsonMap, readMap)
  return {
    exact: optional(params.exact, 'params.exact', false, readFlag),
    ef:
      optional(params.hnsw_ef, 'params.hnsw_ef', undefined, (value, path) => readInteger(value, path, 0, EF_MAX)) ||
      undefined,
  }
}

const readTarget = (
  query: Json,
  space: string,
  collection: Collection,
): Pick<Nearest, 'vector' | 'except' | 'params'> => {
  const params = spaceParams(collection.config, space)
  if (Array.isArray(query)) return { vector: readVector(query, 'query', params), except: undefined, params }
  if (!isMap(query)) return { ...vectorOf(collection, readPointId(query, 'query'), space), params }
  if (query.nearest !== undefined) {
    refuseFields(query, 'query', { mmr: LATER })
    if (isMap(query.nearest))
      return { vector: readVector(query.nearest, 'query.nearest', params), except: undefined, params }
    return readTarget(query.nearest, space, collection)
  }
  const later = KINDS_LATER.find((kind) => query[kind] !== undefined)
  if (later !== undefined)
    throw unsupported(`query.${later}: not supported yet; send a vector, an id or {"nearest": ...}`)
  readVector(query, 'query', params)
  throw formatError('query: send a vector, an id or {"nearest": ...}')
}

const vectorOf = (collection: Collection, id: PointId, space: string): { vector: Float32Array; except: PointId } => {
  const ordinal = collection.find(id)
  if (ordinal === undefined) throw noPoint(id)
  const vector = collection.vector(ordinal, space)
  if (vector === undefined)
    throw wrongInput(
      `query: point ${id} has no vector ${space === '' ? 'of its own' : `\`${space}\``}; ask with one that has`,
    )
  return { vector, except: id }
}
