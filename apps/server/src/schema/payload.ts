import { assert, type JsonObject, type JsonValue, setOwn } from '@meridian/core'
import { formatError } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import { isMap, readMap } from './read.js'

/** @throws StoreError `MALFORMED_BODY`, also for an integer that JSON numbers of this store cannot hold exactly. */
export const readPayload = (value: Json | undefined, path: string): JsonObject => {
  const payload = readMap(value, path)
  return Object.getPrototypeOf(payload) === null ? copyMap(payload, path) : (payload as JsonObject)
}

/** The slow parser makes objects without a prototype: only in its output can there be a `bigint`. */
const copyMap = (map: JsonMap, path: string): JsonObject => {
  const copied: JsonObject = {}
  for (const [key, value] of Object.entries(map)) setOwn(copied, key, copy(value, `${path}.${key}`))
  return copied
}

const copy = (value: Json, path: string): JsonValue => {
  if (typeof value === 'bigint') {
    if (BigInt(Number(value)) === value) return Number(value)
    throw formatError(`${path}: integer ${value} is beyond 2^53 and would lose digits; send it as a string`)
  }
  if (Array.isArray(value)) return value.map((item, i) => copy(item, `${path}[${i}]`))
  if (isMap(value)) return copyMap(value, path)
  assert(!(value instanceof Float32Array), 'only a point has a vector')
  return value
}
