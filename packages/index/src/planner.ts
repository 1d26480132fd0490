/**
 * What steps cost, in nanoseconds, measured on one core of a Zen 5 server by `npm run bench -- filter`, rows out of the cache.
 * Only their ratios matter: machines differ less in these than in speed.
 */
export const COSTS = {
  /** Comparing with one row that is scanned. */
  row: 30,
  /** The same, for each dimension. */
  rowDim: 0.3,
  /** A walk, for each of its `ef` candidates. */
  step: 700,
  /** The same, for each dimension. */
  stepDim: 1.8,
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
  /** Of the `of` vectors nearest to the query, so many are allowed; `undefined` where nobody has looked. */
  readonly near?: { readonly hits: number; readonly of: number }
}

/** How a space decides. */
export interface Planner {
  /** How many of the nearest vectors are to be looked at before `plan` is asked; 0 for none. */
  probeWidth(facts: SearchFacts): number
  plan(facts: SearchFacts): SearchPlan
}

/** A probe is as wide as it takes to meet about so many allowed vectors if they lie anywhere, within bounds. */
const PROBE_HITS = 8
const PROBE_MIN = 16
const PROBE_MAX = 128
/** A probe that might turn a scan into a walk may cost this share of the scan. */
const PROBE_COST_MAX = 0.06
/** Added to the allowed vectors that a probe met and to those that it could expect, of which there may be none. */
const HITS_SLACK = 0.25

export const scanCost = ({ live, allowed, dims }: SearchFacts): number =>
  Math.min(live, allowed ?? live) * (COSTS.row + COSTS.rowDim * dims)

/** A filtered walk goes on until it has found `ef` that are allowed: it passes by the others. */
export const walkCost = (facts: SearchFacts): number => {
  const { allowed, dims, ef } = facts
  const walk = ef * (COSTS.step + COSTS.stepDim * dims)
  if (allowed === undefined) return walk
  return allowed === 0 ? Number.POSITIVE_INFINITY : walk * Math.max(1, 1 / density(facts)) + allowed * COSTS.mark
}

/** Share of what a walk meets that a filter allows: that of all vectors, corrected by what lies near the query. */
const density = ({ live, allowed, near }: SearchFacts): number => {
  const share = Math.min(1, (allowed ?? live) / live)
  if (near === undefined) return share
  const ratio = (near.hits + HITS_SLACK) / (share * near.of + HITS_SLACK)
  // Fewer near the query: farther away it may be fewer for long.
  return Math.min(1, share * (ratio < 1 ? ratio ** 2 : ratio))
}

/**
 * Where the matches of a filter lie far from the query, a walk looks at all that is nearer first; where they lie around it, it
 * meets little else. A look at the nearest vectors, filter or not, tells which, at a small part of the cost of a walk.
 */
const probeWidth = (facts: SearchFacts): number => {
  const { live, allowed, dims } = facts
  if (allowed === undefined || allowed === 0 || facts.ef > live * EF_SHARE_MAX) return 0
  // Cheaper than a walk that meets nothing but matches.
  const scan = scanCost(facts)
  if (scan <= facts.ef * (COSTS.step + COSTS.stepDim * dims)) return 0
  const width = Math.min(PROBE_MAX, Math.max(PROBE_MIN, Math.ceil((PROBE_HITS * live) / allowed)))
  if (planSearch(facts) === 'filtered-graph') return width
  const isCheap = walkCost({ live, allowed: undefined, dims, ef: width }) < PROBE_COST_MAX * scan
  const dense = planSearch({ ...facts, near: { hits: width, of: width } })
  return isCheap && dense === 'filtered-graph' ? width : 0
}

/** The cheaper way, for a space that has a graph. */
export const planSearch = (facts: SearchFacts): SearchPlan => {
  if (facts.ef > facts.live * EF_SHARE_MAX || scanCost(facts) <= walkCost(facts)) return 'scan'
  return facts.allowed === undefined ? 'graph' : 'filtered-graph'
}

export const PLANNER: Planner = { probeWidth, plan: planSearch }
