import { expect, test } from 'vitest'
import { failuresOf, range, SUITE_FOR_MS } from './seeds.js'

test('[SM1] seeds 96 to 195 keep every promise', () => {
  expect(failuresOf(range(96, 100), { forMs: SUITE_FOR_MS })).toEqual([])
}, 240_000)
