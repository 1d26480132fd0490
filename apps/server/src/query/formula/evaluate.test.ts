import type { JsonObject } from '@meridian/core'
import { expect, test } from 'vitest'
import type { Json, JsonMap } from '../../http/json-parse.js'
import { readFormula } from '../../schema/formula.js'
import { evaluate } from './evaluate.js'

const MONTERREY = { lat: 25.717877679163667, lon: -100.43383200156751 }
const PAYLOAD: JsonObject = {
  n: 85,
  list: [7],
  many: [1, 2],
  text: 'x',
  when: '2024-01-02T00:00:00.5Z',
  place: { lat: 25.628482424190565, lon: -100.23881855976 },
}

const compute = (formula: Json, defaults: JsonMap = {}, payload = PAYLOAD): number =>
  evaluate(readFormula({ formula, defaults }, 'query'), {
    payload,
    score: (source) => [1, 2][source],
    holds: ({ matches }) => matches(1, payload, () => []),
  })
const IS_85 = { key: 'n', match: { value: 85 } }

test.each<[Json, number]>([
  [5, 5],
  ['$score', 1],
  ['$score[1]', 2],
  ['n', 85],
  ['list', 7],
  ['list[0]', 7],
  [IS_85, 1],
  [{ must_not: [IS_85] }, 0],
  [{ sum: [1, '$score', 'n', IS_85] }, 88],
  [{ sum: [] }, 0],
  [{ mult: [2, '$score[1]', 'n'] }, 340],
  [{ div: { left: 10, right: '$score[1]' } }, 5],
  [{ div: { left: 10, right: 0, by_zero_default: 2.5 } }, 2.5],
  [{ div: { left: 0, right: 0 } }, 0],
  [{ neg: 10 }, -10],
  [{ abs: { neg: 10 } }, 10],
  [{ sqrt: 9 }, 3],
  [{ pow: { base: 2, exponent: 10 } }, 1024],
  [{ exp: 0 }, 1],
  [{ log10: 1000 }, 3],
  [{ ln: 1 }, 0],
])('[QY15] %j is %d', (formula, wanted) => {
  expect(compute(formula)).toBe(wanted)
})

test('[QY15] numbers of the request are float32, sums of them are not, the result is', () => {
  expect(compute(0.1)).toBe(Math.fround(0.1))
  expect(compute({ sum: [16777216, 1, -16777216] })).toBe(1)
})

test('[QY15] defaults stand in for what is not there', () => {
  expect(compute('$score[3]', { '$score[3]': 1.5 })).toBe(1.5)
  expect(compute('$score[3]')).toBe(0)
  expect(compute('absent', { absent: 4 })).toBe(4)
  expect(compute('n', { n: 4 })).toBe(85)
})

test.each<[Json, string]>([
  ['absent', 'Expected number value for absent in the payload and/or in the formula defaults. Error: No value found'],
  ['text', 'Error: Value is not a number'],
  ['many', 'Error: Value is not a number'],
  [{ geo_distance: { origin: MONTERREY, to: 'n' } }, 'Expected geo point value for n'],
  [{ datetime_key: 'text' }, 'Expected datetime value for text'],
  [{ div: { left: 1, right: 0 } }, 'The expression 1/0 = Infinity produced a non-finite number'],
  [{ sqrt: -1 }, '√-1 = NaN'],
  [{ ln: 0 }, 'ln(0) = -Infinity'],
  [{ log10: -1 }, 'log10(-1) = NaN'],
  [{ exp: 1000 }, 'exp(1000) = Infinity'],
  [{ pow: { base: -8, exponent: 0.5 } }, '-8^0.5 = NaN'],
])('[QY16] %j is refused', (formula, sentence) => {
  expect(() => compute(formula)).toThrow(sentence)
})

test('[QY16] nothing is asked for behind a zero', () => {
  expect(compute({ mult: [0, 'absent'] })).toBe(0)
  expect(() => compute({ mult: ['absent', 0] })).toThrow('No value found')
})

test.each<[Json, string]>([
  ['$rank', 'failed to parse variable ID $rank'],
  ['$score[x]', 'failed to parse variable ID'],
  [{ what: 1 }, 'what'],
  [{ sum: [1], mult: [1] }, '`sum` stands alone'],
  [{ sum: 1 }, 'query.formula.sum: expected an array'],
  [{ datetime: 'soon' }, 'failed to parse date-time soon'],
  [{ geo_distance: { origin: { lat: 91, lon: 0 }, to: 'place' } }, 'query.formula.geo_distance.origin.lat'],
  [{ exp_decay: { x: 1, midpoint: 1 } }, 'must be between 0 and 1, exclusive'],
  [{ lin_decay: { x: 1, midpoint: 1.5 } }, 'must be between 0 and 1'],
  [{ gauss_decay: { x: 1, scale: 0 } }, 'must be above 0'],
  [{ sum: Array.from({ length: 1000 }, () => 1) }, 'more than 1000 expressions'],
])('[QY16] %j is no formula', (formula, sentence) => {
  expect(() => compute(formula)).toThrow(sentence)
})

test('[QY17] metres on a sphere, seconds since 1970', () => {
  expect(compute({ geo_distance: { origin: MONTERREY, to: 'place' } })).toBeCloseTo(21926.494, 2)
  const home = { absent: { lat: 25, lon: -100 } }
  expect(compute({ geo_distance: { origin: MONTERREY, to: 'absent' } }, home)).toBeCloseTo(90951.3, 0)
  expect(compute({ sum: [{ datetime_key: 'when' }, { neg: { datetime: '2024-01-01' } }] })).toBe(86_400.5)
})

test.each(['lin_decay', 'exp_decay', 'gauss_decay'])(
  '[QY18] %s is 1 at the target and the midpoint at the scale',
  (kind) => {
    const value = (params: JsonMap): number => compute({ [kind]: params })
    expect(value({ x: 0 })).toBe(1)
    expect(value({ x: 'n', target: 85 })).toBe(1)
    expect(value({ x: 1 })).toBe(0.5)
    expect(value({ x: 'n', target: 81, scale: 4, midpoint: 0.25 })).toBeCloseTo(0.25, 6)
    expect(value({ x: 'n', target: 89, scale: 4, midpoint: 0.25 })).toBeCloseTo(0.25, 6)
    expect(value({ x: 1000, scale: 2 })).toBeLessThan(1e-6)
  },
)
