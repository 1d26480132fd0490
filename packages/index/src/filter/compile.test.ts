import type { JsonObject, JsonValue, PointId } from '@meridian/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compile, matches } from './compile.js'
import type { Condition, Filter, Match, Range } from './filter.js'

const holds = (condition: Condition, payload: JsonObject, id: PointId = 1): boolean =>
  matches({ must: [condition] }, { id, payload })
const field = (match: Match, value: JsonValue): boolean => holds({ key: 'k', match }, { k: value })

const cases: [rule: string, Match, yes: JsonValue[], no: JsonValue[]][] = [
  ['[FI4] a keyword', { value: 'a' }, ['a', ['b', 'a']], ['A', 'ab', 1, null, [], [['a']], { a: 'a' }, ['b']]],
  ['[FI4] an integer', { value: 1 }, [1, 1.0, [2, 1]], ['1', true, 1.5, null, [2]]],
  ['[FI4] a bool', { value: true }, [true, [false, true]], [false, 1, 'true', null]],
  ['[FI5] any', { any: ['a', 'b'] }, ['a', ['c', 'b']], ['c', null, [], 1, ['c']]],
  ['[FI5] any of nothing', { any: [] }, [], ['a', 1, null, []]],
  [
    '[FI6] except',
    { except: ['a', 'b'] },
    ['c', ['a', 'c'], 1, true, {}, [['a']]],
    ['a', null, [], ['a', 'b'], [null]],
  ],
  ['[FI6] except integers', { except: [1, 2] }, [3, 1.5, 'x', [1, 3]], [1, 2.0, null, [1, 2]]],
]

test.each(cases)('%s', (_rule, match, yes, no) => {
  for (const value of yes) expect([value, field(match, value)]).toEqual([value, true])
  for (const value of no) expect([value, field(match, value)]).toEqual([value, false])
  expect(holds({ key: 'k', match }, {})).toBe(false)
})

test('[FI7] a range holds for numbers within all its bounds, and for nothing else', () => {
  const within = (range: Range, value: JsonValue): boolean => holds({ key: 'k', range }, { k: value })
  expect(within({ gt: 1 }, 1)).toBe(false)
  expect(within({ gte: 1 }, 1)).toBe(true)
  expect(within({ lt: 1 }, 1)).toBe(false)
  expect(within({ lte: 1 }, 1)).toBe(true)
  expect(within({ gte: 1, lt: 2 }, 1.5)).toBe(true)
  expect(within({ gte: 1, lt: 2 }, 2)).toBe(false)
  expect(within({ gte: 1, lt: null }, 9)).toBe(true)
  expect(within({ gte: 1, lt: 2 }, [0, 3])).toBe(false)
  expect(within({ gte: 1, lt: 2 }, [0, 1])).toBe(true)
  for (const value of ['5', true, null, {}, [], ['5']]) expect(within({ gte: 0 }, value)).toBe(false)
  expect(within({}, 0)).toBe(true)
  expect(within({}, 'x')).toBe(false)
})

test('[FI8] empty is missing, null or []; null is a null that is there', () => {
  const empty = (payload: JsonObject): boolean => holds({ is_empty: { key: 'k' } }, payload)
  const isNull = (payload: JsonObject): boolean => holds({ is_null: { key: 'k' } }, payload)
  expect([{}, { k: null }, { k: [] }].map(empty)).toEqual([true, true, true])
  expect([{ k: 0 }, { k: '' }, { k: false }, { k: {} }, { k: [null] }].map(empty)).toEqual(Array(5).fill(false))
  expect([{ k: null }, { k: [1, null] }].map(isNull)).toEqual([true, true])
  expect([{}, { k: [] }, { k: 0 }, { k: '' }, { k: [[null]] }].map(isNull)).toEqual(Array(5).fill(false))
})

test('[FI9] ids are compared by value, whatever their form', () => {
  const uuid = '550e8400-e29b-41d4-a716-446655440000'
  const condition = { has_id: [1, 2n ** 63n, uuid] }
  expect([1, 2n ** 63n, uuid].map((id) => holds(condition, {}, id))).toEqual([true, true, true])
  expect([2, 2n ** 63n + 1n, '1'].map((id) => holds(condition, {}, id))).toEqual([false, false, false])
})

test('[FI1] clauses are joined; absent and empty ones say nothing', () => {
  const yes: Condition = { has_id: [1] }
  const no: Condition = { has_id: [2] }
  const point = { id: 1, payload: {} }
  const ask = (filter: Filter): boolean => matches(filter, point)
  expect([{}, { must: [] }, { should: [] }, { must_not: [] }].map(ask)).toEqual(Array(4).fill(true))
  expect([{ must: [yes, yes] }, { should: [no, yes] }, { must_not: [no, no] }].map(ask)).toEqual(Array(3).fill(true))
  expect([{ must: [yes, no] }, { should: [no, no] }, { must_not: [no, yes] }].map(ask)).toEqual(Array(3).fill(false))
  expect(ask({ must: [yes], should: [no] })).toBe(false)
  expect(ask({ must: [yes], should: [yes], must_not: [no], min_should: { conditions: [yes], min_count: 1 } })).toBe(
    true,
  )
})

