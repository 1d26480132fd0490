import type { Metric } from '@meridian/core'
import { score } from '@meridian/index'

/** How alike two vectors are, as a float32: larger is more alike whatever the metric. Both are stored forms. */
export type Similarity = (a: Float32Array, b: Float32Array) => number

const negativeSquare: Similarity = (a, b) => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2
  return Math.fround(-sum)
}

/**
 * What the queries with several examples compare by, as Qdrant has it: the product for `Cosine` (both sides are normalised) and
 * `Dot`, the negative squared distance for `Euclid`, the negative distance for `Manhattan`.
 */
export const SIMILARITIES: Readonly<Record<Metric, Similarity>> = {
  Cosine: (a, b) => score('Dot', a, b),
  Dot: (a, b) => score('Dot', a, b),
  Euclid: negativeSquare,
  Manhattan: (a, b) => -score('Manhattan', a, b),
}

/** Score of a nearest query: of stored forms, so that `Cosine` need not be normalised again. */
export const nearestScore = (metric: Metric, a: Float32Array, b: Float32Array): number =>
  score(metric === 'Cosine' ? 'Dot' : metric, a, b)

/** A sigmoid without an exponent; from -1 to 1, both exclusive. */
export const fastSigmoid = (x: number): number => x / (1 + Math.abs(x))

/** The same, from 0 to 1. */
export const scaledSigmoid = (x: number): number => 0.5 * (fastSigmoid(x) + 1)
