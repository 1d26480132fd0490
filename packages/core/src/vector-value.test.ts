import { expect, test } from 'vitest'
import { isFinite32 } from './vector-value.js'

test('[EN5] a number that is not finite is noticed at every place of every length', () => {
  for (let length = 0; length < 12; length++) {
    const numbers = Float32Array.from({ length }, (_, i) =>
      i % 2 === 0 ? 3.4028234663852886e38 : -1.401298464324817e-45,
    )
    expect(isFinite32(numbers)).toBe(true)
    for (let at = 0; at < length; at++)
      for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
        expect(isFinite32(numbers.with(at, odd)), `${odd} at ${at} of ${length}`).toBe(false)
  }
})
