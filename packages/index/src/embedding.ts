import { assert, type VectorParams } from '@meridian/core'
import { type GraphShape, SQUARED_NORM_MAX, squaredNorm } from './graph.js'
import type { Point } from './native-graph.js'
import { codesOf, extraCodes, isWhole, quantileOf, Quantizer } from './quantizer.js'
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
 *
 * Codes have one range for all dimensions, which the one more would widen many times over. So it is spread over an eighth as many as
 * there are, of equal squares that have the same sum. A query finds the same whatever its length: it is stretched until it fills
 * the range.
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
    const dims = quantizer ? codesOf(params) : params.size + (this.#isAugmented ? 1 : 0)
    this.#isDirected = params.metric === 'Cosine'
    this.shape = { dims, distance: 'l2', hnsw: params.hnsw, ...(quantizer && { bytes: true }) }
    this.#codes = new Int8Array(quantizer ? dims : 0)
    this.#scratch = new Float32Array(dims)
  }

  /** With a ceiling, and a range of codes, that suit the rows there are. */
  static over(params: VectorParams, rows: Rows): Embedding {
    const ceiling = params.metric === 'Dot' ? ceilingOver(rows) : SQUARED_NORM_MAX
    const quantile = quantileOf(params)
    if (quantile === undefined) return new Embedding(params, ceiling)
    if (isWhole(params)) return new Embedding(params, ceiling, Quantizer.INTEGERS)
    const quantizer = Quantizer.over(rows, quantile)
    if (params.metric !== 'Dot') return new Embedding(params, ceiling, quantizer)
    return new Embedding(params, ceiling, quantizer.around(Math.sqrt(ceiling / extraCodes(params.size))))
  }

  /** `never`: no graph can hold it. `later`: one built anew might. */
  fits(vector: Float32Array): 'now' | 'later' | 'never' {
    if (this.quantizer?.isWhole && !this.quantizer.holds(vector)) return 'never'
    const norm = squaredNorm(vector)
    if (this.#isDirected && norm < 0.5) return 'never'
    return norm < this.ceiling ? 'now' : norm < SQUARED_NORM_MAX ? 'later' : 'never'
  }

  /** What the graph holds for it; valid until the next call. */
  row(vector: Float32Array): Point {
    if (!this.#isAugmented) return this.#coded(vector)
    const extra = this.#scratch.length - vector.length
    this.#scratch.set(vector)
    this.#scratch.fill(Math.sqrt(Math.max(0, this.ceiling - squaredNorm(vector)) / extra), vector.length)
    return this.#coded(this.#scratch)
  }

  /** As `row`, for what is looked for. */
  query(vector: Float32Array): Point {
    if (!this.#isAugmented) return this.#coded(vector)
    this.#scratch.set(vector)
    this.#scratch.fill(0, vector.length)
    if (this.quantizer) stretch(this.#scratch, this.quantizer.reach)
    return this.#coded(this.#scratch)
  }

  #coded(vector: Float32Array): Point {
    return this.quantizer?.encode(vector, this.#codes) ?? vector
  }

  /** The vector behind what the graph holds. */
  original(row: Float32Array): Float32Array {
    return this.#isAugmented ? row.subarray(0, row.length - 1) : row
  }

  ef(ef: number): number {
    return this.#isAugmented ? ef * DOT_EF_FACTOR : ef
  }
}

/** Above nearly all squared norms, and a little more. */
const ceilingOver = (rows: Rows): number => {
  const norms = Float64Array.from(rows.taken(), (row) => squaredNorm(rows.vectorAt(row)))
  const sane = norms.filter((norm) => norm < SQUARED_NORM_MAX).sort()
  const bound = OUTLIER_FACTOR * (sane[Math.floor((sane.length - 1) * QUANTILE)] ?? 0)
  const largest = sane.findLast((norm) => norm <= bound) ?? 0
  return Math.min(SQUARED_NORM_MAX, Math.max(largest * HEADROOM, 1e-6))
}

/** In place, until its largest number is `reach`. */
const stretch = (vector: Float32Array, reach: number): void => {
  let largest = 0
  for (const number of vector) largest = Math.max(largest, Math.abs(number))
  if (largest === 0) return
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i]! / largest) * reach
}
