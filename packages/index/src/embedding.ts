import { assert, HALF_MAX, type VectorParams } from '@meridian/core'
import { DirectionSigns } from './direction-signs.js'
import { fitsGraph, type GraphShape, SQUARED_NORM_MAX, squaredNorm } from './graph.js'
import type { Point } from './native-graph.js'
import { formOf } from './number-form.js'
import { extraCodes, quantileOf, Quantizer } from './quantizer.js'
import type { Rows } from './rows.js'
import { normalize } from './scoring.js'

/** Of the squared norms, this share decides the ceiling; beyond four times that, a vector is an outlier. */
const QUANTILE = 0.999
const OUTLIER_FACTOR = 4
/** Room for vectors that come later. */
const HEADROOM = 1.2
const CEILING_MIN = 1e-6
/** A walk for the largest product is so much wider: queries lie further from vectors of a graph than these from one another. */
const DOT_EF_FACTOR = 3
/** Most that it is, of a few long vectors among many short ones. */
const DOT_EF_FACTOR_MAX = 12
/** Where the ceiling is so many times the mean of all, the walk begins to be wider yet. */
const EVEN_RATIO = 3
/** Lengths are alike where no squared one is less than this share of the ceiling: within a tenth of one another. */
const ALIKE_SHARE = 0.675
/** Rounding to halves changes a number by 2^-11 of it at most, and the square of a length by twice that share. */
const UNIT_DEVIATION_MAX = 2e-3

/** Numbers beside a vector's own in a graph of whole vectors of unlike lengths. */
export const extraNumbers = (size: number): number => Math.min(size, 32)

/** How long the vectors of a graph are. Of other metrics than `Dot`, all that counts is that squares stay finite. */
export interface Lengths {
  /** Squared; nothing longer fits. */
  readonly ceiling: number
  /** The mean square of all, where those of a `Dot` space are unlike; 0 where they are alike, and nothing much shorter fits. */
  readonly mean: number
}

/**
 * How a space's vectors, as they are stored, are laid into its graph. `Cosine` vectors of floats are normalised: the nearest by Euclid are those of the largest
 * cosine, and a sum of squares can be given up once it is too large, which a product cannot. A vector that could not be normalised has
 * no direction and would lie nearer than it is: it stays outside. A graph of smaller numbers holds them as they came: halves have about that length, and what has not stays outside;
 * integers are compared by their cosine.
 *
 * Walking by inner product leaves vectors that nothing leads to. So `Dot` vectors get numbers beside their own, whose squares add up to
 * `ceiling - |x|²`, and queries zeros: then the nearest by Euclid are those of the largest product. (Bachrach et al., "Speeding up the
 * Xbox recommender system using a Euclidean transformation for inner-product spaces", 2014.) What they are is free, and decides which
 * vectors are linked (ADR 12):
 *  - Lengths alike: one number.
 *  - Unlike: as one number they would draw short vectors together, whatever their direction, and away from the long ones, which are
 *    what is looked for, and which nothing leads to then. They are signs of the direction, which agree where directions do.
 *
 * Codes have one range for all dimensions, which one number would widen many times over: there are always several. The squares of codes
 * have the same sum for all vectors, whatever rounding did. A query finds the same whatever its length: it is stretched until it
 * fills the range.
 */
export class Embedding {
  readonly shape: GraphShape
  readonly #isAugmented: boolean
  readonly #isDirected: boolean
  readonly #isUnit: boolean
  readonly #signs: DirectionSigns | undefined
  readonly #scratch: Float32Array
  readonly #codes: Int8Array

