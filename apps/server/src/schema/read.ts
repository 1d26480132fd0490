import { formatError, invalid, unsupported } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'

/*
 * Readers of parsed bodies. Each takes the value and its path in the body, gives the typed value, and refuses with the path
 * and what to send instead: a wrong type is `MALFORMED_BODY`, a value out of range `VALIDATION`. `null` reads as absent.
 */

const kindOf = (value: Json | undefined): string =>
  value === undefined
    ? 'nothing'
    : value === null
      ? 'null'
      : Array.isArray(value) || value instanceof Float32Array
        ? 'an array'
        : typeof value === 'object'
          ? 'an object'
          : `a ${typeof value}`

export const wrongType = (path: string, wanted: string, value: Json | undefined) =>
  formatError(`${path}: expected ${wanted}, got ${kindOf(value)}`)

export const isMap = (value: Json | undefined): value is JsonMap =>
  value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Float32Array)

export const readMap = (value: Json | undefined, path: string): JsonMap => {
  if (isMap(value)) return value
  throw wrongType(path, 'an object', value)
}

export const readArray = (value: Json | undefined, path: string): readonly Json[] => {
  if (Array.isArray(value)) return value
  throw wrongType(path, 'an array', value)
}

export const readText = (value: Json | undefined, path: string): string => {
  if (typeof value === 'string') return value
  throw wrongType(path, 'a string', value)
}

export const readTexts = (value: Json | undefined, path: string): string[] =>
  readArray(value, path).map((item, i) => readText(item, `${path}[${i}]`))

export const readFlag = (value: Json | undefined, path: string): boolean => {
  if (typeof value === 'boolean') return value
  throw wrongType(path, 'true or false', value)
}

export const readNumber = (value: Json | undefined, path: string): number => {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  throw wrongType(path, 'a number', value)
}

/** An integer from `min` to `max`, both inclusive. */
export const readInteger = (value: Json | undefined, path: string, min: number, max: number): number => {
  const number = readNumber(value, path)
  if (!Number.isInteger(number)) throw formatError(`${path}: expected an integer, got ${number}`)
  if (number < min || number > max) throw invalid(path, `value ${number} invalid, must be from ${min} to ${max}`)
  return number
}

const isAbsent = (value: Json | undefined): value is null | undefined => value === undefined || value === null

/** `read`, or `fallback` where there is nothing. */
export const optional = <T, F>(
  value: Json | undefined,
  path: string,
  fallback: F,
  read: (value: Json, path: string) => T,
): T | F => (isAbsent(value) ? fallback : read(value, path))

/** Refuses fields that are not `known`: whoever sent them meant something by them. */
export const refuseUnknown = (map: JsonMap, path: string, known: readonly string[]): void => {
  for (const name of Object.keys(map))
    if (!known.includes(name))
      throw formatError(`${path}: unknown field \`${name}\`, expected one of ${known.join(', ')}`)
}

/** Refuses a field that would change the answer if it were ignored. */
export const refuseFields = (map: JsonMap, path: string, reasons: Readonly<Record<string, string>>): void => {
  for (const [name, reason] of Object.entries(reasons))
    if (!isAbsent(map[name])) throw unsupported(`${path === '' ? name : `${path}.${name}`}: ${reason}`)
}

export const NO_SHARD_KEYS = 'shard keys are not supported; leave it out'
