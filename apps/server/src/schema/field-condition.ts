import {
  type Condition,
  type DatetimeRange,
  type FieldCondition,
  type Match,
  type MatchScalar,
  parseInstant,
  type Range,
  type ValuesCount,
} from '@meridian/index'
import { formatError, invalid } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import { readBoundingBox, readPolygon, readRadius } from './geo.js'
import {
  optional,
  readArray,
  readFlag,
  readInteger,
  readMap,
  readNumber,
  readText,
  refuseUnknown,
  wrongType,
} from './read.js'

type Tests = Omit<FieldCondition, 'key'>

const TESTS: { readonly [name in keyof Tests]-?: (value: Json, path: string) => Tests[name] } = {
  match: (value, path) => readMatch(value, path),
  range: (value, path) => readRange(value, path),
  geo_bounding_box: readBoundingBox,
  geo_radius: readRadius,
  geo_polygon: readPolygon,
  values_count: (value, path) => readCounts(value, path),
}
const BOUNDS = ['gt', 'gte', 'lt', 'lte'] as const
const MATCHES = ['value', 'any', 'except', 'text', 'text_any', 'phrase']

/** A condition with a `key`. Of several tests any one will do, as in Qdrant. */
export const fieldCondition = (map: JsonMap, path: string): Condition => {
  const key = readText(map.key, `${path}.key`)
  refuseUnknown(map, path, ['key', ...Object.keys(TESTS), 'is_empty', 'is_null'])
  const conditions: Condition[] = []
  const tests: Record<string, unknown> = {}
  for (const [name, read] of Object.entries(TESTS)) {
    const test = optional<unknown, undefined>(map[name], `${path}.${name}`, undefined, read)
    if (test !== undefined) tests[name] = test
  }
  if (Object.keys(tests).length > 0) conditions.push({ key, ...(tests as Tests) })
  for (const holds of [{ is_empty: { key } }, { is_null: { key } }]) {
    const [name] = Object.keys(holds)
    const asked = optional(map[name!], `${path}.${name}`, undefined, readFlag)
    if (asked !== undefined) conditions.push(asked ? holds : { must_not: [holds] })
  }
  if (conditions.length === 0)
    throw invalid(path, 'at least one field condition must be specified, such as match or range')
  return conditions.length === 1 ? conditions[0]! : { should: conditions }
}

const readMatch = (value: Json, path: string): Match => {
  const map = readMap(value, path)
  refuseUnknown(map, path, MATCHES)
  const names = Object.keys(map).filter((name) => map[name] !== null)
  if (names.length !== 1) throw formatError(`${path}: send exactly one of ${MATCHES.join(', ')}`)
  const at = `${path}.${names[0]}`
  switch (names[0]) {
    case 'value':
      return { value: scalar(map.value!, at) }
    case 'any':
      return { any: keywords(map.any, at) }
    case 'except':
      return { except: keywords(map.except, at) }
    case 'text':
      return { text: readText(map.text, at) }
    case 'text_any':
      return { text_any: readText(map.text_any, at) }
    default:
      return { phrase: readText(map.phrase, at) }
  }
}

const scalar = (value: Json, path: string): MatchScalar => {
  if (typeof value === 'string' || typeof value === 'boolean') return value
  return whole(value, path, 'a string, an integer or true or false')
}

const whole = (value: Json, path: string, wanted: string): number => {
  // Stored integers are exact up to 2^53, so a larger one matches nothing, whatever it is rounded to.
  if (typeof value === 'bigint') return Number.NaN
  if (typeof value !== 'number') throw wrongType(path, wanted, value)
  if (!Number.isInteger(value)) throw formatError(`${path}: ${value} is not an integer; use range for fractions`)
  return value
}

const keywords = (value: Json | undefined, path: string): (string | number)[] => {
  const items = readArray(value, path)
  const read = items.map((item, i) =>
    typeof item === 'string' ? item : whole(item, `${path}[${i}]`, 'a string or an integer'),
  )
  if (new Set(read.map((item) => typeof item)).size > 1)
    throw formatError(`${path}: strings and integers mixed; send one kind`)
  return read
}

/** Numbers or dates, not both. */
const readRange = (value: Json, path: string): Range | DatetimeRange => {
  const map = readMap(value, path)
  refuseUnknown(map, path, BOUNDS)
  const given = BOUNDS.filter((name) => map[name] !== undefined && map[name] !== null)
  if (!given.some((name) => typeof map[name] === 'string')) return boundsOf(map, path, readNumber)
  if (given.some((name) => typeof map[name] !== 'string'))
    throw formatError(`${path}: numbers and dates mixed; send one kind`)
  return boundsOf(map, path, readDate)
}

const readDate = (value: Json, path: string): string => {
  const text = readText(value, path)
  if (parseInstant(text) !== undefined) return text
  throw formatError(
    `${path}: '${text.slice(0, 64)}' is not in a supported date/time format, please use RFC 3339, such as 2026-01-31T12:00:00Z`,
  )
}

const readCounts = (value: Json, path: string): ValuesCount => {
  const map = readMap(value, path)
  refuseUnknown(map, path, BOUNDS)
  return boundsOf(map, path, (bound, at) => readInteger(bound, at, 0, Number.MAX_SAFE_INTEGER))
}

const boundsOf = <T>(map: JsonMap, path: string, read: (value: Json, path: string) => T) => {
  const bound = (name: string): T | undefined => optional(map[name], `${path}.${name}`, undefined, read)
  return { gt: bound('gt'), gte: bound('gte'), lt: bound('lt'), lte: bound('lte') }
}
