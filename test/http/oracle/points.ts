// biome-ignore lint/suspicious/noExplicitAny: payloads and request bodies are plain JSON.
type Any = any

export type Id = number | string

export interface Point {
  readonly id: Id
  /** As it was sent; a point may have none. */
  readonly vector: readonly number[] | undefined
  readonly payload: Any
}

/** Integers first, then UUIDs. */
export const byId = (a: Id, b: Id): number =>
  typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === 'number' ? -1 : 1

/** The values of a top-level key; an array's elements one by one. */
export const valuesAt = (payload: Any, key: string): Any[] => {
  if (!(key in payload)) return []
  return Array.isArray(payload[key]) ? payload[key] : [payload[key]]
}

const conditionHolds = (point: Point, condition: Any): boolean => {
  if (condition.has_id !== undefined) return condition.has_id.includes(point.id)
  if (condition.is_empty !== undefined)
    return valuesAt(point.payload, condition.is_empty.key).every((value) => value === null)
  if (condition.key === undefined) return passes(point, condition)
  return valuesAt(point.payload, condition.key).some((value) => {
    if (condition.match?.value !== undefined) return value === condition.match.value
    if (condition.match?.any !== undefined) return condition.match.any.includes(value)
    if (typeof value !== 'number') return false
    const { gt = -Infinity, gte = -Infinity, lt = Infinity, lte = Infinity } = condition.range
    return value > gt && value >= gte && value < lt && value <= lte
  })
}

/** The filters that the random requests use. */
export const passes = (point: Point, filter: Any): boolean => {
  if (filter === undefined) return true
  const holds = (condition: Any): boolean => conditionHolds(point, condition)
  return (
    (filter.must ?? []).every(holds) &&
    !(filter.must_not ?? []).some(holds) &&
    (filter.should === undefined || filter.should.some(holds))
  )
}
