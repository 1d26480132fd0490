import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HNSW_DEFAULT } from '@meridian/core'
import { HnswIndex, score } from '@meridian/index'
import { atMost, type Goal } from './goal.js'
import { memory } from './gauge.js'
import { type Quantiles, quantiles } from './quantiles.js'
import type { VectorSet } from './vector-set.js'

export interface ChurnPlan {
  readonly rounds: number
  /** Vectors that are replaced between two searches. */
  readonly setsPerSearch: number
}

export const CHURN_PLAN: ChurnPlan = { rounds: 5, setsPerSearch: 25 }

/** A graph at rest. */
export interface GraphFigures extends Quantiles {
  readonly recall: number
  /** Of this process, beyond what it took before the index was there. */
  readonly bytes: number
}

export interface ChurnRound extends Quantiles {
  readonly round: number
  readonly seconds: number
  readonly setsPerSecond: number
  readonly searches: number
  readonly rebuilds: number
  readonly trips: number
  readonly deadShare: number
}

export interface ChurnFigures {
  readonly fresh: GraphFigures
  readonly rounds: readonly ChurnRound[]
  readonly churned: GraphFigures
  /** Built of the same vectors after it all, asked in turn with the churned one. */
  readonly again: Omit<GraphFigures, 'bytes'>
  /** Hits that were checked, and those of a deleted or superseded vector. */
  readonly checkedHits: number
  readonly wrongHits: number
}

const SPACE = { collection: 'churn', vector: '' }
const LIMIT = 10
const PASSES = 5
/** Of the vectors replaced, one in so many is deleted first and comes back later. */
const DELETED_EVERY = 10
const DELETED_FOR = 200
/** A region would hold writers back: here they wait while more than this share is not in the graph. */
const PENDING_SHARE_MAX = 0.05
const PENDING_MIN = 2000

/** Replaces every vector, in another order each round, with searches in between; every hit is checked against what is there. */
export const churn = async (set: VectorSet, { rounds, setsPerSearch }: ChurnPlan): Promise<ChurnFigures> => {
  const directory = await mkdtemp(join(tmpdir(), 'meridian-bench-'))
  const before = await settledBytes()
  const index = new HnswIndex({ directory, workers: 1 })
  try {
    /** By ordinal, the row that the record has now; a negative one is deleted. */
    const rowOf = Int32Array.from(set.vectors.keys())
    open(index, set, rowOf)
    await atRest(index, set)
    const [first] = await figures([index], set)
    const fresh = { ...first!, bytes: (await settledBytes()) - before }
    const random = randomOf(1)
    const told: ChurnRound[] = []
    let checkedHits = 0
    let wrongHits = 0
    let version = 0
    let asked = 0
    const search = async (): Promise<number> => {
      const query = set.queries[asked++ % set.queries.length]!
      const startedMs = performance.now()
      const hits = await index.search(SPACE, { vector: query, limit: LIMIT })
      const tookMs = performance.now() - startedMs
      for (const { ordinal, score: found } of hits) {
        const row = rowOf[ordinal]!
        checkedHits++
        if (row < 0 || found !== score(set.metric, query, set.vectors[row]!)) wrongHits++
      }
      if (hits.length < LIMIT) wrongHits++
      return tookMs
    }
    for (let round = 1; round <= rounds; round++) {
      const order = shuffled(set.vectors.length, random)
      const rows = shuffled(set.vectors.length, random)
      const { completed, trips } = index.rebuilds()
      const times: number[] = []
      const away: number[] = []
      const startedMs = performance.now()
      const put = (ordinal: number): void => {
        rowOf[ordinal] = rows[ordinal]!
        const vector = set.vectors[rows[ordinal]!]!
        index.set(SPACE, { ordinal, id: String(ordinal), version: String(++version), vector })
      }
      for (let i = 0; i < order.length + DELETED_FOR; i++) {
        const ordinal = order[i]
        if (ordinal !== undefined && i % DELETED_EVERY === 0) {
          index.remove(SPACE, ordinal)
          rowOf[ordinal] = -1
          away.push(ordinal)
        } else if (ordinal !== undefined) put(ordinal)
        if (i >= DELETED_FOR && (i - DELETED_FOR) % DELETED_EVERY === 0 && away.length > 0) put(away.shift()!)
        if (i % setsPerSearch > 0) continue
        do times.push(await search())
        while (index.stats(SPACE)!.pending > Math.max(PENDING_MIN, set.vectors.length * PENDING_SHARE_MAX))
      }
      for (const ordinal of away) put(ordinal)
      const seconds = (performance.now() - startedMs) / 1000
      const stats = index.stats(SPACE)!
      const now = index.rebuilds()
      told.push({
        round,
        seconds: Number(seconds.toFixed(1)),
        setsPerSecond: Math.round(set.vectors.length / seconds),
        searches: times.length,
        rebuilds: now.completed - completed,
        trips: now.trips - trips,
        deadShare: Number((stats.dead / (stats.graph?.slots ?? 1)).toFixed(3)),
        ...quantiles(times),
      })
    }
    await atRest(index, set)
    const churnedBytes = (await settledBytes()) - before
    const twin = new HnswIndex({ directory: join(directory, 'again'), workers: 1 })
    try {
      open(twin, set, rowOf)
      await atRest(twin, set)
      const [churned, again] = await figures([index, twin], set)
      return {
        fresh,
        rounds: told,
        churned: { ...churned!, bytes: churnedBytes },
        again: again!,
        checkedHits,
        wrongHits,
      }
    } finally {
      await twin.close()
    }
  } finally {
    await index.close()
    await rm(directory, { recursive: true, force: true })
  }
}

