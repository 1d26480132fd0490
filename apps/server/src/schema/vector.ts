import {
  type CollectionConfig,
  HALF_MAX,
  isDense,
  isFinite32,
  isMulti,
  isSparseSpace,
  MULTI_LENGTH_MAX,
  numbersOf,
  rounded,
  rowsOf,
  type SpaceParams,
  SPARSE_LENGTH_MAX,
  spaceNamed,
  spacesOf,
  type SparseVector,
  type VectorParams,
  type VectorValue,
} from '@meridian/core'
import { normalize, normalizeRows } from '@meridian/index'
import { formatError, invalid, unsupported, wrongInput } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import { isMap, readArray, wrongType } from './read.js'

/** @throws StoreError `WRONG_INPUT`. */
export const spaceParams = (config: CollectionConfig, name: string): SpaceParams => {
  const params = spaceNamed(config, name)
  if (params !== undefined) return params
  const names = spacesOf(config).map(([each]) => (each === '' ? 'the unnamed one' : each))
  const known = names.length === 0 ? 'none, add one with PUT /collections/{name}/vectors/{vector}' : names.join(', ')
  throw wrongInput(`Not existing vector name error: ${name}; vectors of this collection: ${known}`)
}

/**
 * As it is stored: of length 1 for `Cosine`, each row of a multivector by itself, and rounded to the space's datatype. Integers are not
 * normalised before: nothing would be left of them. Idempotent.
 */
export const storedForm = (params: SpaceParams, value: VectorValue): VectorValue => {
  if (isSparseSpace(params)) return value
  const { metric, datatype } = params
  const isNormalised = metric === 'Cosine' && datatype !== 'uint8'
  if (datatype === undefined) return isNormalised ? normalised(value) : value
  const form = rounded(datatype, value)
  return isNormalised && !isOfLengthOne(form) ? rounded(datatype, normalised(value)) : form
}

/** As vectors of the space are compared, from the stored form: of length 1 for `Cosine`, which rounding spoils. */
export const comparedForm = (params: SpaceParams, value: VectorValue): VectorValue =>
  isSparseSpace(params) || params.metric !== 'Cosine' || params.datatype === undefined ? value : normalised(value)

const normalised = (value: VectorValue): VectorValue =>
  isDense(value) ? normalize(value) : isMulti(value) ? normalizeRows(value) : value

/** Up to what rounding to halves does to it. */
const LENGTH_ERROR = 1 / 1024

const isOfLengthOne = (value: VectorValue): boolean =>
  (isMulti(value) ? rowsOf(value) : [numbersOf(value)]).every(
    (row) => Math.abs(Math.sqrt(row.reduce((sum, number) => sum + number * number, 0)) - 1) <= LENGTH_ERROR,
  )

/**
 * A value of the space `params`, as it was sent, of the form that the space has. One dense vector stands for a multivector of
 * one row.
 * @throws StoreError `MALFORMED_BODY`, `VALIDATION` if it is empty, overflows a float32 or repeats an index, `WRONG_INPUT` for a
 * wrong length or another form.
 */
export const readRawVector = (value: Json | undefined, path: string, params: SpaceParams): VectorValue => {
  const read = readForm(value, path, params)
  if (!isSparseSpace(params) && params.datatype === 'float16' && numbersOf(read).some(isBeyondHalves))
    throw invalid(path, `a number is out of the range of a 16-bit float (${HALF_MAX} at most), scale the vector down`)
  return read
}

const isBeyondHalves = (number: number): boolean => Math.abs(number) > HALF_MAX

const readForm = (value: Json | undefined, path: string, params: SpaceParams): VectorValue => {
  refuseInference(value, path)
  if (isSparseSpace(params)) {
    if (isMap(value)) return readSparse(value, path)
    if (isList(value)) throw wrongInput(`${path}: expected a sparse vector, send {"indices": [...], "values": [...]}`)
    throw wrongType(path, 'an object with indices and values', value)
  }
  if (isMap(value) && 'indices' in value)
    throw wrongInput(`${path}: expected a dense vector, got a sparse one; name a sparse vector of the collection`)
  const items = readNumbersOf(value, path)
  const isNested = Array.isArray(items[0])
  if (params.multi !== undefined)
    return readMulti(isNested ? (items as readonly Json[]) : [value!], path, isNested, params)
  if (isNested)
    throw wrongInput(`${path}: expected one array of numbers, got a multivector, which the space does not hold`)
  return readDense(items, path, params)
}

/** As `readRawVector`, in stored form. */
export const readVector = (value: Json | undefined, path: string, params: SpaceParams): VectorValue =>
  storedForm(params, readRawVector(value, path, params))

