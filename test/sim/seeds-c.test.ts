import { expect, test } from 'vitest'
import { failuresOf, range, SUITE_FOR_MS } from './seeds.js'

test('[SM1] seeds 151 to 225 keep every promise', () => {
  expect(failuresOf(range(151, 75), { forMs: SUITE_FOR_MS })).toEqual([])
}, 240_000)