export const churnGoals = ({ fresh, churned, again, wrongHits }: ChurnFigures): Goal[] => [
  atMost('hits of deleted or superseded vectors', 0, wrongHits),
  atMost('recall@10 lost against a fresh graph', 0.002, again.recall - churned.recall),
  atMost('p95 over that of a fresh graph', 1.3, churned.p95Ms / again.p95Ms),
  atMost('memory over that of a fresh graph', 1.3, churned.bytes / fresh.bytes),
]

const open = (index: HnswIndex, { dims, metric, vectors }: VectorSet, rowOf: Int32Array): void =>
  index.openSpace(
    SPACE,
    { size: dims, metric, hnsw: HNSW_DEFAULT },
    vectors.map((_, ordinal) => ({
      ordinal,
      id: String(ordinal),
      version: '0',
      read: () => vectors[rowOf[ordinal]!]!,
    })),
  )

/** Until the graph has everything, and nothing is or should be rebuilt. */
const atRest = async (index: HnswIndex, { queries }: VectorSet): Promise<void> => {
  for (;;) {
    await index.search(SPACE, { vector: queries[0]!, limit: 1 })
    const { pending, state, graph } = index.stats(SPACE)!
    const isWorn = graph?.wanted !== undefined
    if (pending === 0 && state === 'ready' && !isWorn && index.rebuilds().space === undefined) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Of each index, asked in turn so that what else the machine does falls on all alike; the median of the passes. */
const figures = async (
  indexes: readonly HnswIndex[],
  { queries }: VectorSet,
): Promise<Omit<GraphFigures, 'bytes'>[]> => {
  const times = indexes.map(() => [] as Quantiles[])
  for (let pass = 0; pass < PASSES; pass++)
    for (const [i, index] of indexes.entries()) {
      const took: number[] = []
      for (const vector of queries) {
        const startedMs = performance.now()
        await index.search(SPACE, { vector, limit: LIMIT })
        took.push(performance.now() - startedMs)
      }
      times[i]!.push(quantiles(took))
    }
  const told: Omit<GraphFigures, 'bytes'>[] = []
  for (const [i, index] of indexes.entries()) {
    let found = 0
    for (const vector of queries) {
      const truth = await index.search(SPACE, { vector, limit: LIMIT, exact: true })
      const worst = new Set(truth.map(({ ordinal }) => ordinal))
      for (const { ordinal } of await index.search(SPACE, { vector, limit: LIMIT })) if (worst.has(ordinal)) found++
    }
    const median = times[i]!.sort((a, b) => a.p95Ms - b.p95Ms)[Math.floor(PASSES / 2)]!
    told.push({ ...median, recall: Number((found / (queries.length * LIMIT)).toFixed(4)) })
  }
  return told
}

/** When what is not used any more was given back. */
const settledBytes = async (): Promise<number> => {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  return memory().own
}

const randomOf = (seed: number) => (): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed / 2 ** 32
}

const shuffled = (count: number, random: () => number): Int32Array => {
  const order = Int32Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1))
    const kept = order[i]!
    order[i] = order[other]!
    order[other] = kept
  }
  return order
}
