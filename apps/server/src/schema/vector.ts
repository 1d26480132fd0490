import type { CollectionConfig, VectorParams } from '@meridian/core'
import { isFinite32, normalize } from '@meridian/index'
import { formatError, invalid, unsupported, wrongInput } from '../http/errors.js'
import type { Json } from '../http/json-parse.js'
import { isMap, wrongType } from './read.js'

/** @throws StoreError `WRONG_INPUT`. */
export const spaceParams = (config: CollectionConfig, name: string): VectorParams => {
  const params = Object.hasOwn(config.vectors, name) ? config.vectors[name] : undefined
  if (params !== undefined) return params
  const names = Object.keys(config.vectors).map((each) => (each === '' ? 'the unnamed one' : each))
  throw wrongInput(`Not existing vector name error: ${name}; vectors of this collection: ${names.join(', ')}`)
}

/**
 * A dense vector of `params`, as it is stored: normalised for `Cosine`.
 * @throws StoreError `MALFORMED_BODY`, `VALIDATION` if it is empty or overflows a float32, `WRONG_INPUT` for a wrong length.
 */
export const readVector = (value: Json | undefined, path: string, params: VectorParams): Float32Array => {
  if (!Array.isArray(value)) {
    refuseForeignForms(value, path)
    throw wrongType(path, 'an array of numbers', value)
  }
  if (value.length === 0) throw invalid(path, 'the vector is empty, send its numbers')
  if (Array.isArray(value[0]))
    throw unsupported(`${path}: multivectors are not supported yet; send one array of numbers`)
  if (value.length !== params.size)
    throw wrongInput(`Vector dimension error: expected dim: ${params.size}, got ${value.length} (${path})`)
  const vector = new Float32Array(value.length)
  for (let i = 0; i < value.length; i++) {
    const item = value[i]!
    if (typeof item === 'number') vector[i] = item
    else if (typeof item === 'bigint') vector[i] = Number(item)
    else throw wrongType(`${path}[${i}]`, 'a number', item)
  }
  if (!isFinite32(vector)) throw invalid(path, 'a number is out of the range of a 32-bit float, scale the vector down')
  return params.metric === 'Cosine' ? normalize(vector) : vector
}

/** Says plainly what an object in place of a dense vector asks for. */
const refuseForeignForms = (value: Json | undefined, path: string): void => {
  if (!isMap(value)) return
  if ('indices' in value) throw unsupported(`${path}: sparse vectors are not supported yet; send an array of numbers`)
  if ('text' in value || 'image' in value || 'object' in value || 'model' in value)
    throw unsupported(`${path}: inference is not supported; embed it first and send an array of numbers`)
}

/** The `vector` of a point: an array for the unnamed vector, or an object of named ones. */
export const readVectors = (
  value: Json | undefined,
  path: string,
  config: CollectionConfig,
): Map<string, Float32Array> => {
  if (Array.isArray(value)) return new Map([['', readVector(value, path, spaceParams(config, ''))]])
  if (value === undefined) throw formatError(`${path}: missing field; send the vector, or {} for a point without one`)
  if (!isMap(value)) throw wrongType(path, 'an array of numbers or an object of named vectors', value)
  const names = Object.keys(value)
  if (names.some((name) => !Object.hasOwn(config.vectors, name))) refuseForeignForms(value, path)
  return new Map(names.map((name) => [name, readVector(value[name], `${path}.${name}`, spaceParams(config, name))]))
}
