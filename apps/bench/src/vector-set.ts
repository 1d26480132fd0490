import type { Metric } from '@meridian/core'
import { dataSet } from './data-set.js'

/** Vectors to index and to ask for, of one length. */
export interface VectorSet {
  readonly name: string
  readonly metric: Metric
  readonly dims: number
  readonly vectors: readonly Float32Array[]
  readonly queries: readonly Float32Array[]
}

/**
 * A real data set of `shared/data` beside the repository, its first `count` vectors.
 * @throws Error that says what is missing
 */
export const vectorSet = async (name: string, count: number, queries: number): Promise<VectorSet> => {
  const set = await dataSet(name)
  if (count > set.count) throw new Error(`--count ${count}: the set has ${set.count} vectors`)
  const rows = (all: Float32Array, many: number): Float32Array[] =>
    Array.from({ length: many }, (_, i) => all.slice(i * set.dims, (i + 1) * set.dims))
  return {
    name,
    metric: set.metric === 'l2' ? 'Euclid' : 'Cosine',
    dims: set.dims,
    vectors: rows(set.vectors, count),
    queries: rows(set.queries, Math.min(queries, set.queryCount)),
  }
}
