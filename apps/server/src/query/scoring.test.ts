import { numbersOf } from '@meridian/core'
import { expect, test } from 'vitest'
import { contextScoring, discoverScoring } from './discover.js'
import { feedbackScoring } from './feedback.js'
import type { ExampleScoring } from './plan.js'
import { averageVector, bestScore, sumScores } from './recommend.js'
import { SIMILARITIES } from './similarity.js'

/** Examples on a line; the likeness to each is given by its only number. */
const at = (...likenesses: number[]): Float32Array[] => likenesses.map((likeness) => Float32Array.of(likeness))
const score = (scoring: ExampleScoring): number => scoring((example) => numbersOf(example)[0]!)
const one = (likeness: number): Float32Array => Float32Array.of(likeness)

test('[QY3] the average leans away from the negative examples, and needs a positive one', () => {
  const positive = [Float32Array.of(1, 0), Float32Array.of(3, 2)]
  expect([...numbersOf(averageVector({ positive, negative: [] }))]).toEqual([2, 1])
  expect([...numbersOf(averageVector({ positive, negative: [Float32Array.of(1, 5)] }))]).toEqual([3, -3])
  expect(() => averageVector({ positive: [], negative: positive })).toThrow('At least one positive vector ID')
})

test.each([
  { positive: [1, 3], negative: [2], wanted: 0.875 },
  { positive: [1], negative: [3, 0], wanted: -0.875 },
  { positive: [-1], negative: [-3], wanted: 0.25 },
  { positive: [2], negative: [2], wanted: -(2 / 3 + 1) / 2 },
  { positive: [], negative: [0], wanted: -0.5 },
])('[QY4] the best of $positive against $negative is $wanted', ({ positive, negative, wanted }) => {
  expect(score(bestScore({ positive: at(...positive), negative: at(...negative) }))).toBeCloseTo(wanted, 12)
})

test('[QY5] sums of likenesses, some of them against', () => {
  expect(score(sumScores({ positive: at(1, 3), negative: at(0.5) }))).toBe(3.5)
  expect(() => sumScores({ positive: [], negative: [] })).toThrow('At least one positive or negative vector ID')
})

test('[QY6] discovery counts pairs before it looks at the target', () => {
  const won = { positive: one(2), negative: one(1) }
  const tied = { positive: one(1), negative: one(1) }
  expect(score(discoverScoring(one(1), [won, won]))).toBe(2.75)
  expect(score(discoverScoring(one(1), [won, tied]))).toBe(0.75)
  expect(score(discoverScoring(one(-3), []))).toBe(0.125)
})

test('[QY7] a context costs nothing on the positive side and less than 1 a pair on the other', () => {
  expect(score(contextScoring([{ positive: one(2), negative: one(1) }]))).toBe(0)
  expect(score(contextScoring([{ positive: one(1), negative: one(2) }]))).toBeCloseTo(-0.5, 6)
  const far = { positive: one(0), negative: one(1e6) }
  expect(score(contextScoring([far, far]))).toBeGreaterThan(-2)
  const border = score(contextScoring([{ positive: one(1), negative: one(1) }]))
  expect(border).toBeLessThan(0)
  expect(border).toBeGreaterThan(-1e-6)
})

test('[QY8] feedback pairs the best with the worst, three pairs at most', () => {
  const judged = [
    { vector: one(1), score: 0.25 },
    { vector: one(4), score: 0.75 },
    { vector: one(9), score: 0.5 },
  ]
  expect(score(feedbackScoring(one(2), judged, { a: 3, b: 2, c: 10 }))).toBe(3 * 2 + 0.25 * 10 * 3)
  expect(score(feedbackScoring(one(2), judged.slice(1, 2), { a: 3, b: 2, c: 10 }))).toBe(6)
  const eight = Array.from({ length: 8 }, (_, i) => ({ vector: one(i), score: i }))
  expect(score(feedbackScoring(one(0), eight, { a: 0, b: 0, c: 1 }))).toBe(7 + 5 + 3)
})

test('[QY4] likeness is larger for what is nearer, whatever the metric', () => {
  const [a, b] = [Float32Array.of(0, 0), Float32Array.of(3, 4)]
  expect(SIMILARITIES.Euclid(a, b)).toBe(-25)
  expect(SIMILARITIES.Manhattan(a, b)).toBe(-7)
  expect(SIMILARITIES.Dot(b, b)).toBe(25)
  expect(SIMILARITIES.Cosine(Float32Array.of(1, 0), Float32Array.of(0.6, 0.8))).toBeCloseTo(0.6, 6)
})
