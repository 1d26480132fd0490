import { expect, test } from 'vitest'
import { exclude, include, parseSteps } from './projection.js'

const payload = { name: 'x', a: { b: 1, c: 2 }, list: [{ n: 1, m: 2 }, 3], 'd.e': 4 }
const paths = (...texts: string[]) => texts.map(parseSteps)

test('[HT31] an included path keeps what it leads to, through arrays too', () => {
  expect(include(payload, paths('name', 'a.b', 'list[].n', 'absent'))).toEqual({
    name: 'x',
    a: { b: 1 },
    list: [{ n: 1 }],
  })
  expect(include(payload, paths('a', 'a.b'))).toEqual({ a: { b: 1, c: 2 } })
  expect(include(payload, paths('"d.e"'))).toEqual({ 'd.e': 4 })
})

test('[HT31] an excluded path takes away what it leads to, and nothing else', () => {
  expect(exclude(payload, paths('name', 'a.b', 'list.n', 'd.e'))).toEqual({
    a: { c: 2 },
    list: [{ m: 2 }, 3],
    'd.e': 4,
  })
})

test.each(['', 'a.', '.a', 'a[0]', 'a..b'])('[HT31] %j is no path', (text) => {
  expect(() => parseSteps(text)).toThrow('use names joined by dots')
})
