import type { JsonObject, JsonValue, PointId } from '@meridian/core'
import type { Condition, FieldCondition, Filter, Match, Range } from './filter.js'
import { parsePath } from './path.js'

/** A filter ready to be asked many times. */
export type Predicate = (id: PointId, payload: JsonObject) => boolean
type Test = (value: JsonValue) => boolean

/**
 * Parses keys and builds sets once, so that a scan pays only for the comparison.
 * @throws StoreError `BAD_REQUEST` for a key that is not a path.
 */
export const compile = (filter: Filter): Predicate => {
  const parts: Predicate[] = []
  for (const condition of filter.must ?? []) parts.push(compileCondition(condition))
  for (const condition of filter.must_not ?? []) parts.push(not(compileCondition(condition)))
  if (filter.should?.length) parts.push(atLeast(1, filter.should.map(compileCondition)))
  if (filter.min_should?.conditions.length) {
    parts.push(atLeast(filter.min_should.min_count, filter.min_should.conditions.map(compileCondition)))
  }
  if (parts.length === 1) return parts[0]!
  return (id, payload) => {
    for (const part of parts) if (!part(id, payload)) return false
    return true
  }
}

/** One question; to ask many, `compile` once. @throws as `compile`. */
export const matches = (filter: Filter, point: { readonly id: PointId; readonly payload: JsonObject }): boolean =>
  compile(filter)(point.id, point.payload)

const not =
  (predicate: Predicate): Predicate =>
  (id, payload) =>
    !predicate(id, payload)

const atLeast =
  (count: number, predicates: readonly Predicate[]): Predicate =>
  (id, payload) => {
    let missing = count
    for (const predicate of predicates) {
      if (missing <= 0) return true
      if (predicate(id, payload)) missing--
    }
    return missing <= 0
  }

const compileCondition = (condition: Condition): Predicate => {
  if ('key' in condition) return compileField(condition)
  if ('has_id' in condition) {
    const ids = new Set(condition.has_id)
    return (id) => ids.has(id)
  }
  if ('is_empty' in condition) {
    const path = parsePath(condition.is_empty.key)
    return (_id, payload) => !path(payload, isFull)
  }
  if ('is_null' in condition) {
    const path = parsePath(condition.is_null.key)
    return (_id, payload) => path(payload, isNull)
  }
  return compile(condition)
}

const isFull: Test = (value) => value !== null && !(Array.isArray(value) && value.length === 0)
const isNull: Test = (value) => value === null || (Array.isArray(value) && value.includes(null))

const compileField = (condition: FieldCondition): Predicate => {
  const path = parsePath(condition.key)
  const { match, range } = condition
  const tests: Test[] = []
  if (match) tests.push(matchTest(match))
  if (range) tests.push(rangeTest(range))
  const test: Test = tests.length === 1 ? tests[0]! : (value) => tests.some((each) => each(value))
  const visit: Test = (value) => (Array.isArray(value) ? value.some(test) : test(value))
  return (_id, payload) => path(payload, visit)
}

/** Only integers match by value; a list of integers is missed, and an exception passed, by every fraction. */
const matchTest = (match: Match): Test => {
  if ('value' in match) {
    const wanted = match.value
    return (value) => value === wanted
  }
  if ('any' in match) {
    const wanted: ReadonlySet<JsonValue> = new Set(match.any)
    return (value) => wanted.has(value)
  }
  const unwanted: ReadonlySet<JsonValue> = new Set(match.except)
  return (value) => value !== null && !unwanted.has(value)
}

const rangeTest = (range: Range): Test => {
  const gt = range.gt ?? undefined
  const gte = range.gte ?? undefined
  const lt = range.lt ?? undefined
  const lte = range.lte ?? undefined
  return (value) =>
    typeof value === 'number' &&
    (gt === undefined || value > gt) &&
    (gte === undefined || value >= gte) &&
    (lt === undefined || value < lt) &&
    (lte === undefined || value <= lte)
}
