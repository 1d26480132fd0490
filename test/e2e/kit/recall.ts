import type { ScoredPoint } from '@meridian/client'
import type { Truth } from './shared.js'

export type Distance = 'Euclid' | 'Cosine'

/** Smaller is nearer, in double precision: Euclidean, or 1 - cos. */
export const distance = (metric: Distance, a: Float32Array, b: Float32Array): number => {
  let dot = 0
  let aa = 0
  let bb = 0
  let square = 0
  for (let i = 0; i < a.length; i++) {
    const x = a[i]!
    const y = b[i]!
    dot += x * y
    aa += x * x
    bb += y * y
    square += (x - y) * (x - y)
  }
  return metric === 'Euclid' ? Math.sqrt(square) : 1 - dot / Math.sqrt(aa * bb)
}

/** The distances of the nearest `k` of some vectors to a query, ascending. */
export const nearestDistances = (
  metric: Distance,
  query: Float32Array,
  vectors: Iterable<Float32Array>,
  k: number,
): number[] =>
  [...vectors]
    .map((vector) => distance(metric, query, vector))
    .toSorted((a, b) => a - b)
    .slice(0, k)

/** The distances of a stored truth's nearest `k` to one query, ascending. */
export const truthDistances = (truth: Truth, query: number, k: number): number[] =>
  Array.from(truth.distances.subarray(query * truth.k, query * truth.k + Math.min(k, truth.k)))

/**
 * Scores by distance: a hit counts when it is no farther than the last of the true neighbours, whichever of several at that
 * distance it is. Hits are measured by their vectors, never by the score that came with them.
 */
export class Recall {
  #found = 0
  #expected = 0
  readonly #metric: Distance

  constructor(metric: Distance) {
    this.#metric = metric
  }

  /** @param nearest  true distances, ascending: as many as hits are expected */
  add(query: Float32Array, nearest: readonly number[], hits: readonly ScoredPoint[], vectorOf: VectorOf): void {
    const ids = new Set(hits.map((hit) => hit.id))
    if (ids.size !== hits.length) throw new Error(`an id is found twice: ${hits.map((hit) => hit.id)}`)
    if (hits.length > nearest.length) throw new Error(`${hits.length} hits where there are ${nearest.length}`)
    const last = nearest.at(-1) ?? 0
    const bound = last + 1e-5 * Math.max(1, last)
    this.#expected += nearest.length
    this.#found += hits.filter((hit) => distance(this.#metric, query, vectorOf(hit.id)) <= bound).length
  }

  /** 0 to 1. */
  get value(): number {
    return this.#found / this.#expected
  }
}

export type VectorOf = (id: number | bigint | string) => Float32Array
