import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson, isDeeperThan, type JsonObject, type JsonValue, setOwn } from './json.js'
import { SeededRandom } from './testing/index.js'

const anyJson = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as JsonValue)

/** The same value with its keys in another order. */
const reordered = (value: JsonValue, random: SeededRandom): JsonValue => {
  if (Array.isArray(value)) return value.map((inner) => reordered(inner, random))
  if (value === null || typeof value !== 'object') return value
  const pairs = random.shuffled(Object.entries(value))
  return Object.fromEntries(pairs.map(([key, inner]) => [key, reordered(inner, random)]))
}

describe('json', () => {
  it('[JS1] canonical text is the same for every order of keys, and reads back as the value', () => {
    fc.assert(
      fc.property(anyJson, fc.integer(), (value, seed) => {
        const text = canonicalJson(value)
        expect(JSON.parse(text)).toEqual(value)
        expect(canonicalJson(reordered(value, new SeededRandom(seed)))).toBe(text)
      }),
    )
    expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: true })).toBe('{"a":true,"b":[1,{"c":"x","d":null}]}')
  })

  it('[JS2] an own property is set whatever its name', () => {
    const target: JsonObject = {}
    for (const key of ['__proto__', 'constructor', 'plain']) setOwn(target, key, { x: 1 })
    expect(Object.keys(target)).toEqual(['__proto__', 'constructor', 'plain'])
    expect(Object.getPrototypeOf(target)).toBe(Object.prototype)
    setOwn(target, '__proto__', 2)
    expect(JSON.stringify(target)).toBe('{"__proto__":2,"constructor":{"x":1},"plain":{"x":1}}')
  })

  it('[JS3] depth is that of the deepest part', () => {
    for (const [value, depth] of [
      [1, 0],
      [{}, 1],
      [{ a: 1, b: [] }, 2],
      [[[], [{ a: [null] }]], 4],
    ] as [JsonValue, number][])
      expect([isDeeperThan(value, depth), depth > 0 && !isDeeperThan(value, depth - 1)]).toEqual([false, false])
  })
})
