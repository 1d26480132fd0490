import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Metric } from '@meridian/core'
import { normalize } from '@meridian/index'
import { dataSet } from './data-set.js'

/** Hits asked of every engine. */
export const K = 10

/** A real data set with its exact neighbours. */
export interface TruthSet {
  readonly name: string
  readonly metric: Metric
  readonly dims: number
  readonly count: number
  readonly queryCount: number
  /** One after the other; of unit length if the metric is `Cosine`. */
  readonly vectors: Float32Array
  readonly queries: Float32Array
  /** By query, the true distance of the tenth: what is no farther is among the ten, so that ties cost nothing. */
  readonly tenth: Float64Array
}

/**
 * One of the sets that lie in `shared/data` beside the repository, whole or its first `limit` rows.
 * @throws Error if the set, or its truth for that many rows, is not on this machine
 */
export const truthSet = async (name: string, limit?: number): Promise<TruthSet> => {
  const set = await dataSet(name, { limit })
  const { dims, groundTruth: truth } = set
  if (truth === null) throw new Error(`--limit ${limit}: ${name} has no exact neighbours for so many rows`)
  const metric = set.metric === 'l2' ? 'Euclid' : 'Cosine'
  const tenth = Float64Array.from({ length: set.queryCount }, (_, i) => truth.distances[i * truth.k + K - 1]!)
  const unit = (rows: Float32Array): Float32Array => {
    if (metric === 'Cosine')
      for (let at = 0; at < rows.length; at += dims) rows.set(normalize(rows.subarray(at, at + dims)), at)
    return rows
  }
  const { count, queryCount } = set
  return { name, metric, dims, count, queryCount, vectors: unit(set.vectors), queries: unit(set.queries), tenth }
}

/** Share of the true ten that were found; `ids` holds ten a query, -1 for none. */
export const recallOf = (set: TruthSet, ids: readonly number[]): number => {
  let found = 0
  for (let query = 0; query < set.queryCount; query++) {
    const ten = new Set(ids.slice(query * K, (query + 1) * K))
    // As exact as the truth was written.
    const limit = set.tenth[query]! * (1 + 1e-5) + 1e-6
    for (const id of ten) if (id >= 0 && distanceOf(set, query, id) <= limit) found++
  }
  return found / (set.queryCount * K)
}

const distanceOf = ({ metric, dims, vectors, queries }: TruthSet, query: number, id: number): number => {
  let sum = 0
  for (let i = 0; i < dims; i++) {
    const a = queries[query * dims + i]!
    const b = vectors[id * dims + i]!
    sum += metric === 'Euclid' ? (a - b) * (a - b) : a * b
  }
  return metric === 'Euclid' ? Math.sqrt(sum) : 1 - sum
}

/** Lays vectors and queries down as bare float32, for engines in other processes. */
export const writeSet = async (set: TruthSet, directory: string): Promise<{ vectors: string; queries: string }> => {
  const files = { vectors: join(directory, 'vectors.f32'), queries: join(directory, 'queries.f32') }
  for (const kind of ['vectors', 'queries'] as const) {
    const { buffer, byteOffset, byteLength } = set[kind]
    await writeFile(files[kind], new Uint8Array(buffer, byteOffset, byteLength))
  }
  return files
}
