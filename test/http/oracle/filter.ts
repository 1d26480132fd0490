import { isInRing, metres } from './geo.js'
import type { Point } from './points.js'

// biome-ignore lint/suspicious/noExplicitAny: payloads and request bodies are plain JSON.
type Any = any

/** What a key leads to: names joined by dots, `[]` behind the name of an array whose elements are meant. */
const valuesAtPath = (payload: Any, key: string): Any[] =>
  key.split('.').reduce(
    (values: Any[], step) => {
      const name = step.replace('[]', '')
      const found = values.flatMap((value) => {
        const isObject = value !== null && typeof value === 'object' && !Array.isArray(value)
        return isObject && name in value ? [value[name]] : []
      })
      return step === name ? found : found.flatMap((value) => (Array.isArray(value) ? value : []))
    },
    [payload],
  )

const isWithin = (value: number, { gt, gte, lt, lte }: Any, read: (bound: Any) => number = Number): boolean =>
  (gt === undefined || value > read(gt)) &&
  (gte === undefined || value >= read(gte)) &&
  (lt === undefined || value < read(lt)) &&
  (lte === undefined || value <= read(lte))

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '')

const isMatch = (value: Any, match: Any): boolean => {
  if (match.value !== undefined) return value === match.value
  if (match.any !== undefined) return match.any.includes(value)
  if (match.except !== undefined) return value !== null && !match.except.includes(value)
  if (typeof value !== 'string') return false
  if (match.text_any !== undefined) return words(match.text_any).some((word) => value.includes(word))
  return value.includes(match.text ?? match.phrase)
}

const isRange = (value: Any, range: Any): boolean => {
  const isOfDates = Object.values(range).some((bound) => typeof bound === 'string')
  if (isOfDates) return typeof value === 'string' && isWithin(Date.parse(value), range, Date.parse)
  return typeof value === 'number' && isWithin(value, range)
}

const isInBox = ({ lat, lon }: Any, { top_left: from, bottom_right: to }: Any): boolean => {
  if (lat <= to.lat || lat >= from.lat) return false
  return from.lon > to.lon ? lon > from.lon || lon < to.lon : lon > from.lon && lon < to.lon
}

const fieldHolds = (found: readonly Any[], condition: Any): boolean => {
  if (condition.is_empty !== undefined)
    return condition.is_empty === found.every((value) => value === null || value.length === 0)
  if (condition.is_null !== undefined) return condition.is_null === found.flat().includes(null)
  if (condition.values_count !== undefined)
    return found.some((value) =>
      isWithin(Array.isArray(value) ? value.length : value === null ? 0 : 1, condition.values_count),
    )
  return found.flat().some((value) => {
    if (condition.match !== undefined) return isMatch(value, condition.match)
    if (condition.range !== undefined) return isRange(value, condition.range)
    if (typeof value?.lat !== 'number') return false
    if (condition.geo_bounding_box !== undefined) return isInBox(value, condition.geo_bounding_box)
    if (condition.geo_radius !== undefined)
      return metres(value, condition.geo_radius.center) < condition.geo_radius.radius
    return isInRing(value, condition.geo_polygon.exterior.points)
  })
}

const conditionHolds = (point: Point, condition: Any): boolean => {
  if (condition.has_id !== undefined) return condition.has_id.includes(point.id)
  if (condition.has_vector !== undefined) return point.vector !== undefined
  if (condition.nested !== undefined)
    return valuesAtPath(point.payload, `${condition.nested.key.replace('[]', '')}[]`).some((payload) =>
      passes({ ...point, payload }, condition.nested.filter),
    )
  if (condition.key !== undefined) return fieldHolds(valuesAtPath(point.payload, condition.key), condition)
  if (condition.is_empty !== undefined)
    return fieldHolds(valuesAtPath(point.payload, condition.is_empty.key), { is_empty: true })
  if (condition.is_null !== undefined)
    return fieldHolds(valuesAtPath(point.payload, condition.is_null.key), { is_null: true })
  return passes(point, condition)
}

/** The filters that the random requests use: one test a key, and `has_vector` of the one vector that there is. */
export const passes = (point: Point, filter: Any): boolean => {
  if (filter === undefined) return true
  const holds = (condition: Any): boolean => conditionHolds(point, condition)
  const { must = [], must_not = [], should, min_should } = filter
  return (
    must.every(holds) &&
    !must_not.some(holds) &&
    (should === undefined || should.some(holds)) &&
    (min_should === undefined || min_should.conditions.filter(holds).length >= min_should.min_count)
  )
}
