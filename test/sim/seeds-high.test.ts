import { expect, test } from 'vitest'
import { failuresOf, range } from './seeds.js'

test('[SM1] seeds 96 to 195 keep every promise', () => {
  expect(failuresOf(range(96, 100))).toEqual([])
}, 240_000)
