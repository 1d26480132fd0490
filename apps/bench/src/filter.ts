import { HNSW_DEFAULT, type IndexHit } from '@meridian/core'
import { PLANNER, type Planner, Space } from '@meridian/index'
import { type DataSet, vectorAt } from './data-set.js'

export interface FilterFigures {
  readonly set: string
  readonly filter: string
  /** Vectors that the filter lets through. */
  readonly candidates: number
  readonly plan: string
  /** Of the planned search, and of a walk, against the exact answer. */
  readonly recall: number
  readonly graphRecall: number
  /** Of the processor's time: medians over the queries. */
  readonly plannedUs: number
  readonly exactUs: number
  readonly graphUs: number
  /** Of the better of the two: the planned search over it. */
  readonly overBest: number
}

export interface FilterPlan {
  readonly queries: number
  /** Shares that random filters let through. */
  readonly shares: readonly number[]
  /** Shares of the vectors farthest from each query: filters whose matches all lie elsewhere. */
  readonly farShares: readonly number[]
}

export const FILTER_PLAN: FilterPlan = {
  queries: 60,
  shares: [0.5, 0.1, 0.03, 0.01, 0.003],
  farShares: [0.5, 0.1, 0.01],
}

const LIMIT = 10
/** At least so long is timed. */
const TIMED_US = 2000
const WAYS = ['planned', 'exact', 'graph'] as const
type Way = (typeof WAYS)[number]
const ORDERS: readonly (readonly Way[])[] = [
  ['planned', 'exact', 'graph'],
  ['exact', 'planned', 'graph'],
  ['graph', 'exact', 'planned'],
  ['graph', 'planned', 'exact'],
  ['planned', 'graph', 'exact'],
  ['exact', 'graph', 'planned'],
]

/** Builds the graph of `set` in this thread, and asks it through each filter in three ways, in turn query by query. */
export const filterFigures = (name: string, set: DataSet, plan: FilterPlan): FilterFigures[] => {
  let isForced = false
  const planner: Planner = {
    probeWidth: (facts) => (isForced ? 0 : PLANNER.probeWidth(facts)),
    plan: (facts) => (isForced ? 'filtered-graph' : PLANNER.plan(facts)),
  }
  const metric = set.metric === 'l2' ? 'Euclid' : 'Cosine'
  const space = new Space({ size: set.dims, metric, hnsw: HNSW_DEFAULT }, planner)
  for (let i = 0; i < set.count; i++) space.set(i, String(i), '1', vectorAt(set.vectors, set.dims, i))
  while (space.hasWork) space.step(() => true)
  const queries = Array.from({ length: Math.min(plan.queries, set.queryCount) }, (_, i) =>
    vectorAt(set.queries, set.dims, i),
  )
  const ask = (vector: Float32Array, among: Uint32Array, way: Way): [IndexHit[], string, number] => {
    isForced = way === 'graph'
    let told = ''
    let hits: IndexHit[] = []
    const started = process.cpuUsage()
    let us = 0
    let count = 0
    // A search of microseconds is asked again: one alone is mostly what the one before left in the caches.
    while (us < TIMED_US) {
      hits = space.search({ vector, limit: LIMIT, among, exact: way === 'exact' }, (work) => {
        told = work.plan
      })
      const { user, system } = process.cpuUsage(started)
      us = user + system
      count++
    }
    return [hits, told, us / count]
  }
  const measured = (filter: string, amongOf: (query: Float32Array) => Uint32Array): FilterFigures => {
    const times: Record<Way, number[]> = { planned: [], exact: [], graph: [] }
    const recalls: Record<Way, number[]> = { planned: [], exact: [], graph: [] }
    const plans = new Set<string>()
    let candidates = 0
    for (const [at, query] of queries.entries()) {
      const among = amongOf(query)
      candidates = among.length
      const [truth] = ask(query, among, 'exact')
      // In every order, so that what one leaves in the caches is no way's privilege.
      for (const way of ORDERS[at % ORDERS.length]!) {
        const [hits, told, us] = ask(query, among, way)
        times[way].push(us)
        recalls[way].push(recallOf(hits, truth))
        if (way === 'planned') plans.add(told)
      }
    }
    const [plannedUs, exactUs, graphUs] = WAYS.map((way) => median(times[way]))
    return {
      set: name,
      filter,
      candidates,
      plan: [...plans].sort().join(', '),
      recall: mean(recalls.planned),
      graphRecall: mean(recalls.graph),
      plannedUs: plannedUs!,
      exactUs: exactUs!,
      graphUs: graphUs!,
      overBest: plannedUs! / Math.min(exactUs!, graphUs!),
    }
  }
  return [
    ...plan.shares.map((share) => {
      const among = scattered(set.count, share)
      return measured(`${share * 100} %`, () => among)
    }),
    ...plan.farShares.map((share) => measured(`${share * 100} %, farthest`, (query) => farthest(set, query, share))),
  ]
}

/** The share of ordinals that a multiplicative hash picks: as good as random, and the same in every run. */
export const scattered = (count: number, share: number): Uint32Array =>
  Uint32Array.from({ length: count }, (_, i) => i).filter((i) => Math.imul(i + 1, 2654435761) >>> 0 < share * 2 ** 32)

const farthest = (set: DataSet, query: Float32Array, share: number): Uint32Array => {
  const distances = Float64Array.from({ length: set.count }, (_, at) => {
    const vector = vectorAt(set.vectors, set.dims, at)
    let sum = 0
    for (let i = 0; i < set.dims; i++) {
      const gap = query[i]! - vector[i]!
      sum += gap * gap
    }
    return sum
  })
  const bound = Float64Array.from(distances).sort()[Math.floor(set.count * (1 - share))]!
  return Uint32Array.from({ length: set.count }, (_, i) => i).filter((i) => distances[i]! >= bound)
}

const recallOf = (found: readonly IndexHit[], truth: readonly IndexHit[]): number => {
  const worst = truth.at(-1)
  // Of hits as good as the last one, any will do.
  const good = new Set(truth.map(({ ordinal }) => ordinal))
  const count = found.filter(({ ordinal, score }) => good.has(ordinal) || score === worst?.score).length
  return truth.length === 0 ? 1 : Math.min(1, count / truth.length)
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!
