import type { VectorValue } from '@meridian/core'
import type { ExampleScoring } from './plan.js'

/** A result that somebody judged. */
export interface Judged {
  readonly vector: VectorValue
  readonly score: number
}

/** Trained for a pair of models: weight of the target, exponent of a pair's confidence, weight of a pair. */
export interface Coefficients {
  readonly a: number
  readonly b: number
  readonly c: number
}

const PAIRS_MAX = 3

/** Relevance feedback: the best judged results pull and the worst push, in pairs from the outside in. */
export const feedbackScoring = (
  target: VectorValue,
  judged: readonly Judged[],
  { a, b, c }: Coefficients,
): ExampleScoring => {
  const ranked = [...judged].sort((one, other) => other.score - one.score)
  const count = Math.min(PAIRS_MAX, Math.floor(ranked.length / 2))
  const pairs = ranked.slice(0, count).map((best, i) => {
    const worst = ranked[ranked.length - 1 - i]!
    return { best: best.vector, worst: worst.vector, weight: (best.score - worst.score) ** b * c }
  })
  return (similarity) => {
    let score = a * similarity(target)
    for (const { best, worst, weight } of pairs) score += weight * (similarity(best) - similarity(worst))
    return score
  }
}
