/** How fast an engine answers with one setting, and how well. */
export interface SweepPoint {
  readonly ef: number
  readonly recall: number
  readonly perSecond: number
}

/**
 * Queries a second at exactly that recall: between the last point below it and the first that reaches it, on the straight line of
 * the speed's logarithm over the recall. `undefined` if no point reaches it, or if already the first is past it: what lies outside the
 * sweep was not measured.
 */
export const speedAt = (points: readonly SweepPoint[], recall: number): number | undefined => {
  const sorted = [...points].sort((a, b) => a.ef - b.ef)
  const above = sorted.findIndex((point) => point.recall >= recall)
  const right = sorted[above]
  if (right === undefined) return undefined
  if (right.recall === recall) return right.perSecond
  const left = sorted[above - 1]
  if (left === undefined) return undefined
  const share = (recall - left.recall) / (right.recall - left.recall)
  return Math.exp(Math.log(left.perSecond) * (1 - share) + Math.log(right.perSecond) * share)
}

/** Of an odd or even number of values; `values` must not be empty. */
export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}