test('[FI2] min_should counts', () => {
  const ask = (min_count: number, ids: number[]): boolean =>
    matches({ min_should: { conditions: ids.map((id) => ({ has_id: [id] })), min_count } }, { id: 1, payload: {} })
  expect([ask(0, [2]), ask(1, [2, 1]), ask(2, [1, 2, 1]), ask(1, [])]).toEqual([true, true, true, true])
  expect([ask(1, [2]), ask(2, [1, 2]), ask(3, [1, 1])]).toEqual([false, false, false])
})

test('[FI3] a filter nests as a condition; match and range on one key: either will do', () => {
  expect(
    holds({ should: [{ key: 'a', match: { value: 1 } }, { must_not: [{ is_empty: { key: 'b' } }] }] }, { b: 0 }),
  ).toBe(true)
  const both = { key: 'k', match: { value: 1 }, range: { gt: 5 } }
  expect([1, 6, 3].map((k) => holds(both, { k }))).toEqual([true, true, false])
})

/** The dumb twin: collects values, never stops early, knows nothing of sets. */
const oracle = (filter: Filter, id: PointId, payload: JsonObject): boolean => {
  const check = (condition: Condition): boolean => {
    if ('has_id' in condition) return condition.has_id.some((each) => each === id)
    if ('is_empty' in condition) {
      const values = lookUp(payload, condition.is_empty.key)
      return values.every((value) => value === null || JSON.stringify(value) === '[]')
    }
    if ('is_null' in condition)
      return lookUp(payload, condition.is_null.key)
        .flat(1)
        .some((value) => value === null)
    if (!('key' in condition)) return oracle(condition, id, payload)
    return lookUp(payload, condition.key)
      .flat(1)
      .some((value) => {
        const { match, range } = condition
        if (range && typeof value === 'number') {
          const { gt = -Infinity, gte = -Infinity, lt = Infinity, lte = Infinity } = range as Record<string, number>
          if (value > gt && value >= gte && value < lt && value <= lte) return true
        }
        if (!match) return false
        if ('value' in match) return value === match.value
        if ('any' in match) return match.any.some((each) => each === value)
        return value !== null && match.except.every((each) => each !== value)
      })
  }
  const { must = [], should = [], must_not = [], min_should } = filter
  return (
    must.every(check) &&
    !must_not.some(check) &&
    (should.length === 0 || should.some(check)) &&
    (!min_should?.conditions.length || min_should.conditions.filter(check).length >= min_should.min_count)
  )
}

const lookUp = (payload: JsonObject, key: string): JsonValue[] =>
  key
    .replaceAll('[', '.[')
    .split('.')
    .reduce<JsonValue[]>(
      (values, step) =>
        values.flatMap((value): JsonValue[] => {
          if (value === null || typeof value !== 'object') return []
          if (step === '[]') return Array.isArray(value) ? value : []
          if (step.startsWith('[')) return Array.isArray(value) ? value.slice(Number(step[1]), Number(step[1]) + 1) : []
          return Array.isArray(value)
            ? []
            : Object.entries(value).flatMap(([name, found]) => (name === step ? [found] : []))
        }),
      [payload],
    )

const scalar = fc.constantFrom<JsonValue>(null, true, false, 0, 1, 2, 1.5, 'a', 'b', '1')
const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3 }),
  ),
}))
const payloads = fc.dictionary(fc.constantFrom('a', 'b', 'c'), value, { maxKeys: 3 })
const keys = fc.constantFrom('a', 'b', 'c', 'a.b', 'a[]', 'a[].b', 'a[0]', 'b[1].a', 'a[][]', 'c.a[].b')
const some = <T>(from: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(from, { maxLength: 3 })
const keyword = fc.constantFrom<string | number>('a', 'b', '1', 0, 1, 2)
const bound = fc.constantFrom(-1, 0, 1, 1.5, 2)
const match = fc.oneof(
  fc.record({ value: fc.oneof(keyword, fc.boolean()) }),
  fc.record({ any: some(keyword) }),
  fc.record({ except: some(keyword) }),
)
const range = fc.record({ gt: bound, gte: bound, lt: bound, lte: bound }, { requiredKeys: [] })
const leaf: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({ key: keys, match }),
  fc.record({ key: keys, range }),
  fc.record({ key: keys, match, range }),
  fc.record({ is_empty: fc.record({ key: keys }) }),
  fc.record({ is_null: fc.record({ key: keys }) }),
  fc.record({ has_id: some(fc.constantFrom<PointId>(1, 2, 'x')) }),
)
const { filter } = fc.letrec<{ filter: Filter; condition: Condition }>((tie) => ({
  condition: fc.oneof({ depthSize: 'small' }, leaf, leaf, tie('filter')),
  filter: fc.record(
    {
      must: some(tie('condition')),
      should: some(tie('condition')),
      must_not: some(tie('condition')),
      min_should: fc.record({ conditions: some(tie('condition')), min_count: fc.nat(3) }),
    },
    { requiredKeys: [] },
  ),
}))

test('[FI10] compiled filters agree with the plain reading of the rules', () => {
  const seen = { yes: 0, no: 0 }
  fc.assert(
    fc.property(filter, fc.array(payloads, { minLength: 1, maxLength: 5 }), (some, points) => {
      const predicate = compile(some)
      for (const payload of points) {
        const expected = oracle(some, 1, payload)
        seen[expected ? 'yes' : 'no']++
        expect(predicate(1, payload)).toBe(expected)
      }
    }),
    { numRuns: 2000 },
  )
  expect(Math.min(seen.yes, seen.no)).toBeGreaterThan(500)
})
