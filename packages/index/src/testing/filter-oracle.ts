import type { JsonObject, JsonValue, PointId } from '@meridian/core'
import type { Condition, Filter, Match } from '../filter/filter.js'
import type { GeoLineString, GeoPoint } from '../filter/geo.js'

/**
 * Dates and their nanoseconds since 1970, worked out by hand: the oracle looks dates up and parses none. A text that is not
 * here is no date.
 */
export const DATES: ReadonlyMap<string, bigint> = new Map([
  ['1969-12-31T23:59:59.9999999Z', -100n],
  ['1970-01-01', 0n],
  ['1970-01-01T00:00:00Z', 0n],
  ['1970-01-01t01:00:00+01:00', 0n],
  ['1970-01-01 00:00:00.0000001', 100n],
  ['1970-01-01T00:00:00.001', 1_000_000n],
  ['1970-01-01 00:01', 60_000_000_000n],
  ['1970-01-01 02:31:00+0230', 60_000_000_000n],
  ['1970-01-01 00:01:00 UTC', 60_000_000_000n],
  ['1970-01-02T00:00:00-05', 104_400_000_000_000n],
  ['1972-02-29', 68_169_600_000_000_000n],
])

/** Called for every condition that was asked, with what came out: a test of nothing shows. */
export type Heard = (kind: string, holds: boolean) => void

export interface OraclePoint {
  readonly id: PointId
  readonly payload: JsonObject
  readonly vectors: readonly string[]
}

/** The plain reading of the rules: collects values, never stops early, shares no code with what it checks. */
export const filterHolds = (filter: Filter, point: OraclePoint, heard: Heard): boolean => {
  const count = (conditions: readonly Condition[]): number => {
    let holding = 0
    for (const condition of conditions) if (conditionHolds(condition, point, heard)) holding++
    return holding
  }
  const { must = [], should = [], must_not = [], min_should } = filter
  const isAll = count(must) === must.length
  const isNone = count(must_not) === 0
  const isSome = should.length === 0 || count(should) > 0
  const isEnough =
    min_should === undefined ||
    min_should.conditions.length === 0 ||
    count(min_should.conditions) >= min_should.min_count
  return isAll && isNone && isSome && isEnough
}

const conditionHolds = (condition: Condition, point: OraclePoint, heard: Heard): boolean => {
  const say = (kind: string, holds: boolean): boolean => {
    heard(kind, holds)
    return holds
  }
  if ('has_id' in condition)
    return say(
      'has_id',
      condition.has_id.some((id) => id === point.id),
    )
  if ('has_vector' in condition)
    return say(
      'has_vector',
      point.vectors.some((name) => name === condition.has_vector),
    )
  if ('is_empty' in condition) {
    const full = lookUp(point.payload, condition.is_empty.key).filter(
      (value) => !['null', '[]'].includes(JSON.stringify(value)),
    )
    return say('is_empty', full.length === 0)
  }
  if ('is_null' in condition) {
    const nulls = spread(lookUp(point.payload, condition.is_null.key)).filter((value) => value === null)
    return say('is_null', nulls.length > 0)
  }
  if ('nested' in condition) {
    const { key, filter } = condition.nested
    let holding = 0
    for (const element of lookUp(point.payload, key.endsWith('[]') ? key : `${key}[]`)) {
      if (kindOf(element) !== 'object') continue
      if (filterHolds(filter, { ...point, payload: element as JsonObject }, heard)) holding++
    }
    return say('nested', holding > 0)
  }
  if (!('key' in condition)) return say('filter', filterHolds(condition, point, heard))
  const found = lookUp(point.payload, condition.key)
  let holding = 0
  const note = (kind: string, holds: boolean): void => {
    if (say(kind, holds)) holding++
  }
  const {
    match,
    range,
    geo_bounding_box: box,
    geo_radius: radius,
    geo_polygon: polygon,
    values_count: counts,
  } = condition
  if (counts)
    for (const value of found) {
      const length = kindOf(value) === 'array' ? (value as JsonValue[]).length : value === null ? 0 : 1
      note('values_count', isWithin(length, counts as Bounds<number>))
    }
  for (const value of spread(found)) {
    if (match) note(`match.${Object.keys(match)[0]}`, matchHolds(match, value))
    if (range) {
      const bounds = Object.entries(range)
      if (bounds.some(([, bound]) => typeof bound === 'string')) {
        const instant = typeof value === 'string' ? DATES.get(value) : undefined
        const instants = Object.fromEntries(bounds.map(([name, bound]) => [name, DATES.get(bound)!]))
        note('range of dates', instant !== undefined && isWithin(instant, instants))
      } else note('range', typeof value === 'number' && isWithin(value, range as Bounds<number>))
    }
    const place = value as unknown as GeoPoint
    const isPlace = kindOf(value) === 'object' && typeof place.lon === 'number' && typeof place.lat === 'number'
    if (box) {
      const [west, east, lon] = [box.top_left.lon, box.bottom_right.lon, isPlace ? place.lon : 0]
      // Over the antimeridian the box is what lies not between its edges; 180 and -180 are told apart, as Qdrant does.
      const isBeside = west > east ? lon >= east && lon <= west : lon <= west || lon >= east
      const isIn = !isBeside && place?.lat > box.bottom_right.lat && place.lat < box.top_left.lat
      note('geo_bounding_box', isPlace && isIn)
    }
    if (radius) note('geo_radius', isPlace && distanceM(place, radius.center) < radius.radius)
    if (polygon) {
      let holes = 0
      for (const ring of polygon.interiors ?? []) if (isPlace && sideOf(place, ring) !== 'outside') holes++
      note('geo_polygon', isPlace && sideOf(place, polygon.exterior) === 'inside' && holes === 0)
    }
  }
  return holding > 0
}

