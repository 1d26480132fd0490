import type { VectorValue } from '@meridian/core'
import type { ExampleScoring } from './plan.js'
import { fastSigmoid, scaledSigmoid } from './similarity.js'

/** A pair of examples that parts the space in two. */
export interface ContextPair {
  readonly positive: VectorValue
  readonly negative: VectorValue
}

/** One step of a float32 above 1: a point on the border between two examples is on the wrong side. */
const MARGIN = 1.1920928955078125e-7

/**
 * Nearest to the target within the zone of most pairs: the whole part counts pairs (+1 on the positive side, -1 on the
 * negative), the fraction is the similarity to the target squeezed into 0-1.
 */
export const discoverScoring =
  (target: VectorValue, pairs: readonly ContextPair[]): ExampleScoring =>
  (similarity) => {
    let rank = 0
    for (const { positive, negative } of pairs) rank += similarity(positive) > similarity(negative) ? 1 : -1
    return rank + scaledSigmoid(similarity(target))
  }

/** A loss: 0 in the zone where every pair's positive example is the nearer one, below it elsewhere; above -1 a pair. */
export const contextScoring =
  (pairs: readonly ContextPair[]): ExampleScoring =>
  (similarity) => {
    let loss = 0
    for (const { positive, negative } of pairs)
      loss += fastSigmoid(Math.min(similarity(positive) - similarity(negative) - MARGIN, 0))
    return loss
  }
