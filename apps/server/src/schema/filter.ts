import { compile, type Condition, type Filter, type Match, type MatchScalar, type Predicate } from '@meridian/index'
import { badRequest, formatError, invalid, unsupported } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import { readPointIds } from './point-id.js'
import { LATER, optional, readArray, readFlag, readInteger, readMap, readNumber, readText, wrongType } from './read.js'

/** A parsed filter and its compiled form. */
export interface ReadFilter {
  readonly filter: Filter
  readonly matches: Predicate
}

const CLAUSES = ['must', 'should', 'must_not', 'min_should']
const FIELD_TESTS = ['match', 'range', 'is_empty', 'is_null']
const FIELD_LATER = ['geo_bounding_box', 'geo_radius', 'geo_polygon', 'values_count']
const MATCH_LATER = ['text', 'text_any', 'phrase', 'prefix']
const IDS_MAX = 1_000_000

/** Anything it does not know is refused: a condition that is dropped would select points that were not meant. */
export const readFilter = (value: Json, path: string): ReadFilter => {
  const filter = filterOf(readMap(value, path), path)
  return { filter, matches: compile(filter) }
}

const filterOf = (map: JsonMap, path: string): Filter => {
  for (const name of Object.keys(map))
    if (!CLAUSES.includes(name))
      throw formatError(`${path}: unknown field \`${name}\`, expected one of ${CLAUSES.join(', ')}`)
  const minimum = optional(map.min_should, `${path}.min_should`, undefined, readMap)
  return {
    must: conditions(map.must, `${path}.must`),
    should: conditions(map.should, `${path}.should`),
    must_not: conditions(map.must_not, `${path}.must_not`),
    min_should: minimum && {
      conditions: conditions(minimum.conditions, `${path}.min_should.conditions`),
      min_count: readInteger(minimum.min_count, `${path}.min_should.min_count`, 0, IDS_MAX),
    },
  }
}

const conditions = (value: Json | undefined, path: string): Condition[] =>
  optional(value, path, [], (given) =>
    Array.isArray(given) ? given.map((item, i) => condition(item, `${path}[${i}]`)) : [condition(given, path)],
  )

const condition = (value: Json | undefined, path: string): Condition => {
  const map = readMap(value, path)
  if (map.key !== undefined) return fieldCondition(map, path)
  const names = Object.keys(map)
  const only = (name: string): boolean => {
    if (map[name] === undefined) return false
    if (names.length > 1)
      throw formatError(`${path}: \`${name}\` stands alone; put the other fields into a condition of their own`)
    return true
  }
  if (only('has_id')) return { has_id: readPointIds(map.has_id, `${path}.has_id`, IDS_MAX) }
  if (only('is_empty')) return { is_empty: { key: keyOf(map.is_empty, `${path}.is_empty`) } }
  if (only('is_null')) return { is_null: { key: keyOf(map.is_null, `${path}.is_null`) } }
  for (const name of ['nested', 'has_vector']) if (only(name)) throw unsupported(`${path}.${name}: ${LATER}`)
  if (names.length > 0 && !names.some((name) => CLAUSES.includes(name)))
    throw formatError(
      `${path}: unknown condition \`${names[0]}\`, send a key with match or range, has_id, is_empty, is_null, or a filter`,
    )
  return filterOf(map, path)
}

const keyOf = (value: Json | undefined, path: string): string => readText(readMap(value, path).key, `${path}.key`)

const fieldCondition = (map: JsonMap, path: string): Condition => {
  const key = readText(map.key, `${path}.key`)
  const given = Object.keys(map).filter((name) => name !== 'key' && map[name] !== null)
  for (const name of given) {
    if (FIELD_LATER.includes(name)) throw unsupported(`${path}.${name}: ${LATER}`)
    if (!FIELD_TESTS.includes(name))
      throw formatError(`${path}: unknown field \`${name}\`, expected one of ${FIELD_TESTS.join(', ')}`)
  }
  if (given.length === 0) throw invalid(path, 'at least one field condition must be specified, such as match or range')
  const tests: Condition[] = []
  if (given.includes('match') || given.includes('range')) {
    const match = optional(map.match, `${path}.match`, undefined, readMatch)
    const range = optional(map.range, `${path}.range`, undefined, readRange)
    tests.push({ key, match, range })
  }
  if (given.includes('is_empty')) tests.push(asked(map.is_empty, `${path}.is_empty`, { is_empty: { key } }))
  if (given.includes('is_null')) tests.push(asked(map.is_null, `${path}.is_null`, { is_null: { key } }))
  return tests.length === 1 ? tests[0]! : { should: tests }
}

const asked = (value: Json | undefined, path: string, holds: Condition): Condition =>
  readFlag(value, path) ? holds : { must_not: [holds] }

const readMatch = (value: Json, path: string): Match => {
  const map = readMap(value, path)
  const names = Object.keys(map).filter((name) => map[name] !== null)
  const name = names[0]
  if (names.length !== 1 || name === undefined) throw formatError(`${path}: send exactly one of value, any, except`)
  if (MATCH_LATER.includes(name)) throw unsupported(`${path}.${name}: ${LATER}`)
  if (name === 'value') return { value: scalar(map.value!, `${path}.value`) }
  if (name === 'any') return { any: keywords(map.any, `${path}.any`) }
  if (name === 'except') return { except: keywords(map.except, `${path}.except`) }
  throw formatError(`${path}: unknown field \`${name}\`, send one of value, any, except`)
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

const readRange = (value: Json, path: string) => {
  const map = readMap(value, path)
  const bound = (name: string): number | undefined =>
    optional(map[name], `${path}.${name}`, undefined, (given, at) => {
      if (typeof given === 'string')
        throw unsupported(`${at}: ranges of dates are not supported yet; store and compare numbers`)
      return readNumber(given, at)
    })
  for (const name of Object.keys(map))
    if (!['gt', 'gte', 'lt', 'lte'].includes(name))
      throw formatError(`${path}: unknown field \`${name}\`, expected gt, gte, lt or lte`)
  return { gt: bound('gt'), gte: bound('gte'), lt: bound('lt'), lte: bound('lte') }
}

/** Which points a write touches. */
export type Selector =
  | { readonly kind: 'ids'; readonly ids: ReturnType<typeof readPointIds> }
  | { readonly kind: 'filter'; readonly filter: ReadFilter }

/** `points` or `filter` of a body; a bare array is a list of ids. @throws StoreError `VALIDATION` when neither is there. */
export const readSelector = (body: JsonMap, idsMax: number): Selector => {
  const ids = optional(body.points, 'points', undefined, (value, path) => readPointIds(value, path, idsMax))
  const filter = optional(body.filter, 'filter', undefined, readFilter)
  if (ids !== undefined && filter !== undefined) throw badRequest('points and filter are both given: send one of them')
  if (ids !== undefined) return { kind: 'ids', ids }
  if (filter !== undefined) return { kind: 'filter', filter }
  throw invalid('points', 'either points or filter must be given')
}
