import {
  type ConflictPolicy,
  asPolicy,
  type JsonValue,
  MODEL_BYTES_MAX,
  policyProblem,
  type RecordOp,
} from '@meridian/core'
import { formatError, invalid } from '../http/errors.js'
import type { Json } from '../http/json-parse.js'
import { readPayload } from './payload.js'
import { isMap, optional, readInteger, readMap, readText, refuseUnknown } from './read.js'

type Content = NonNullable<RecordOp['content']>

/** The `meridian` field of a point: what it was made from. */
export const readContent = (value: Json | undefined, path: string): { content?: Content } =>
  optional(value, path, {}, (given) => {
    const map = readMap(given, path)
    refuseUnknown(map, path, ['content_version', 'model'])
    const version = optional(map.content_version, `${path}.content_version`, 0, (number, at) =>
      readInteger(number, at, 0, Number.MAX_SAFE_INTEGER),
    )
    const model = optional(map.model, `${path}.model`, '', readText)
    if (Buffer.byteLength(model) > MODEL_BYTES_MAX)
      throw invalid(`${path}.model`, `${Buffer.byteLength(model)} bytes, send at most ${MODEL_BYTES_MAX}`)
    if (/\p{Surrogate}/u.test(model)) throw invalid(`${path}.model`, 'send well-formed text')
    return { content: { version, model } }
  })

/** @throws StoreError `VALIDATION` naming what is wrong with it. */
export const readPolicy = (value: Json | undefined, path: string): { policy: ConflictPolicy; stored: JsonValue } => {
  const given = isMap(value) ? readPayload(value, path) : (value ?? null)
  if (typeof given === 'bigint') throw formatError(`${path}: send "newest" or an object`)
  const problem = policyProblem(given as JsonValue)
  if (problem !== undefined) throw invalid(path, problem)
  return { policy: asPolicy(given as JsonValue), stored: given as JsonValue }
}
