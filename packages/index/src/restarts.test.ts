import { expect, test } from 'vitest'
import { Restarts } from './restarts.js'

test('[IX18] a worker that dies again and again is started later and later, and at once after a calm minute', () => {
  const restarts = new Restarts()
  const delays = Array.from({ length: 9 }, (_, i) => restarts.delayMs(i * 11_000))
  expect(delays).toEqual([0, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
  expect(restarts.delayMs(8 * 11_000 + 59_999)).toBe(10_000)
  expect(restarts.delayMs(8 * 11_000 + 59_999 + 60_000)).toBe(0)
})