const matchHolds = (match: Match, value: JsonValue): boolean => {
  if ('value' in match) return value === match.value
  if ('any' in match) return match.any.some((each) => each === value)
  if ('except' in match) return value !== null && match.except.every((each) => each !== value)
  if (typeof value !== 'string') return false
  const contains = (part: string): boolean => {
    for (let at = 0; at <= value.length; at++) if (value.startsWith(part, at)) return true
    return false
  }
  if ('text_any' in match) return (match.text_any.match(/\S+/g) ?? []).some(contains)
  return contains('text' in match ? match.text : match.phrase)
}

type Bounds<T> = { readonly [name in 'gt' | 'gte' | 'lt' | 'lte']?: T | null }

const isWithin = <T>(value: T, bounds: Bounds<T>): boolean => {
  let broken = 0
  if (bounds.gt !== undefined && bounds.gt !== null && !(value > bounds.gt)) broken++
  if (bounds.gte !== undefined && bounds.gte !== null && !(value >= bounds.gte)) broken++
  if (bounds.lt !== undefined && bounds.lt !== null && !(value < bounds.lt)) broken++
  if (bounds.lte !== undefined && bounds.lte !== null && !(value <= bounds.lte)) broken++
  return broken === 0
}

const kindOf = (value: JsonValue): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value)

const spread = (values: readonly JsonValue[]): JsonValue[] => {
  const elements: JsonValue[] = []
  for (const value of values) {
    if (Array.isArray(value)) for (const element of value) elements.push(element)
    else elements.push(value)
  }
  return elements
}

/** Keys with quotes are not read here: no step of a key holds a dot or a bracket. */
const lookUp = (payload: JsonObject, key: string): JsonValue[] => {
  let values: JsonValue[] = [payload]
  for (const step of key.replaceAll('[', '.[').split('.')) {
    const next: JsonValue[] = []
    for (const value of values) {
      if (Array.isArray(value)) {
        for (let i = 0; i < value.length; i++) if (step === '[]' || step === `[${i}]`) next.push(value[i]!)
      } else if (kindOf(value) === 'object') {
        for (const [name, inner] of Object.entries(value as JsonObject)) if (name === step) next.push(inner)
      }
    }
    values = next
  }
  return values
}

/** By the angle between vectors from the centre of the earth. */
const distanceM = (a: GeoPoint, b: GeoPoint): number => {
  const vector = ({ lon, lat }: GeoPoint): number[] => {
    const [east, north] = [(lon / 180) * Math.PI, (lat / 180) * Math.PI]
    return [Math.cos(north) * Math.cos(east), Math.cos(north) * Math.sin(east), Math.sin(north)]
  }
  const [p, q] = [vector(a), vector(b)]
  const chord = Math.hypot(p[0]! - q[0]!, p[1]! - q[1]!, p[2]! - q[2]!)
  return 2 * Math.asin(Math.min(1, chord / 2)) * 6_371_008.8
}

/** By the crossings of a ray to the east; exact for small whole numbers and lines that do not cross themselves. */
const sideOf = (point: GeoPoint, ring: GeoLineString): 'inside' | 'outside' | 'edge' => {
  let crossings = 0
  for (let i = 0; i + 1 < ring.points.length; i++) {
    const [a, b] = [ring.points[i]!, ring.points[i + 1]!].sort((one, two) => one.lat - two.lat) as [GeoPoint, GeoPoint]
    const left = (b.lon - a.lon) * (point.lat - a.lat) - (point.lon - a.lon) * (b.lat - a.lat)
    const isBeside = point.lat >= a.lat && point.lat <= b.lat
    const isAlong = point.lon >= Math.min(a.lon, b.lon) && point.lon <= Math.max(a.lon, b.lon)
    if (left === 0 && isBeside && isAlong) return 'edge'
    if (point.lat >= a.lat && point.lat < b.lat && left > 0) crossings++
  }
  return crossings % 2 === 1 ? 'inside' : 'outside'
}
