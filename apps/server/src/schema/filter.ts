import { type Condition, compile, FILTER_LIMITS, type Filter, type Predicate } from '@meridian/index'
import { badRequest, formatError, invalid } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import { fieldCondition } from './field-condition.js'
import { readPointIds } from './point-id.js'
import { readLimits } from './read-limits.js'
import { optional, readArray, readInteger, readMap, readText, refuseUnknown } from './read.js'

/** A parsed filter and its compiled form. */
export interface ReadFilter {
  readonly filter: Filter
  readonly matches: Predicate
  /** `matches` asks for more than `filter` says. */
  readonly isNarrower?: true
}

const CLAUSES = ['must', 'should', 'must_not', 'min_should']
const IDS_MAX = 1_000_000

/**
 * Anything it does not know is refused: a condition that is dropped would select points that were not meant.
 * @throws StoreError `MALFORMED_BODY` or `VALIDATION` with the place, `BAD_REQUEST` as `compile`.
 */
export const readFilter = (value: Json, path: string): ReadFilter => {
  const filter = filterOf(value, path)
  return { filter, matches: compile(filter, { ...FILTER_LIMITS, conditionsMax: readLimits().filterConditionsMax }) }
}

const filterOf = (value: Json | undefined, path: string): Filter => {
  const map = readMap(value, path)
  refuseUnknown(map, path, CLAUSES)
  return {
    must: conditions(map.must, `${path}.must`),
    should: conditions(map.should, `${path}.should`),
    must_not: conditions(map.must_not, `${path}.must_not`),
    min_should: optional(map.min_should, `${path}.min_should`, undefined, minimum),
  }
}

const minimum = (value: Json, path: string): NonNullable<Filter['min_should']> => {
  const map = readMap(value, path)
  refuseUnknown(map, path, ['conditions', 'min_count'])
  return {
    conditions: listed(readArray(map.conditions, `${path}.conditions`), `${path}.conditions`),
    min_count: readInteger(map.min_count, `${path}.min_count`, 0, Number.MAX_SAFE_INTEGER),
  }
}

/** One condition or a list of them. */
const conditions = (value: Json | undefined, path: string): Condition[] =>
  optional(value, path, [], (given) => (Array.isArray(given) ? listed(given, path) : [condition(given, path)]))

const listed = (values: readonly Json[], path: string): Condition[] =>
  values.map((value, i) => condition(value, `${path}[${i}]`))

/** Conditions that are told by their one field. */
const KINDS: Readonly<Record<string, (value: Json, path: string) => Condition>> = {
  has_id: (value, path) => ({ has_id: readPointIds(value, path, IDS_MAX) }),
  has_vector: (value, path) => ({ has_vector: readText(value, path) }),
  is_empty: (value, path) => ({ is_empty: { key: keyOf(value, path) } }),
  is_null: (value, path) => ({ is_null: { key: keyOf(value, path) } }),
  nested: (value, path) => {
    const map = readMap(value, path)
    refuseUnknown(map, path, ['key', 'filter'])
    return { nested: { key: readText(map.key, `${path}.key`), filter: filterOf(map.filter, `${path}.filter`) } }
  },
}

const keyOf = (value: Json, path: string): string => {
  const map = readMap(value, path)
  refuseUnknown(map, path, ['key'])
  return readText(map.key, `${path}.key`)
}

const condition = (value: Json | undefined, path: string): Condition => {
  const map = readMap(value, path)
  if (map.key !== undefined) return fieldCondition(map, path)
  const names = Object.keys(map)
  const kind = names.find((name) => Object.hasOwn(KINDS, name))
  if (kind !== undefined) {
    if (names.length > 1)
      throw formatError(`${path}: \`${kind}\` stands alone; put the other fields into a condition of their own`)
    return KINDS[kind]!(map[kind]!, `${path}.${kind}`)
  }
  if (names.length > 0 && !names.some((name) => CLAUSES.includes(name)))
    throw formatError(
      `${path}: unknown condition \`${names[0]}\`, send a key with a test such as match, ${Object.keys(KINDS).join(', ')}, or a filter`,
    )
  return filterOf(map, path)
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
