import type { JsonObject, JsonValue, PointId } from '@meridian/core'
import { expect, test } from 'vitest'
import { compile, FILTER_LIMITS, matches } from './compile.js'
import type { Condition, Filter, Match, Range, ValuesCount } from './filter.js'

const noVectors = (): string[] => []
const holds = (condition: Condition, payload: JsonObject, id: PointId = 1): boolean =>
  matches({ must: [condition] }, { id, payload, vectorNames: noVectors })
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
  ['[FI19] text', { text: 'b c' }, ['b c', 'ab cd', ['x', 'ab c']], ['B c', 'b  c', 'c b', 1, null, [], [['b c']], {}]],
  ['[FI19] the empty text', { text: '' }, ['', 'x'], [1, null, []]],
  ['[FI19] a phrase', { phrase: 'b c' }, ['ab cd'], ['b x c', 'c b', null]],
  [
    '[FI19] any word of a text',
    { text_any: ' b\u0085\tcd ' },
    ['b', 'abc', 'xcdx', ['x', 'b']],
    ['c d', 'B', '', 1, null],
  ],
  ['[FI19] no word', { text_any: ' ' }, [], ['', ' ', 'x', 1]],
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
  const point = { id: 1, payload: {}, vectorNames: noVectors }
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
    matches(
      { min_should: { conditions: ids.map((id) => ({ has_id: [id] })), min_count } },
      { id: 1, payload: {}, vectorNames: noVectors },
    )
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

test('[FI13] values_count counts an array, takes null for 0 and all else for 1, and knows no count of what is missing', () => {
  const has = (values_count: ValuesCount, payload: JsonObject): boolean => holds({ key: 'k', values_count }, payload)
  const counts: [value: JsonValue, count: number][] = [
    [[], 0],
    [null, 0],
    [0, 1],
    ['abc', 1],
    [{ a: 1, b: 2 }, 1],
    [[null], 1],
    [[1, [2, 3]], 2],
  ]
  for (const [k, count] of counts) {
    expect(has({ gte: count, lte: count }, { k })).toBe(true)
    expect(has({ gt: count - 1, lt: count + 1 }, { k })).toBe(true)
    expect([has({ gt: count }, { k }), has({ lt: count }, { k })]).toEqual([false, false])
  }
  expect([has({ lt: 1 }, {}), has({}, {}), has({}, { k: 1 })]).toEqual([false, false, true])
  const lists = { k: [{ tags: ['a'] }, { tags: ['a', 'b', 'c'] }] }
  expect(holds({ key: 'k[].tags', values_count: { gte: 3 } }, lists)).toBe(true)
  expect(holds({ key: 'k[].tags', values_count: { gte: 4 } }, lists)).toBe(false)
})

test('[FI14] a range of dates compares instants, whatever their forms and offsets; numbers are no dates', () => {
  const within = (range: Condition, value: JsonValue): boolean => holds(range, { k: value })
  const noon = '2026-01-31T12:00:00Z'
  for (const same of ['2026-01-31T14:00:00+02:00', '2026-01-31 12:00:00', '2026-01-31T12:00:00.000Z', ['x', noon]]) {
    expect(within({ key: 'k', range: { gte: noon, lte: noon } }, same)).toBe(true)
    expect(within({ key: 'k', range: { gt: noon } }, same)).toBe(false)
    expect(within({ key: 'k', range: { lt: noon } }, same)).toBe(false)
  }
  expect(within({ key: 'k', range: { gt: noon, lt: null } }, '2026-01-31T12:00:00.000000001Z')).toBe(true)
  expect(within({ key: 'k', range: { lt: '2026-02-01' } }, noon)).toBe(true)
  for (const value of [0, Date.UTC(2026, 1, 31), 'noon', null, true, {}, []])
    expect(within({ key: 'k', range: { gt: '0001-01-01' } }, value)).toBe(false)
  const refused = expect.objectContaining({ code: 'BAD_REQUEST', message: expect.stringContaining('"tomorrow"') })
  expect(() => compile({ must: [{ key: 'k', range: { gt: 'tomorrow' } }] })).toThrow(refused)
})

