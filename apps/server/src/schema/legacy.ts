import { badRequest, formatError } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import { isMap, readText, wrongType } from './read.js'
import { isList } from './vector.js'

/** The body of an older request as a body of `points/query`. */
export type Translate = (body: JsonMap) => JsonMap

const given = (value: Json | undefined): value is Json => value !== undefined && value !== null

/** `top` is an older name of `limit`. */
const limitOf = (body: JsonMap): Json => {
  const limit = body.limit ?? body.top
  if (!given(limit)) throw formatError('missing field `limit`; send how many points to return')
  return limit
}

/** Older requests look ids up in the unnamed vector unless told otherwise. */
const lookupOf = (body: JsonMap): JsonMap => {
  const from = body.lookup_from
  return isMap(from) && !given(from.vector) ? { lookup_from: { ...from, vector: '' } } : {}
}

export const searchBody: Translate = (body) => {
  const { vector, top: _, ...rest } = body
  if (!given(vector)) throw formatError('missing field `vector`; send the vector to search for')
  const limit = limitOf(body)
  if (isList(vector)) return { ...rest, limit, query: vector }
  if (!isMap(vector)) throw wrongType('vector', 'an array of numbers or {"name", "vector"}', vector)
  if (!given(vector.name)) throw formatError('vector: send an array of numbers, or {"name", "vector"}')
  if (!given(vector.vector) || typeof vector.vector !== 'object')
    throw wrongType('vector.vector', 'an array of numbers', vector.vector)
  return { ...rest, limit, query: { nearest: vector.vector }, using: readText(vector.name, 'vector.name') }
}

export const recommendBody: Translate = (body) => {
  const { positive = null, negative = null, strategy = null, top: _, ...rest } = body
  return { ...rest, limit: limitOf(body), ...lookupOf(body), query: { recommend: { positive, negative, strategy } } }
}

export const discoverBody: Translate = (body) => {
  const { target, context = null, top: _, ...rest } = body
  const limit = limitOf(body)
  if (!given(target) && !given(context)) throw badRequest('target and/or context must be specified')
  const query = given(target) ? { discover: { target, context } } : { context }
  return { ...rest, limit, ...lookupOf(body), query }
}

export const asItIs: Translate = (body) => body
