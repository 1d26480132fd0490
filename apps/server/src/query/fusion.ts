import type { PointId } from '@meridian/core'
import { byScore, type Hit } from './hit.js'

/** How lists of hits become one list. */
export type Fusion =
  | {
      readonly kind: 'rrf'
      /** Dampens the top ranks; at least 1. */
      readonly k: number
      /** One a list; `undefined`: all alike. */
      readonly weights: readonly number[] | undefined
    }
  | { readonly kind: 'dbsf' }

export const RRF_K_DEFAULT = 2

/** All points of all lists, best first. */
export const fuse = (lists: readonly (readonly Hit[])[], fusion: Fusion): Hit[] => {
  const sums = new Map<PointId, number>()
  const add = (id: PointId, score: number): void => void sums.set(id, (sums.get(id) ?? 0) + score)
  lists.forEach((list, at) => {
    const normalized = fusion.kind === 'dbsf' ? normalize(list) : []
    list.forEach(({ id }, rank) => {
      add(id, fusion.kind === 'dbsf' ? normalized[rank]! : rankScore(rank, fusion.k, fusion.weights?.[at] ?? 1))
    })
  })
  return Array.from(sums, ([id, sum]) => ({ id, score: Math.fround(sum) })).sort(byScore('larger'))
}

/**
 * Reciprocal rank fusion (Cormack, Clarke and Buettcher, 2009). A weight w makes rank r count like rank r / w; `rank` is from 0.
 */
const rankScore = (rank: number, k: number, weight: number): number =>
  weight <= 0 ? 0 : 1 / ((rank + 1) / weight + k - 1)

/** Distribution-based: three standard deviations around the mean become 0 to 1. Scores without a spread are all one half. */
const normalize = (list: readonly Hit[]): number[] => {
  // Welford's one pass: exactly 0 for equal scores.
  let mean = 0
  let squares = 0
  list.forEach(({ score }, i) => {
    const before = score - mean
    mean += before / (i + 1)
    squares += before * (score - mean)
  })
  const reach = list.length < 2 ? 0 : 3 * Math.sqrt(squares / (list.length - 1))
  const low = Math.fround(mean - reach)
  const high = Math.fround(mean + reach)
  return list.map(({ score }) => (low === high ? 0.5 : (score - low) / (high - low)))
}