/** Of a body; the latter is sound. */
type List = readonly Json[] | Float32Array

/** Whether a value is what JSON has as an array. */
export const isList = (value: Json | undefined): value is Json[] | Float32Array =>
  Array.isArray(value) || value instanceof Float32Array

const readNumbersOf = (value: Json | undefined, path: string): List => {
  if (!isList(value)) throw wrongType(path, 'an array of numbers', value)
  if (value.length === 0) throw invalid(path, 'the vector is empty, send its numbers')
  return value
}

const refuseInference = (value: Json | undefined, path: string): void => {
  if (isMap(value) && ('text' in value || 'image' in value || 'object' in value || 'model' in value))
    throw unsupported(`${path}: inference is not supported; embed it first and send an array of numbers`)
}

const readFloats = (items: List, path: string): Float32Array => {
  if (items instanceof Float32Array) return items
  const vector = new Float32Array(items.length)
  for (let i = 0; i < items.length; i++) {
    const item = items[i]!
    if (typeof item === 'number') vector[i] = item
    else if (typeof item === 'bigint') vector[i] = Number(item)
    else throw wrongType(`${path}[${i}]`, 'a number', item)
  }
  if (!isFinite32(vector)) throw invalid(path, 'a number is out of the range of a 32-bit float, scale the vector down')
  return vector
}

const readDense = (items: List, path: string, { size }: VectorParams): Float32Array => {
  if (items.length !== size)
    throw wrongInput(`Vector dimension error: expected dim: ${size}, got ${items.length} (${path})`)
  return readFloats(items, path)
}

const readMulti = (rows: readonly Json[], path: string, isNested: boolean, params: VectorParams): VectorValue => {
  const length = rows.length * params.size
  if (length > MULTI_LENGTH_MAX)
    throw invalid(path, `${rows.length} vectors are ${length} numbers, send at most ${MULTI_LENGTH_MAX}`)
  const data = new Float32Array(length)
  rows.forEach((row, i) => {
    const place = isNested ? `${path}[${i}]` : path
    data.set(readDense(readNumbersOf(row, place), place, params), i * params.size)
  })
  return { dims: params.size, data }
}

const INDEX_MAX = 0xffffffff

/** Indices in any order; kept ascending. */
const readSparse = (map: JsonMap, path: string): SparseVector => {
  if (map.indices === undefined) throw formatError(`${path}: missing field \`indices\`; send indices and values`)
  if (map.values === undefined) throw formatError(`${path}: missing field \`values\`; send one for each of the indices`)
  const indices = readArray(map.indices, `${path}.indices`).map((index, i) => {
    if (typeof index === 'number' && Number.isInteger(index) && index >= 0 && index <= INDEX_MAX) return index
    throw formatError(`${path}.indices[${i}]: expected an integer from 0 to ${INDEX_MAX}`)
  })
  const values = readFloats(readArray(map.values, `${path}.values`), `${path}.values`)
  if (values.length !== indices.length)
    throw invalid(
      `${path}.values`,
      `must be the same length as indices: ${values.length} for ${indices.length} indices`,
    )
  if (indices.length > SPARSE_LENGTH_MAX)
    throw invalid(`${path}.indices`, `${indices.length} of them, send at most ${SPARSE_LENGTH_MAX}`)
  const order = Uint32Array.from(indices.keys()).sort((a, b) => indices[a]! - indices[b]!)
  const sorted = Uint32Array.from(order, (at) => indices[at]!)
  const twice = sorted.find((index, i) => i > 0 && index === sorted[i - 1])
  if (twice !== undefined) throw invalid(`${path}.indices`, `must be unique: ${twice} is there twice`)
  return { indices: sorted, values: Float32Array.from(order, (at) => values[at]!) }
}

/** The `vector` of a point: an array for the unnamed vector, or an object of named ones. */
export const readVectors = (
  value: Json | undefined,
  path: string,
  config: CollectionConfig,
): Map<string, VectorValue> => {
  if (isList(value)) return new Map([['', readVector(value, path, spaceParams(config, ''))]])
  if (value === undefined) throw formatError(`${path}: missing field; send the vector, or {} for a point without one`)
  if (!isMap(value)) throw wrongType(path, 'an array of numbers or an object of named vectors', value)
  const names = Object.keys(value)
  if (names.some((name) => spaceNamed(config, name) === undefined)) {
    refuseInference(value, path)
    if ('indices' in value)
      throw formatError(`${path}: a sparse vector has a name; send {"<name>": {"indices", "values"}}`)
  }
  return new Map(names.map((name) => [name, readVector(value[name], `${path}.${name}`, spaceParams(config, name))]))
}
