import { type PointId, StoreError, spaceProblem, type VectorValue } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import { noPoint, wrongInput } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import type { Target } from '../query/plan.js'
import { readPointId } from './point-id.js'
import { isMap, NO_SHARD_KEYS, optional, readMap, readText, refuseFields } from './read.js'
import { comparedForm, isList, readRawVector, spaceParams, storedForm } from './vector.js'

/** What a request is read against. */
export interface QueryContext {
  /** The collection that is searched. */
  readonly collection: Collection
  readonly limitMax: number
  /** Of `lookup_from` and `with_lookup`. @throws StoreError `COLLECTION_NOT_FOUND`. */
  lookup(name: string): Collection
}

/** Where the vectors of one node come from: the vector that is searched, and the one that ids stand for. */
export interface VectorSource {
  readonly target: Target
  readonly collection: Collection
  readonly space: string
  /** Takes the ids of searched points that stand for their vectors. */
  readonly except: Set<PointId> | undefined
}

/** `using` and `lookup_from` of a node. @throws StoreError `WRONG_INPUT` for a vector that is not there. */
export const readSource = (body: JsonMap, path: string, context: QueryContext, except: Set<PointId>): VectorSource => {
  const space = optional(body.using, at(path, 'using'), '', readText)
  const target = { space, params: spaceParams(context.collection.config, space) }
  const from = optional(body.lookup_from, at(path, 'lookup_from'), undefined, readMap)
  if (from === undefined) return { target, collection: context.collection, space, except }
  const place = at(path, 'lookup_from')
  refuseFields(from, place, { shard_key: NO_SHARD_KEYS })
  const collection = context.lookup(readText(from.collection, `${place}.collection`))
  const name = optional(from.vector, `${place}.vector`, space, readText)
  spaceParams(collection.config, name)
  return { target, collection, space: name, except: collection.uid === context.collection.uid ? except : undefined }
}

export const at = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`)

/** A vector as it is sent, or the stored one of the point that an id names; `undefined` if that point has none. */
const readForm = (value: Json | undefined, path: string, source: VectorSource): VectorValue | undefined => {
  const { params } = source.target
  if (isList(value) || isMap(value)) return readRawVector(value, path, params)
  const id = readPointId(value, path)
  const ordinal = source.collection.find(id)
  if (ordinal === undefined) throw noPoint(id)
  source.except?.add(id)
  const vector = source.collection.vector(ordinal, source.space)
  const misfit = vector === undefined ? undefined : spaceProblem(params, vector)
  if (misfit !== undefined) throw wrongInput(`${misfit} (${path})`)
  return vector
}

/** In stored form. @throws StoreError `POINT_NOT_FOUND` for an id without a point, or of a point without the vector. */
export const readQueryVector = (value: Json | undefined, path: string, source: VectorSource): VectorValue => {
  const vector = readForm(value, path, source)
  if (vector === undefined)
    throw new StoreError(
      'POINT_NOT_FOUND',
      `${path}: point ${value} has no vector ${source.space === '' ? 'of its own' : `\`${source.space}\``}; ask with one that has`,
    )
  return stored(vector, source)
}

/**
 * Examples in the form they were sent or stored in, as averages want them: a `Cosine` vector is not normalised. Points without
 * the vector are left out, as Qdrant does.
 */
export const readExamples = (value: Json, path: string, source: VectorSource): VectorValue[] => {
  const items = Array.isArray(value) ? value : []
  return items.flatMap((item, i) => readForm(item, `${path}[${i}]`, source) ?? [])
}

/** As the searched space stores and compares it. */
export const stored = (vector: VectorValue, { target: { params } }: VectorSource): VectorValue =>
  comparedForm(params, storedForm(params, vector))
