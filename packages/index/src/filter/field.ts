import { type JsonValue, StoreError } from '@meridian/core'
import type { DatetimeRange, FieldCondition, Match, Range, ValuesCount } from './filter.js'
import { boxTest, type GeoTest, geoPointOf, polygonTest, radiusTest } from './geo.js'
import { compareInstants, type Instant, parseInstant } from './instant.js'

export type Test = (value: JsonValue) => boolean

/**
 * The test of one value that a key leads to, arrays included.
 * @throws StoreError `BAD_REQUEST` for a bound that is no date.
 */
export const fieldTest = (condition: FieldCondition): Test => {
  const { match, range, geo_bounding_box: box, geo_radius: radius, geo_polygon: polygon, values_count } = condition
  const tests: Test[] = []
  if (match) tests.push(matchTest(match))
  if (range) tests.push(isDatetime(range) ? datetimeTest(range) : numberTest(range))
  if (box) tests.push(geoTest(boxTest(box)))
  if (radius) tests.push(geoTest(radiusTest(radius)))
  if (polygon) tests.push(geoTest(polygonTest(polygon)))
  const test = anyOf(tests)
  const each: Test = (value) => (Array.isArray(value) ? value.some(test) : test(value))
  if (!values_count) return each
  const counted = countTest(values_count)
  return tests.length === 0 ? counted : (value) => counted(value) || each(value)
}

const anyOf = (tests: readonly Test[]): Test =>
  tests.length === 1 ? tests[0]! : (value) => tests.some((test) => test(value))

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
  if ('except' in match) {
    const unwanted: ReadonlySet<JsonValue> = new Set(match.except)
    return (value) => value !== null && !unwanted.has(value)
  }
  if ('text_any' in match) {
    const words = match.text_any.split(/\p{White_Space}+/u).filter((word) => word !== '')
    return (value) => typeof value === 'string' && words.some((word) => value.includes(word))
  }
  const part = 'text' in match ? match.text : match.phrase
  return (value) => typeof value === 'string' && value.includes(part)
}

const numberTest = (range: Range): Test => {
  const isWithin = within(range)
  return (value) => typeof value === 'number' && isWithin(value)
}

const countTest = (count: ValuesCount): Test => {
  const isWithin = within(count)
  return (value) => isWithin(Array.isArray(value) ? value.length : value === null ? 0 : 1)
}

const within = (bounds: Range | ValuesCount): ((value: number) => boolean) => {
  const above = bounds.gt ?? Number.NEGATIVE_INFINITY
  const from = bounds.gte ?? Number.NEGATIVE_INFINITY
  const below = bounds.lt ?? Number.POSITIVE_INFINITY
  const to = bounds.lte ?? Number.POSITIVE_INFINITY
  return (value) => value > above && value >= from && value < below && value <= to
}

const isDatetime = (range: Range | DatetimeRange): range is DatetimeRange =>
  [range.gt, range.gte, range.lt, range.lte].some((bound) => typeof bound === 'string')

const datetimeTest = (range: DatetimeRange): Test => {
  const above = instantOf(range.gt)
  const from = instantOf(range.gte)
  const below = instantOf(range.lt)
  const to = instantOf(range.lte)
  return (value) => {
    const instant = typeof value === 'string' ? parseInstant(value) : undefined
    return (
      instant !== undefined &&
      (above === undefined || compareInstants(instant, above) > 0) &&
      (from === undefined || compareInstants(instant, from) >= 0) &&
      (below === undefined || compareInstants(instant, below) < 0) &&
      (to === undefined || compareInstants(instant, to) <= 0)
    )
  }
}

const instantOf = (text: string | null | undefined): Instant | undefined => {
  if (text === null || text === undefined) return undefined
  const instant = parseInstant(text)
  if (instant === undefined) throw notADate(text)
  return instant
}

const notADate = (text: string): StoreError =>
  new StoreError('BAD_REQUEST', `${JSON.stringify(text)} is not a date; send RFC 3339, such as 2026-01-31T12:00:00Z`)

const geoTest =
  (isInside: GeoTest): Test =>
  (value) => {
    const point = geoPointOf(value)
    return point !== undefined && isInside(point)
  }
