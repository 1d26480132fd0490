import { assert, type VectorParams } from '@meridian/core'
import { type GraphShape, SQUARED_NORM_MAX, squaredNorm } from './graph.js'
import type { Point } from './native-graph.js'
import { isQuantized, Quantizer } from './quantizer.js'
import type { Rows } from './rows.js'

/** Of the squared norms, this share decides the ceiling; beyond four times that, a vector is an outlier. */
const QUANTILE = 0.999
const OUTLIER_FACTOR = 4
/** Room for vectors that come later. */
const HEADROOM = 1.2
/** Queries lie further from augmented vectors than these from one another: a walk must be wider for the same recall. */
const DOT_EF_FACTOR = 3

/**
 * How a space's vectors are laid into its graph. Walking by inner product leaves vectors that nothing leads to (measured:
 * recall stuck at 0.93 whatever the ef, on images), so `Dot` gets a dimension more, `sqrt(ceiling - |x|²)`, in which the
 * nearest by Euclid are those of the largest product. (Bachrach et al., "Speeding up the Xbox recommender system using a
 * Euclidean transformation for inner-product spaces", 2014.) `Cosine` vectors arrive normalised: the nearest by Euclid are those
 * of the largest cosine, and a sum of squares can be given up once it is too large, which a product cannot. A vector that could not
 * be normalised has no direction and would lie nearer than it is: it stays outside.
 */
export class Embedding {
  readonly shape: GraphShape
  readonly #isAugmented: boolean
  readonly #isDirected: boolean
  readonly #scratch: Float32Array
  readonly #codes: Int8Array

  /** `ceiling` is the largest squared norm that fits. */
  constructor(
    params: VectorParams,
    readonly ceiling: number,
    /** Of a graph of codes. */
    readonly quantizer?: Quantizer,
  ) {
    assert(params.metric !== 'Manhattan', 'hnswlib does not know the metric')
    this.#isAugmented = params.metric === 'Dot'
    const dims = params.size + (this.#isAugmented ? 1 : 0)
    this.#isDirected = params.metric === 'Cosine'
    this.shape = { dims, distance: 'l2', hnsw: params.hnsw, ...(quantizer && { bytes: true }) }
    this.#codes = new Int8Array(quantizer ? dims : 0)
    this.#scratch = new Float32Array(dims)
  }

  /** With a ceiling that suits the rows there are. */
  static over(params: VectorParams, rows: Rows): Embedding {
    if (isQuantized(params))
      return new Embedding(params, SQUARED_NORM_MAX, Quantizer.over(rows, params.quantization!.quantile))
    if (params.metric !== 'Dot') return new Embedding(params, SQUARED_NORM_MAX)
    const norms = Float64Array.from(rows.taken(), (row) => squaredNorm(rows.vectorAt(row)))
    const sane = norms.filter((norm) => norm < SQUARED_NORM_MAX).sort()
    const bound = OUTLIER_FACTOR * (sane[Math.floor((sane.length - 1) * QUANTILE)] ?? 0)
    const largest = sane.findLast((norm) => norm <= bound) ?? 0
    return new Embedding(params, Math.min(SQUARED_NORM_MAX, Math.max(largest * HEADROOM, 1e-6)))
  }

  /** `never`: no graph can hold it. `later`: one built anew might. */
  fits(vector: Float32Array): 'now' | 'later' | 'never' {
    const norm = squaredNorm(vector)
    if (this.#isDirected && norm < 0.5) return 'never'
    return norm < this.ceiling ? 'now' : norm < SQUARED_NORM_MAX ? 'later' : 'never'
  }

  /** What the graph holds for it; valid until the next call. */
  row(vector: Float32Array): Point {
    if (this.quantizer) return this.quantizer.encode(vector, this.#codes)
    if (!this.#isAugmented) return vector
    this.#scratch.set(vector)
    this.#scratch[vector.length] = Math.sqrt(Math.max(0, this.ceiling - squaredNorm(vector)))
    return this.#scratch
  }

  /** As `row`, for what is looked for. */
  query(vector: Float32Array): Point {
    if (this.quantizer) return this.quantizer.encode(vector, this.#codes)
    if (!this.#isAugmented) return vector
    this.#scratch.set(vector)
    this.#scratch[vector.length] = 0
    return this.#scratch
  }

  /** The vector behind what the graph holds. */
  original(row: Float32Array): Float32Array {
    return this.#isAugmented ? row.subarray(0, row.length - 1) : row
  }

  ef(ef: number): number {
    return this.#isAugmented ? ef * DOT_EF_FACTOR : ef
  }
}
