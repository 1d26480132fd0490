import type { JsonObject } from '@meridian/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compile } from '../filter/compile.js'
import type { Filter } from '../filter/filter.js'
import { filter, payload } from '../testing/filter-arbitraries.js'
import { PayloadIndex } from './payload-index.js'

const NO_BOUND = Number.MAX_SAFE_INTEGER
const TYPES = ['keyword', 'integer', 'float', 'bool', 'datetime', 'geo', 'uuid', 'text']
const namesOf = (ordinal: number): string[] => (ordinal % 2 === 0 ? [''] : ['', 'v'])

/** The definition: every record is asked. */
const scanned = (records: ReadonlyMap<number, JsonObject>, asked: Filter): number[] => {
  const predicate = compile(asked)
  return [...records.keys()]
    .filter((ordinal) => predicate(ordinal, records.get(ordinal)!, () => namesOf(ordinal)))
    .sort((a, b) => a - b)
}

test('[PI1] after any changes, an index of any type finds what a scan finds', () => {
  const types = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'a.b', 'a[]', 'a[].b'), fc.constantFrom(...TYPES), {
    minKeys: 1,
  })
  const change = fc.record({ ordinal: fc.nat(70), payload: fc.option(payload, { freq: 4 }) })
  let exact = 0
  let partial = 0
  fc.assert(
    fc.property(
      types,
      fc.array(change, { maxLength: 80 }),
      fc.array(filter, { minLength: 5, maxLength: 5 }),
      (of, changes, asked) => {
        const index = new PayloadIndex(new Map(Object.entries(of)), NO_BOUND)
        const records = new Map<number, JsonObject>()
        for (const { ordinal, payload } of changes) {
          if (payload === null) {
            index.remove(ordinal)
            records.delete(ordinal)
          } else {
            index.set(ordinal, payload as JsonObject)
            records.set(ordinal, payload as JsonObject)
          }
        }
        for (const each of asked) {
          const found = index.find(each)
          if (found === undefined) continue
          const truth = scanned(records, each)
          const ordinals = [...found.bits.toOrdinals()]
          expect(ordinals).toHaveLength(found.bits.count)
          expect(ordinals.filter((ordinal) => !records.has(ordinal))).toEqual([])
          if (found.isExact) {
            exact++
            expect(ordinals).toEqual(truth)
          } else {
            partial++
            expect(truth.filter((ordinal) => !found.bits.has(ordinal))).toEqual([])
          }
        }
      },
    ),
    { numRuns: 1500 },
  )
  expect(exact).toBeGreaterThan(500)
  expect(partial).toBeGreaterThan(100)
})

test('[PI2] a value that no record has any more takes no memory', () => {
  const index = new PayloadIndex(new Map([['k', 'keyword']]), NO_BOUND)
  for (let ordinal = 0; ordinal < 100; ordinal++) index.set(ordinal, { k: 'first' })
  const { bytes } = index
  for (let round = 0; round < 50; round++)
    for (let ordinal = 0; ordinal < 100; ordinal++) index.set(ordinal, { k: `${round}-${ordinal}` })
  for (let ordinal = 0; ordinal < 100; ordinal++) index.set(ordinal, { k: 'first' })
  expect(index.bytes).toBe(bytes)
  expect(index.find({ must: [{ key: 'k', match: { value: 'first' } }] })?.bits.count).toBe(100)
})

test('[PI3] past its bytes it gives up, and finds nothing wrong', () => {
  const index = new PayloadIndex(new Map([['k', 'text']]), 100_000)
  for (let ordinal = 0; ordinal < 5000 && !index.isFull; ordinal++)
    index.set(ordinal, { k: `${'x'.repeat(100)}${ordinal}` })
  expect(index.isFull).toBe(true)
  expect(index.find({ must: [{ key: 'k', match: { text: 'x' } }] })).toBeUndefined()
  index.set(1, { k: 'y' })
  index.remove(1)
  expect(index.bytes).toBeLessThan(100_000)
})

test('[PI6] a high `min_count` is left to a look at the records: its cost in columns grows with the square', () => {
  const index = new PayloadIndex(new Map([['a', 'integer']]), NO_BOUND)
  index.set(0, { a: 1 })
  const asked = (count: number): Filter => ({
    min_should: { conditions: Array.from({ length: 40 }, () => ({ key: 'a', match: { value: 1 } })), min_count: count },
  })
  expect(index.find(asked(16))?.bits.has(0)).toBe(true)
  expect(index.find(asked(17))).toBeUndefined()
})
