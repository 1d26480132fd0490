import type { VectorValue } from '@meridian/core'
import type { Hit } from './hit.js'
import type { Pacer } from './pacer.js'
import type { Similarity } from './similarity.js'

export interface Candidate {
  readonly hit: Hit
  readonly vector: VectorValue
}

/**
 * Maximal marginal relevance (Carbonell and Goldstein, 1998): takes, again and again, the candidate that is most like the
 * query and least like what was taken: `lambda * relevance - (1 - lambda) * likeness`. Ties go to the earlier candidate.
 * Hits keep their scores. `limit` times the candidates are compared.
 */
export const diversify = async (
  candidates: readonly Candidate[],
  query: VectorValue,
  similarity: Similarity,
  lambda: number,
  limit: number,
  pacer: Pacer,
): Promise<Hit[]> => {
  const relevance = candidates.map(({ vector }) => similarity(query, vector))
  const likeness = new Float64Array(candidates.length).fill(-Infinity)
  const left = new Set(candidates.keys())
  const taken: Hit[] = []
  while (taken.length < limit && left.size > 0) {
    if (pacer.isDue) await pacer.pause()
    let best = -1
    let bestValue = -Infinity
    for (const i of left) {
      const value = taken.length === 0 ? relevance[i]! : lambda * relevance[i]! - (1 - lambda) * likeness[i]!
      if (best === -1 || value > bestValue) {
        best = i
        bestValue = value
      }
    }
    left.delete(best)
    const { hit, vector } = candidates[best]!
    taken.push(hit)
    for (const i of left) likeness[i] = Math.max(likeness[i]!, similarity(vector, candidates[i]!.vector))
  }
  return taken
}
