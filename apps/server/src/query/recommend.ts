import type { VectorValue } from '@meridian/core'
import { badRequest } from '../http/errors.js'
import type { ExampleScoring } from './plan.js'
import { scaledSigmoid } from './similarity.js'
import { apart, meanOf } from './vector-average.js'

export interface Examples {
  readonly positive: readonly VectorValue[]
  readonly negative: readonly VectorValue[]
}

/** @throws StoreError `BAD_REQUEST` without a positive example. */
export const averageVector = ({ positive, negative }: Examples): VectorValue => {
  if (positive.length === 0) throw badRequest('At least one positive vector ID required with this strategy')
  const towards = meanOf(positive)
  return negative.length === 0 ? towards : apart(towards, meanOf(negative))
}

const refuseNothing = ({ positive, negative }: Examples): void => {
  if (positive.length + negative.length === 0)
    throw badRequest('At least one positive or negative vector ID required with this strategy')
}

/** The best match decides: a point nearest to a negative example ranks below all that are nearest to a positive one. */
export const bestScore = (examples: Examples): ExampleScoring => {
  refuseNothing(examples)
  return (similarity) => {
    const best = (vectors: readonly VectorValue[]): number =>
      vectors.reduce((most, vector) => Math.max(most, similarity(vector)), -Infinity)
    const liked = best(examples.positive)
    const disliked = best(examples.negative)
    return liked > disliked ? scaledSigmoid(liked) : -scaledSigmoid(disliked)
  }
}

/** Similarities to positive examples less those to negative ones. */
export const sumScores = (examples: Examples): ExampleScoring => {
  refuseNothing(examples)
  return (similarity) => {
    let sum = 0
    for (const vector of examples.positive) sum += similarity(vector)
    for (const vector of examples.negative) sum -= similarity(vector)
    return sum
  }
}
