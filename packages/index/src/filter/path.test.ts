import type { JsonObject, JsonValue } from '@meridian/core'
import { expect, test } from 'vitest'
import { parseElementsPath, parsePath } from './path.js'

const values = (key: string, payload: JsonObject): JsonValue[] => {
  const found: JsonValue[] = []
  parsePath(key)(payload, (value) => {
    found.push(value)
    return false
  })
  return found
}

const PAYLOAD: JsonObject = {
  name: 'x',
  'with.dot': 1,
  'with space': 2,
  country: { name: 'Germany', cities: [{ name: 'Berlin', sights: ['a', 'b'] }, { name: 'Bonn' }, 'none'] },
  grid: [
    [1, 2],
    [3, 4],
  ],
}

test('[FI11] names go into objects, brackets into arrays, and neither into the other', () => {
  expect(values('name', PAYLOAD)).toEqual(['x'])
  expect(values('with space', PAYLOAD)).toEqual([2])
  expect(values('"with.dot"', PAYLOAD)).toEqual([1])
  expect(values('""', { '': 3 })).toEqual([3])
  expect(values('country.name', PAYLOAD)).toEqual(['Germany'])
  expect(values('country."name"', PAYLOAD)).toEqual(['Germany'])
  expect(values('country.cities[].name', PAYLOAD)).toEqual(['Berlin', 'Bonn'])
  expect(values('country.cities[1].name', PAYLOAD)).toEqual(['Bonn'])
  expect(values('country.cities[0].sights[]', PAYLOAD)).toEqual(['a', 'b'])
  expect(values('grid[][1]', PAYLOAD)).toEqual([2, 4])
  expect(values('grid[0]', PAYLOAD)).toEqual([[1, 2]])
  for (const key of ['country.cities.name', 'name.x', 'name[]', 'grid[9]', 'country[0]', 'absent.x']) {
    expect(values(key, PAYLOAD)).toEqual([])
  }
})

test('[FI11] what an object inherits is not a payload key', () => {
  for (const key of ['constructor', 'toString', '__proto__', 'country.constructor'])
    expect(values(key, PAYLOAD)).toEqual([])
})

test('[FI12] a key that is no path is refused', () => {
  for (const key of ['', '.', 'a.', '.a', 'a..b', 'a[', 'a]', '[0]', 'a[x]', 'a[-1]', 'a[0]b', '"a', 'a"b"', 'a.[0]']) {
    expect(() => parsePath(key), key).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }))
  }
})

test('[FI21] the path to elements is the same with and without [] at its end', () => {
  const elements = (key: string): JsonValue[] => {
    const found: JsonValue[] = []
    parseElementsPath(key)(PAYLOAD, (value) => {
      found.push(value)
      return false
    })
    return found
  }
  const cities = values('country.cities[]', PAYLOAD)
  expect([elements('country.cities'), elements('country.cities[]')]).toEqual([cities, cities])
  expect(elements('grid[]')).toEqual(PAYLOAD.grid)
  expect(elements('grid[0]')).toEqual([1, 2])
  expect([elements('name'), elements('country'), elements('absent')]).toEqual([[], [], []])
  expect(() => parseElementsPath('a..b')).toThrow('"a..b"')
})
