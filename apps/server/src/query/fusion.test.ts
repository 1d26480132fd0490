import { expect, test } from 'vitest'
import { fuse } from './fusion.js'
import type { Hit } from './hit.js'

const list = (...ids: number[]): Hit[] => ids.map((id, i) => ({ id, score: 1 - i / 10 }))
const rounded = (hits: Hit[]) => hits.map(({ id, score }) => [id, Math.round(score * 1e6) / 1e6])

test('[QY12] reciprocal ranks add up; equal sums go by id', () => {
  const lists = [list(2, 1), list(1, 2, 3), list(5, 3, 1)]
  const fused = fuse(lists, { kind: 'rrf', k: 2, weights: undefined })
  expect(rounded(fused)).toEqual([
    [1, 1.083333],
    [2, 0.833333],
    [3, 0.583333],
    [5, 0.5],
  ])
  expect(rounded(fuse([list(9), list(4)], { kind: 'rrf', k: 60, weights: undefined }))).toEqual([
    [4, 0.016667],
    [9, 0.016667],
  ])
})

test('[QY12] a weight stretches the ranks of its list, and 0 silences it', () => {
  const lists = [list(1, 2), list(2, 1)]
  expect(rounded(fuse(lists, { kind: 'rrf', k: 2, weights: [3, 1] }))).toEqual([
    [2, 1.1],
    [1, 1.083333],
  ])
  expect(rounded(fuse(lists, { kind: 'rrf', k: 2, weights: [1, 0] }))).toEqual([
    [1, 0.5],
    [2, 0.333333],
  ])
})

test('[QY13] scores are placed within three deviations of their mean and summed', () => {
  const scores = [
    { id: 1, score: 3 },
    { id: 2, score: 2 },
    { id: 3, score: 1 },
  ]
  expect(rounded(fuse([scores, [{ id: 2, score: 99 }]], { kind: 'dbsf' }))).toEqual([
    [2, 1],
    [1, 0.666667],
    [3, 0.333333],
  ])
  const equal = scores.map(({ id }) => ({ id, score: 0.1 }))
  expect(rounded(fuse([equal], { kind: 'dbsf' }))).toEqual([
    [1, 0.5],
    [2, 0.5],
    [3, 0.5],
  ])
  expect(fuse([[], []], { kind: 'dbsf' })).toEqual([])
})
