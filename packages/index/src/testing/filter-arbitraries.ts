import type { JsonValue, PointId } from '@meridian/core'
import fc from 'fast-check'
import type { Condition, Filter } from '../filter/filter.js'
import { DATES } from './filter-oracle.js'

/* Random payloads and filters over a few keys and values, so that they often meet. */

const some = <T>(from: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(from, { maxLength: 3 })
const oneOf = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values)

const degree = oneOf(0, 1, 2, 3, 4, 5, 6, -1, -3)
const place = fc.oneof(
  fc.record({ lon: degree, lat: degree }),
  fc.record({ lon: oneOf(-180, -179, 178, 179, 180, 0), lat: oneOf(-90, -2, 0, 2, 90) }),
)
const date = oneOf(...DATES.keys())
const text = oneOf('a', 'b', '1', '', 'a b', 'b a', 'ab', 'A b', '1970-02-30', '1970-01-01T00:00')
const scalar = fc.oneof(oneOf<JsonValue>(null, true, false, 0, 1, 2, 1.5), text, date, place)
const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(oneOf('a', 'b', 'c'), tie('value'), { maxKeys: 3 }),
  ),
}))
const filled = <T>(of: fc.Arbitrary<T>) => fc.record({ a: of, b: of, c: of }, { requiredKeys: ['a', 'b'] })
const list = fc.array(filled(fc.oneof(scalar, value)), { minLength: 1, maxLength: 3 })
const plain = fc.oneof(oneOf<JsonValue>(null, true, false, 0, 1, 2, 1.5), oneOf('a', 'b', '1', 'ab'), text, date, place)
export const payload = filled(
  fc.oneof(
    { weight: 3, arbitrary: plain },
    { weight: 2, arbitrary: list },
    { weight: 1, arbitrary: fc.array(plain, { maxLength: 3 }) },
    { weight: 1, arbitrary: value },
  ),
)

const key = oneOf('a', 'b', 'c', 'a', 'b', 'a', 'b', 'a.b', 'a[]', 'a[].b', 'a[0]', 'b[1].a', 'a[][]', 'c.a[].b')
const keyword = oneOf<string | number>('a', 'b', '1', 0, 1, 2)
const match = fc.oneof(
  fc.record({ value: fc.oneof(keyword, fc.boolean()) }),
  fc.record({ any: some(keyword) }),
  fc.record({ except: some(keyword) }),
  fc.record({ text: text }),
  fc.record({ phrase: text }),
  fc.record({ text_any: text }),
)
const boundsOf = <T>(bound: fc.Arbitrary<T>, least: 'gte' | 'none' = 'none') =>
  fc.record({ gt: bound, gte: bound, lt: bound, lte: bound }, { requiredKeys: least === 'gte' ? ['gte'] : [] })
const range = boundsOf(oneOf<number | null>(-1, 0, 1, 1.5, 2, null))
const dates = boundsOf(date, 'gte')
const values_count = boundsOf(oneOf<number | null>(0, 1, 2, 3, null))
const geo_bounding_box = fc.oneof(
  fc.record({ top_left: fc.record({ lon: degree, lat: oneOf(3, 5, 90) }), bottom_right: place }),
  oneOf({ top_left: { lon: 178, lat: 90 }, bottom_right: { lon: -179, lat: -2 } }),
)
// No radius is a distance between two of the places.
const geo_radius = fc.record({ center: place, radius: oneOf(0, 1_000, 150_000, 400_000, 5_000_000) })
const ring = (...points: number[][]) => ({ points: points.map(([lon, lat]) => ({ lon: lon!, lat: lat! })) })
const square = ring([-3, -3], [6, -3], [6, 6], [-3, 6], [-3, -3])
const arrow = ring([0, 0], [6, 0], [6, 6], [3, 1], [0, 5], [0, 0])
const hole = ring([1, 1], [1, 3], [4, 3], [4, 1], [1, 1])
const triangle = ring([4, 4], [5, 6], [6, 4], [4, 4])
const geo_polygon = fc.record(
  { exterior: oneOf(square, arrow, hole), interiors: fc.option(fc.subarray([hole, triangle])) },
  { requiredKeys: ['exterior'] },
)

export const onPayload: fc.Arbitrary<Condition>[] = [
  fc.record({ key, match }),
  fc.record({ key, range }),
  fc.record({ key, range: dates }),
  fc.record({ key, values_count }),
  fc.record({ key, geo_bounding_box }),
  fc.record({ key, geo_radius }),
  fc.record({ key, geo_polygon }),
  fc.record({ key, match, range: fc.oneof(range, dates), values_count }),
  fc.record({ is_empty: fc.record({ key }) }),
  fc.record({ is_null: fc.record({ key }) }),
]
const onPoint: fc.Arbitrary<Condition>[] = [
  fc.record({ has_id: some(oneOf<PointId>(1, 2n ** 63n, 'x')) }),
  fc.record({ has_vector: oneOf('', 'v', 'w') }),
]
const clauses = (condition: fc.Arbitrary<Condition>): fc.Arbitrary<Filter> =>
  fc.record(
    {
      must: some(condition),
      should: some(condition),
      must_not: some(condition),
      min_should: fc.record({ conditions: some(condition), min_count: fc.nat(3) }),
    },
    { requiredKeys: [] },
  )
export const { filter } = fc.letrec<{ inner: Filter; filter: Filter }>((tie) => {
  const mix = (leaf: fc.Arbitrary<Condition>, filter: fc.Arbitrary<Filter>): fc.Arbitrary<Condition> =>
    fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      { weight: 8, arbitrary: leaf },
      { weight: 1, arbitrary: filter },
      { weight: 2, arbitrary: fc.record({ nested: fc.record({ key, filter: tie('inner') }) }) },
    )
  const below = mix(fc.oneof(...onPayload), tie('inner'))
  const whole = mix(fc.oneof(...onPayload, ...onPoint), tie('filter'))
  const single = fc.oneof(...onPayload, ...onPoint).map((leaf): Filter => ({ must: [leaf] }))
  return { inner: clauses(below), filter: fc.oneof(single, clauses(whole)) }
})
export const point = fc.record({
  id: oneOf<PointId>(1, 2n ** 63n, 'x', 7),
  payload,
  vectors: fc.subarray(['', 'v', 'w']),
})
