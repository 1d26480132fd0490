import { expect, test } from 'vitest'
import { httpSet } from './http-set.js'
import { vectorOf } from './http.js'
import type { TruthSet } from './truth-set.js'

test('[BN27] a set is searched over HTTP with the least ef that reaches the recall, and what came over HTTP is what counts', async () => {
  const [dims, count, queryCount] = [8, 400, 20]
  const flat = (from: number, rows: number): Float32Array =>
    Float32Array.from(Array.from({ length: rows }, (_, i) => vectorOf(from + i, dims)).flat())
  const [vectors, queries] = [flat(0, count), flat(1000, queryCount)]
  const distance = (query: number, row: number): number =>
    Math.hypot(...Array.from({ length: dims }, (_, i) => queries[query * dims + i]! - vectors[row * dims + i]!))
  const tenth = Float64Array.from(
    { length: queryCount },
    (_, query) => Array.from({ length: count }, (_, row) => distance(query, row)).sort((a, b) => a - b)[9]!,
  )
  const set: TruthSet = { name: 'made', metric: 'Euclid', dims, count, queryCount, vectors, queries, tenth }
  const plan = { recall: 0.99, connections: 2, seconds: 0.3, warmUpSeconds: 0.1, rounds: 1 }
  const figures = await httpSet(set, plan)
  expect(figures).toMatchObject({ rows: count, httpRecall: 1 })
  expect(figures.indexRecall).toBeGreaterThanOrEqual(0.99)
  expect(figures.ofIndex).toBeCloseTo(figures.httpPerSecond / figures.indexPerSecond)
  expect(figures.p99Ms).toBeGreaterThanOrEqual(figures.p50Ms)
  expect(figures.regionMs.main).toBeGreaterThanOrEqual(0)

  const impossible = { ...set, tenth: new Float64Array(queryCount).fill(-1) }
  await expect(httpSet(impossible, plan)).rejects.toThrow('does not reach a recall of 0.99')
}, 120_000)
