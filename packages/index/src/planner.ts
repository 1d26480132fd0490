/**
 * What steps cost, in nanoseconds, measured on one core of a Zen 5 server over 200,000 vectors of 128 and 60,000 of 784 dimensions.
 * Only their ratios matter: machines differ less in these than in speed.
 */
export const COSTS = {
  /** Comparing with one row that is scanned. */
  row: 20,
  /** The same, for each dimension. */
  rowDim: 0.9,
  /** A walk, for each of its `ef` candidates. */
  step: 900,
  /** The same, for each dimension. */
  stepDim: 2.3,
  /** Marking one record that a filter allows. */
  mark: 15,
} as const

/** When a walk would look at more than this share of all vectors, a scan is no dearer and always right. */
const EF_SHARE_MAX = 0.125

/**
 * A filtered walk is this much wider than the default: where all matches lie far from the query it enters their part of the
 * graph at few places (measured: recall 0.975 at 64, 1 at 128).
 */
export const FILTERED_WIDTH = 2

/** How a search is done: everything that may match compared, or a walk of the graph, all of it or among what a filter allows. */
export type SearchPlan = 'scan' | 'graph' | 'filtered-graph'

export interface SearchFacts {
  readonly live: number
  /** Records that a filter allows; `undefined` without a filter. */
  readonly allowed: number | undefined
  readonly dims: number
  /** Candidates of a walk, at least the limit. */
  readonly ef: number
}

export const scanCost = ({ live, allowed, dims }: SearchFacts): number =>
  Math.min(live, allowed ?? live) * (COSTS.row + COSTS.rowDim * dims)

/** A filtered walk goes on until it has found `ef` that are allowed: it passes by the others. */
export const walkCost = ({ live, allowed, dims, ef }: SearchFacts): number => {
  const walk = ef * (COSTS.step + COSTS.stepDim * dims)
  if (allowed === undefined) return walk
  return allowed === 0 ? Number.POSITIVE_INFINITY : walk * Math.max(1, live / allowed) + allowed * COSTS.mark
}

/** The cheaper way, for a space that has a graph. */
export const planSearch = (facts: SearchFacts): SearchPlan => {
  if (facts.ef > facts.live * EF_SHARE_MAX || scanCost(facts) <= walkCost(facts)) return 'scan'
  return facts.allowed === undefined ? 'graph' : 'filtered-graph'
}
