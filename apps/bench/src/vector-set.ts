import { existsSync } from 'node:fs'
import type { Metric } from '@meridian/core'

/** Vectors to index and to ask for, of one length. */
export interface VectorSet {
  readonly name: string
  readonly metric: Metric
  readonly dims: number
  readonly vectors: readonly Float32Array[]
  readonly queries: readonly Float32Array[]
}

/** What the loader beside the data sets gives. */
interface Loaded {
  readonly metric: 'l2' | 'cosine'
  readonly dims: number
  readonly count: number
  readonly vectors: Float32Array
  readonly queryCount: number
  readonly queries: Float32Array
}

/**
 * A real data set of `shared/data` beside the repository, its first `count` vectors.
 * @throws Error that says what is missing
 */
export const vectorSet = async (name: string, count: number, queries: number): Promise<VectorSet> => {
  const folder = new URL('../../../../shared/data/', import.meta.url)
  const loader = new URL('load.mjs', folder)
  if (!existsSync(loader) || !existsSync(new URL(name, folder)))
    throw new Error(`--set ${name}: there is no such data set in shared/data beside the repository`)
  const { load } = (await import(loader.href)) as { load: (name: string) => Loaded }
  const set = load(name)
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
