import { type JsonObject, type JsonValue, type PointId, StoreError } from '@meridian/core'
import { fieldTest, type Test } from './field.js'
import type { Condition, Filter } from './filter.js'
import { parseElementsPath, parsePath } from './path.js'

/** The names of the vectors that a point has; asked only where a filter has a `has_vector`. */
export type VectorNames = () => Iterable<string>

/** A filter ready to be asked many times. */
export type Predicate = (id: PointId, payload: JsonObject, vectorNames: VectorNames) => boolean

/** What a filter may cost: it is compiled by recursion, and every condition is asked of every record of a scan. */
export interface FilterLimits {
  /** Filters within filters, the outermost counted. */
  readonly depthMax: number
  /** Conditions in all, nested filters counted as one each besides their own conditions. */
  readonly conditionsMax: number
}

export const FILTER_LIMITS: FilterLimits = { depthMax: 32, conditionsMax: 1000 }

/**
 * Parses keys and dates and builds sets once, so that a scan pays only for the comparison.
 * @throws StoreError `BAD_REQUEST` for a key that is not a path, a bound that is no date, `has_id` or `has_vector` within
 * `nested`, and a filter beyond `limits`.
 */
export const compile = (filter: Filter, limits: FilterLimits = FILTER_LIMITS): Predicate =>
  compileFilter(filter, { limits, depth: 1, isNested: false, spent: { conditions: 0 } })

/** One question; to ask many, `compile` once. @throws as `compile`. */
export const matches = (
  filter: Filter,
  point: { readonly id: PointId; readonly payload: JsonObject; readonly vectorNames: VectorNames },
): boolean => compile(filter)(point.id, point.payload, point.vectorNames)

/** Where in the filter a condition stands; `spent` is shared by all of it. */
interface Place {
  readonly limits: FilterLimits
  readonly depth: number
  readonly isNested: boolean
  readonly spent: { conditions: number }
}

const compileFilter = (filter: Filter, place: Place): Predicate => {
  if (place.depth > place.limits.depthMax)
    throw refused(`filters are nested more than ${place.limits.depthMax} deep; flatten them`)
  const each = (condition: Condition): Predicate => compileCondition(condition, place)
  const parts: Predicate[] = []
  for (const condition of filter.must ?? []) parts.push(each(condition))
  for (const condition of filter.must_not ?? []) parts.push(not(each(condition)))
  if (filter.should?.length) parts.push(atLeast(1, filter.should.map(each)))
  if (filter.min_should?.conditions.length) {
    parts.push(atLeast(filter.min_should.min_count, filter.min_should.conditions.map(each)))
  }
  if (parts.length === 1) return parts[0]!
  return (id, payload, vectorNames) => {
    for (const part of parts) if (!part(id, payload, vectorNames)) return false
    return true
  }
}

const not =
  (predicate: Predicate): Predicate =>
  (id, payload, vectorNames) =>
    !predicate(id, payload, vectorNames)

const atLeast =
  (count: number, predicates: readonly Predicate[]): Predicate =>
  (id, payload, vectorNames) => {
    let missing = count
    for (const predicate of predicates) {
      if (missing <= 0) return true
      if (predicate(id, payload, vectorNames)) missing--
    }
    return missing <= 0
  }

const compileCondition = (condition: Condition, place: Place): Predicate => {
  const { conditionsMax } = place.limits
  if (++place.spent.conditions > conditionsMax)
    throw refused(`the filter has more than ${conditionsMax} conditions; put values into one match.any or has_id`)
  if ('key' in condition) return visiting(condition.key, fieldTest(condition))
  if ('is_empty' in condition) return not(visiting(condition.is_empty.key, isFull))
  if ('is_null' in condition) return visiting(condition.is_null.key, isNull)
  if ('nested' in condition) {
    const { key, filter } = condition.nested
    const path = parseElementsPath(key)
    const inner = compileFilter(filter, { ...place, depth: place.depth + 1, isNested: true })
    return (id, payload, names) => path(payload, (value) => isObject(value) && inner(id, value, names))
  }
  if ('has_id' in condition) {
    if (place.isNested) throw misplaced('has_id')
    const ids = new Set(condition.has_id)
    return (id) => ids.has(id)
  }
  if ('has_vector' in condition) {
    if (place.isNested) throw misplaced('has_vector')
    const wanted = condition.has_vector
    return (_id, _payload, vectorNames) => {
      for (const name of vectorNames()) if (name === wanted) return true
      return false
    }
  }
  return compileFilter(condition, { ...place, depth: place.depth + 1 })
}

const visiting = (key: string, test: Test): Predicate => {
  const path = parsePath(key)
  return (_id, payload) => path(payload, test)
}

/** Of `is_empty`, which holds where no value passes. */
export const isFull: Test = (value) => value !== null && !(Array.isArray(value) && value.length === 0)
export const isNull: Test = (value) => value === null || (Array.isArray(value) && value.includes(null))
const isObject = (value: JsonValue): value is JsonObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

const refused = (message: string): StoreError => new StoreError('BAD_REQUEST', message)
const misplaced = (name: string): StoreError =>
  refused(`${name} asks about a point, not about an element: move it out of nested, into a must beside it`)
