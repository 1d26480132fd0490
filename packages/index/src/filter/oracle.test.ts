import fc from 'fast-check'
import { expect, test } from 'vitest'
import { filter, onPayload, point } from '../testing/filter-arbitraries.js'
import { filterHolds } from '../testing/filter-oracle.js'
import { compile } from './compile.js'
import type { FieldCondition, Range } from './filter.js'

const CASES = 20_000
const POINTS = 5

test('[FI10] compiled filters agree with the plain reading of the rules', () => {
  const heard = new Map<string, { yes: number; no: number }>()
  const note = (kind: string, holds: boolean): void => {
    const seen = heard.get(kind) ?? { yes: 0, no: 0 }
    seen[holds ? 'yes' : 'no']++
    heard.set(kind, seen)
  }
  let cases = 0
  fc.assert(
    fc.property(filter, fc.array(point, { minLength: POINTS, maxLength: POINTS }), (filter, points) => {
      const predicate = compile(filter)
      for (const point of points) {
        const expected = filterHolds(filter, point, note)
        note('all', expected)
        cases++
        expect(predicate(point.id, point.payload, () => point.vectors)).toBe(expected)
      }
    }),
    { numRuns: CASES / POINTS },
  )
  expect(cases).toBe(CASES)
  expect([...heard.keys()].sort()).toEqual([
    ...[
      'all',
      'filter',
      'geo_bounding_box',
      'geo_polygon',
      'geo_radius',
      'has_id',
      'has_vector',
      'is_empty',
      'is_null',
    ],
    ...['match.any', 'match.except', 'match.phrase', 'match.text', 'match.text_any', 'match.value', 'nested', 'range'],
    ...['range of dates', 'values_count'],
  ])
  for (const [kind, { yes, no }] of heard) expect([kind, Math.min(yes, no) >= 10]).toEqual([kind, true])
})

const widened: [kind: string, wrong: (condition: FieldCondition) => FieldCondition][] = [
  [
    'range',
    ({ range, ...rest }) => ({
      ...rest,
      range: range && ({ ...range, gt: undefined, gte: range.gte ?? range.gt } as Range),
    }),
  ],
  ['values_count', ({ key, values_count }) => ({ key: `${key}[]`, values_count })],
  [
    'geo_bounding_box',
    ({ geo_bounding_box: box, ...rest }) => ({
      ...rest,
      geo_bounding_box: box && { ...box, bottom_right: { ...box.bottom_right, lat: box.bottom_right.lat - 0.5 } },
    }),
  ],
  [
    'geo_radius',
    ({ geo_radius, ...rest }) => ({
      ...rest,
      geo_radius: geo_radius && { ...geo_radius, radius: geo_radius.radius * 2 },
    }),
  ],
  [
    'geo_polygon',
    ({ geo_polygon, ...rest }) => ({ ...rest, geo_polygon: geo_polygon && { ...geo_polygon, interiors: null } }),
  ],
  ['match', ({ match, ...rest }) => ({ ...rest, match: match && 'text' in match ? { text_any: match.text } : match })],
]

test.each(widened)('[FI10] the plain reading notices a %s that is a little wrong', (kind, wrong) => {
  const conditions = fc.oneof(...onPayload).filter((condition) => kind in condition)
  const samples = fc.sample(fc.tuple(conditions, point), { numRuns: 5000, seed: 1 })
  const noticed = samples.some(([condition, { id, payload }]) => {
    const predicate = compile({ must: [wrong(condition as FieldCondition)] })
    const expected = filterHolds({ must: [condition] }, { id, payload, vectors: [] }, () => {})
    return predicate(id, payload, () => []) !== expected
  })
  expect(noticed).toBe(true)
})