test('[FI20] has_vector holds for a name that the point has', () => {
  const ask = (has_vector: string, names: string[]): boolean =>
    matches({ must: [{ has_vector }] }, { id: 1, payload: { text: 1 }, vectorNames: () => names })
  expect([ask('', ['']), ask('text', ['image', 'text'])]).toEqual([true, true])
  expect([ask('', ['text']), ask('text', []), ask('tex', ['text'])]).toEqual([false, false, false])
})

test('[FI21] nested wants one and the same element to match', () => {
  const diet = [
    { food: 'leaves', likes: false },
    { food: 'meat', likes: true },
  ]
  const filter: Filter = {
    must: [
      { key: 'food', match: { value: 'meat' } },
      { key: 'likes', match: { value: true } },
    ],
  }
  const eats = (payload: JsonObject, key = 'diet'): boolean => holds({ nested: { key, filter } }, payload)
  expect([eats({ diet }), eats({ diet }, 'diet[]'), eats({ zoo: [{ diet }] }, 'zoo[].diet')]).toEqual([
    true,
    true,
    true,
  ])
  expect(
    eats({
      diet: [
        { ...diet[0], food: 'meat' },
        { ...diet[1], food: 'leaves' },
      ],
    }),
  ).toBe(false)
  expect([eats({ diet: diet[1]! }), eats({ diet: [diet] }), eats({ diet: [] }), eats({})]).toEqual(Array(4).fill(false))
  const anything: Condition = { nested: { key: 'diet', filter: {} } }
  expect([{ diet: [{}] }, { diet: [1] }, { diet: [] }].map((payload) => holds(anything, payload))).toEqual([
    true,
    false,
    false,
  ])
  const inner: Condition = { nested: { key: 'b', filter: { must_not: [{ key: 'c', match: { value: 1 } }] } } }
  const twice: Condition = { nested: { key: 'a', filter: { must: [inner] } } }
  expect(holds(twice, { a: [{ b: [{ c: 1 }, { c: 2 }] }] })).toBe(true)
  expect(holds(twice, { a: [{ b: [{ c: 1 }] }] })).toBe(false)
})

test.each<[Condition, string]>([
  [{ has_id: [1] }, 'has_id'],
  [{ must_not: [{ has_vector: '' }] }, 'has_vector'],
])('[FI21] what asks about the point is refused inside nested: %j', (condition, name) => {
  const nested: Filter = { must: [{ nested: { key: 'a', filter: { must: [condition] } } }] }
  const refused = expect.objectContaining({ code: 'BAD_REQUEST', message: expect.stringContaining(`${name} asks`) })
  expect(() => compile(nested)).toThrow(refused)
  expect(() => compile({ must: [condition] })).not.toThrow()
})

test('[FI22] depth and number of conditions are bounded', () => {
  const refused = expect.objectContaining({ code: 'BAD_REQUEST' })
  const deep = (levels: number, wrap: (filter: Filter) => Condition): Filter =>
    levels === 1 ? {} : { must: [wrap(deep(levels - 1, wrap))] }
  for (const wrap of [(filter: Filter) => filter, (filter: Filter) => ({ nested: { key: 'a', filter } })]) {
    expect(() => compile(deep(FILTER_LIMITS.depthMax, wrap))).not.toThrow()
    expect(() => compile(deep(FILTER_LIMITS.depthMax + 1, wrap))).toThrow(refused)
  }
  const wide = (count: number): Filter => ({
    must: [{ has_id: [1] }],
    should: [{ must_not: Array<Condition>(count - 2).fill({ has_id: [2] }) }],
  })
  expect(() => compile(wide(FILTER_LIMITS.conditionsMax))).not.toThrow()
  expect(() => compile(wide(FILTER_LIMITS.conditionsMax + 1))).toThrow(refused)
  expect(() => compile(wide(4), { depthMax: 2, conditionsMax: 3 })).toThrow('more than 3 conditions')
})
