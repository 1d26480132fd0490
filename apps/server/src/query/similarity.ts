import {
  assert,
  isDense,
  isMulti,
  isSparse,
  isSparseSpace,
  type Metric,
  rowsOf,
  type SpaceParams,
  spaceProblem,
  type VectorValue,
} from '@meridian/core'
import { maxSim, score, sparseDot } from '@meridian/index'
import type { Collection } from '@meridian/replica'
import { comparedForm } from '../schema/vector.js'
import { type Direction, directionOf } from './hit.js'
import type { Target } from './plan.js'

/*
 * How vectors of a space are compared, whatever their form. All are values of that space as they are compared.
 */

/** How alike two vectors are, as a float32: larger is more alike whatever the metric. */
export type Similarity = (a: VectorValue, b: VectorValue) => number

/** Score of a nearest query; `undefined` when the value is no match at all: a sparse one that shares no index. */
export type NearestScoring = (query: VectorValue, value: VectorValue) => number | undefined

type DenseSimilarity = (a: Float32Array, b: Float32Array) => number

const negativeSquare: DenseSimilarity = (a, b) => {
  let sum = 0
  for (let i = 0; i < a.length; i++) {
    const gap = a[i]! - b[i]!
    sum += gap * gap
  }
  return Math.fround(-sum)
}

/**
 * What the queries with several examples compare by, as Qdrant has it: the product for `Cosine` (both sides are normalised) and
 * `Dot`, the negative squared distance for `Euclid`, the negative distance for `Manhattan`.
 */
export const SIMILARITIES: Readonly<Record<Metric, DenseSimilarity>> = {
  Cosine: (a, b) => score('Dot', a, b),
  Dot: (a, b) => score('Dot', a, b),
  Euclid: negativeSquare,
  Manhattan: (a, b) => -score('Manhattan', a, b),
}

/** As `SIMILARITIES`; of multivectors the sum, over the rows of the first, of the best row of the second. */
export const similarityIn = (params: SpaceParams): Similarity => {
  if (isSparseSpace(params)) return (a, b) => productOf(a, b) ?? 0
  const ofRows = SIMILARITIES[params.metric]
  if (params.multi === undefined)
    return (a, b) => {
      assert(isDense(a) && isDense(b), 'a dense space holds dense vectors')
      return ofRows(a, b)
    }
  return (a, b) => {
    assert(isMulti(a) && isMulti(b), 'a space of multivectors holds these')
    const others = rowsOf(b)
    const best = (row: Float32Array): number =>
      others.reduce((most, other) => Math.max(most, ofRows(row, other)), -Infinity)
    return Math.fround(rowsOf(a).reduce((sum, row) => sum + best(row), 0))
  }
}

export const nearestScoring = (params: SpaceParams): NearestScoring => {
  if (isSparseSpace(params)) return productOf
  // Of compared forms, so that `Cosine` need not be normalised again.
  const metric = params.metric === 'Cosine' ? 'Dot' : params.metric
  return (a, b) => {
    if (isMulti(a) && isMulti(b)) return maxSim(metric, a, b)
    assert(isDense(a) && isDense(b), 'the vectors of a space are of one form')
    return score(metric, a, b)
  }
}

const productOf = (a: VectorValue, b: VectorValue): number | undefined => {
  assert(isSparse(a) && isSparse(b), 'a sparse space holds sparse vectors')
  return sparseDot(a, b)
}

/** Which of two scores of a nearest query is the better one. */
export const directionIn = (params: SpaceParams): Direction =>
  isSparseSpace(params) ? 'larger' : directionOf(params.metric)

/** The record's vector, if it has one that can be compared with others of the space: other regions may send any. */
export const comparable = (
  collection: Collection,
  ordinal: number,
  { space, params }: Target,
): VectorValue | undefined => {
  const value = collection.vector(ordinal, space)
  return value === undefined || spaceProblem(params, value) !== undefined ? undefined : comparedForm(params, value)
}

/** A sigmoid without an exponent; from -1 to 1, both exclusive. */
export const fastSigmoid = (x: number): number => x / (1 + Math.abs(x))

/** The same, from 0 to 1. */
export const scaledSigmoid = (x: number): number => 0.5 * (fastSigmoid(x) + 1)
