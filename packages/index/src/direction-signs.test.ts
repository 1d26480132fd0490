import { expect, test } from 'vitest'
import { DirectionSigns } from './direction-signs.js'
import { mean, randomOf } from './testing/data.js'

const DIMS = 40
const COUNT = 32

const signsOf = (vector: readonly number[]): number[] => {
  const row = new Float32Array(DIMS + COUNT)
  row.set(vector)
  new DirectionSigns(DIMS, COUNT).write(row)
  expect([...row.subarray(0, DIMS)]).toEqual([...Float32Array.from(vector)])
  return [...row.subarray(DIMS)]
}

test('[IX78] signs agree where directions do, whatever the lengths, and half of them by chance where those have nothing in common', () => {
  const random = randomOf(3)
  const drawn = (): number[] => Array.from({ length: DIMS }, () => random() - 0.5)
  const shared = (a: readonly number[], b: readonly number[]): number =>
    mean(signsOf(a).map((sign, i) => (sign === signsOf(b)[i] ? 1 : 0)))
  const pairs = Array.from({ length: 60 }, () => [drawn(), drawn()] as const)
  for (const [a] of pairs) {
    expect(signsOf(a).every((sign) => Math.abs(sign) === 1)).toBe(true)
    expect(
      shared(
        a,
        a.map((value) => value * 1000),
      ),
    ).toBe(1)
  }
  const near = mean(
    pairs.map(([a, b]) =>
      shared(
        a,
        a.map((value, i) => value + b[i]! * 0.3),
      ),
    ),
  )
  const unlike = mean(pairs.map(([a, b]) => shared(a, b)))
  const opposite = mean(
    pairs.map(([a]) =>
      shared(
        a,
        a.map((value) => -value),
      ),
    ),
  )
  expect(near).toBeGreaterThan(0.8)
  expect(unlike).toBeGreaterThan(0.4)
  expect(unlike).toBeLessThan(0.65)
  // Sums that no number goes into have the same sign always.
  expect(opposite).toBeLessThan(0.4)
})
