import type { JsonObject } from '@meridian/core'
import { expect, test } from 'vitest'
import { removeAt, setAt } from './payload-edit.js'
import { readDeletedPath, readKeyPath } from './schema/key-path.js'

const PAYLOAD: JsonObject = { a: { b: { x: 1, y: 2 }, c: 3 }, list: [{ n: 1 }, 7, { n: 2, m: 0 }], t: 'text' }
const frozen = JSON.stringify(PAYLOAD)

test.each([
  ['t', { x: 1 }, { t: { x: 1 } }],
  ['a', { c: 4, d: 5 }, { a: { b: { x: 1, y: 2 }, c: 4, d: 5 } }],
  ['a.b', { x: null, z: 3 }, { a: { b: { y: 2, z: 3 }, c: 3 } }],
  ['a.new.deep', { k: 1 }, { a: { b: { x: 1, y: 2 }, c: 3, new: { deep: { k: 1 } } } }],
  ['list[]', { n: 9 }, { list: [{ n: 9 }, { n: 9 }, { n: 9, m: 0 }] }],
  ['list[2]', { n: 9 }, { list: [{ n: 1 }, 7, { n: 9, m: 0 }] }],
  ['list[5]', { n: 9 }, { list: [{ n: 1 }, 7, { n: 2, m: 0 }] }],
  ['list[].sub', { k: 1 }, { list: [{ n: 1, sub: { k: 1 } }, { sub: { k: 1 } }, { n: 2, m: 0, sub: { k: 1 } }] }],
  ['t[]', { n: 9 }, { t: [] }],
  ['fresh[0].x', { n: 9 }, { fresh: [] }],
  ['"a.b".c', { k: 1 }, { 'a.b': { c: { k: 1 } } }],
] as const)('[HT58] a merge at %s of %j gives the whole top-level value', (key, source, set) => {
  expect(setAt(PAYLOAD, readKeyPath(key, 'key'), source as JsonObject, false)).toEqual({ set, unset: [] })
  expect(JSON.stringify(PAYLOAD)).toBe(frozen)
})

test('[HT58] an overwrite at a path replaces what is there and nothing else', () => {
  expect(setAt(PAYLOAD, readKeyPath('a.b', 'key'), { z: null }, true).set).toEqual({ a: { b: { z: null }, c: 3 } })
})

test.each([
  [['a'], {}, ['a']],
  [['a.b.x'], { a: { b: { y: 2 }, c: 3 } }, []],
  [['a.b', 'a.c'], { a: {} }, []],
  [['a.b', 'a'], {}, ['a']],
  [['list[].n'], { list: [{}, 7, { m: 0 }] }, []],
  [['list[0].n'], { list: [{}, 7, { n: 2, m: 0 }] }, []],
  [['list[]'], { list: [] }, []],
  [['a.nope', 't.x', 'list[9].n', 't[]', 'none.x'], {}, []],
] as const)('[HT58] deleting %j', (keys, set, unset) => {
  const paths = keys.map((key) => readDeletedPath(key, 'keys'))
  expect(removeAt(PAYLOAD, paths)).toEqual({ set, unset })
  expect(JSON.stringify(PAYLOAD)).toBe(frozen)
})

test.each(['', '.', 'a.', '.a', 'a..b', '[0]', 'a[', 'a[x]', 'a[0]b', 'a"b"', '""', '__proto__', 'a.__proto__.b'])(
  '[HT58] %j is not a payload path',
  (key) => {
    expect(() => readKeyPath(key, 'key')).toThrow('is not a payload path')
  },
)

test('[HT58] a path is at most 32 steps long', () => {
  const path = (steps: number) => Array.from({ length: steps }, () => 'a').join('.')
  expect(readKeyPath(path(32), 'key').rest).toHaveLength(31)
  expect(() => readKeyPath(path(33), 'key')).toThrow('is not a payload path')
})
