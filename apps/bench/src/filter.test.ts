import { expect, test } from 'vitest'
import type { DataSet } from './data-set.js'
import { filterFigures, scattered } from './filter.js'

/** Numbers of [0, 1), the same in every run. */
const numbers = (count: number): Float32Array => {
  let state = 5
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  })
}

test('[BN14] a random filter lets through its share, the same in every run', () => {
  const among = scattered(10_000, 0.1)
  expect(among.length).toBeGreaterThan(900)
  expect(among.length).toBeLessThan(1100)
  expect(scattered(10_000, 0.1)).toEqual(among)
  expect([...among].sort((a, b) => a - b)).toEqual([...among])
})

test('[BN14] each filter is asked planned, scanned and walked; the farthest share leaves out what is near', () => {
  const set: DataSet = {
    dims: 6,
    count: 1500,
    metric: 'l2',
    vectors: numbers(9000),
    queryCount: 12,
    queries: numbers(72),
    groundTruth: null,
  }
  const figures = filterFigures('set', set, { queries: 12, shares: [0.5, 0.01], farShares: [0.2] })
  expect(figures.map(({ filter }) => filter)).toEqual(['50 %', '1 %', '20 %, farthest'])
  for (const each of figures) {
    expect(each.recall).toBeGreaterThanOrEqual(0.99)
    expect(each.graphRecall).toBeGreaterThan(0.9)
    expect(Math.min(each.plannedUs, each.exactUs, each.graphUs)).toBeGreaterThan(0)
    expect(each.overBest).toBeCloseTo(each.plannedUs / Math.min(each.exactUs, each.graphUs), 10)
  }
  expect(figures[1]!.plan).toBe('scan')
  expect(figures[2]!.candidates).toBe(300)
})
