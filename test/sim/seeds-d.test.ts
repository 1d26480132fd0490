import { expect, test } from 'vitest'
import { failuresOf, range, SUITE_FOR_MS } from './seeds.js'

test('[SM1] seeds 226 to 300 keep every promise', () => {
  expect(failuresOf(range(226, 75), { forMs: SUITE_FOR_MS })).toEqual([])
}, 240_000)