  constructor(
    readonly params: VectorParams,
    readonly lengths: Lengths,
    /** Of a graph of codes. */
    readonly quantizer?: Quantizer,
  ) {
    const { size, metric, hnsw } = params
    assert(metric !== 'Manhattan', 'hnswlib does not know the metric')
    this.#isAugmented = metric === 'Dot'
    this.#isDirected = metric === 'Cosine'
    const isSigned = lengths.mean > 0
    const extra = !this.#isAugmented ? 0 : quantizer ? extraCodes(size) : isSigned ? extraNumbers(size) : 1
    const dims = size + extra
    const form = formOf(params)
    this.#isUnit = this.#isDirected && quantizer === undefined && form === 'float16'
    const isPacked = quantizer === undefined && form !== 'float32'
    const packed = isPacked && { packed: { numbers: form, floats: extra, isDirected: this.#isDirected } }
    this.shape = { dims, distance: 'l2', hnsw, ...(quantizer && { bytes: true }), ...packed }
    this.#signs = isSigned ? new DirectionSigns(size, extra) : undefined
    this.#codes = new Int8Array(quantizer ? dims : 0)
    this.#scratch = new Float32Array(dims)
  }

  /** With lengths, and a range of codes, that suit the rows there are. */
  static over(params: VectorParams, rows: Rows): Embedding {
    const lengths = params.metric === 'Dot' ? lengthsOver(rows) : { ceiling: SQUARED_NORM_MAX, mean: 0 }
    const quantile = quantileOf(params)
    if (quantile === undefined) return new Embedding(params, lengths)
    const quantizer = Quantizer.over(rows, quantile)
    if (params.metric !== 'Dot') return new Embedding(params, lengths, quantizer)
    return new Embedding(params, lengths, quantizer.around(Math.sqrt(lengths.ceiling / extraCodes(params.size))))
  }

  /** `never`: no graph can hold it. `later`: one built anew might. */
  fits(vector: Float32Array): 'now' | 'later' | 'never' {
    const norm = squaredNorm(vector)
    if (this.#isDirected && norm < 0.5) return 'never'
    if (this.#isUnit && Math.abs(norm - 1) > UNIT_DEVIATION_MAX) return 'never'
    const { ceiling, mean } = this.lengths
    if (!(norm < SQUARED_NORM_MAX)) return 'never'
    const isTooShort = this.#isAugmented && mean === 0 && norm < ceiling * ALIKE_SHARE
    return norm < ceiling && !isTooShort ? 'now' : 'later'
  }

  /** What the graph holds for it; valid until the next call. */
  row(vector: Float32Array): Point {
    if (!this.#isAugmented) return this.#plain(vector, this.shape.packed === undefined)
    const { ceiling } = this.lengths
    const { size } = this.params
    const row = this.#scratch
    row.set(vector)
    if (this.#signs) this.#signs.write(row)
    else row.fill(1, size)
    if (this.quantizer) return this.quantizer.encodeAround(row, size, ceiling, this.#codes)
    const magnitude = Math.sqrt(Math.max(0, ceiling - squaredNorm(vector)) / (row.length - size))
    for (let i = size; i < row.length; i++) row[i]! *= magnitude
    return row
  }

  /** Whether the graph can be asked for it: what is finite, and not beyond the numbers that it holds. */
  asks(query: Float32Array): boolean {
    if (!fitsGraph(query)) return false
    const { packed } = this.shape
    if (packed === undefined) return true
    const [low, high] = packed.numbers === 'uint8' ? [0, 255] : [-HALF_MAX, HALF_MAX]
    return query.every((number) => number >= low && number <= high)
  }

  /** As `row`, for what is looked for, as it came. */
  query(vector: Float32Array): Point {
    if (!this.#isAugmented) return this.#plain(vector, this.shape.packed === undefined || this.#isUnit)
    this.#scratch.set(vector)
    this.#scratch.fill(0, vector.length)
    if (this.quantizer === undefined) return this.#scratch
    stretch(this.#scratch, this.quantizer.reach)
    return this.quantizer.encode(this.#scratch, this.#codes)
  }

  /** A graph of smaller numbers has the vectors of rows as they came. */
  #plain(vector: Float32Array, isNormalized: boolean): Point {
    const compared = this.#isDirected && isNormalized ? normalize(vector) : vector
    return this.quantizer?.encode(compared, this.#codes) ?? compared
  }

  /** The vector behind what the graph holds. */
  original(row: Float32Array): Float32Array {
    return row.subarray(0, this.params.size)
  }

  ef(ef: number): number {
    if (!this.#isAugmented) return ef
    const { ceiling, mean } = this.lengths
    const wider = mean === 0 ? 1 : Math.max(1, ceiling / mean / EVEN_RATIO)
    return Math.ceil(ef * Math.min(DOT_EF_FACTOR_MAX, DOT_EF_FACTOR * wider))
  }
}

/** The ceiling is above nearly all squared norms, and a little more. */
const lengthsOver = (rows: Rows): Lengths => {
  const norms = Float64Array.from(rows.taken(), (row) => squaredNorm(rows.vectorAt(row)))
  const sane = norms.filter((norm) => norm < SQUARED_NORM_MAX).sort()
  const atShare = (share: number): number => sane[Math.floor((sane.length - 1) * share)] ?? 0
  const bound = OUTLIER_FACTOR * atShare(QUANTILE)
  const largest = sane.findLast((norm) => norm <= bound) ?? 0
  const ceiling = Math.min(SQUARED_NORM_MAX, Math.max(largest * HEADROOM, CEILING_MIN))
  if (atShare(1 - QUANTILE) >= ceiling * ALIKE_SHARE) return { ceiling, mean: 0 }
  let sum = 0
  for (const norm of sane) sum += Math.min(norm, ceiling)
  return { ceiling, mean: Math.max(sum / Math.max(1, sane.length), Number.MIN_VALUE) }
}

/** In place, until its largest number is `reach`. */
const stretch = (vector: Float32Array, reach: number): void => {
  let largest = 0
  for (const number of vector) largest = Math.max(largest, Math.abs(number))
  if (largest === 0) return
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i]! / largest) * reach
}
