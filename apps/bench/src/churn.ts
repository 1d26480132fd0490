import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HNSW_DEFAULT } from '@meridian/core'
import { giveMemoryBack, HnswIndex, score } from '@meridian/index'
import { atMost, type Goal } from './goal.js'
import { memory } from './gauge.js'
import { type GraphFigures, graphFigures, LIMIT, longAtRest, recallOf } from './graph-figures.js'
import { type Quantiles, quantiles } from './quantiles.js'
import { randomOf, shuffled } from './shuffled.js'
import type { VectorSet } from './vector-set.js'

export interface ChurnPlan {
  readonly rounds: number
  /** Vectors that are replaced between two searches. */
  readonly setsPerSearch: number
}

export const CHURN_PLAN: ChurnPlan = { rounds: 5, setsPerSearch: 25 }

/** A graph at rest, and the memory of this process beyond what it took before the index was there. */
export interface WeighedFigures extends GraphFigures {
  readonly bytes: number
  /** Of the graph: vectors that were deleted or superseded among them. */
  readonly slots: number
}

/** What things were like on the way. */
export interface ChurnLook {
  /** Of the vectors replaced by then, in times all of them. */
  readonly rounds: number
  /** Of the graph as it was, whatever was missing from it or being rebuilt. */
  readonly recall: number
  /** Of the searches since the look before. */
  readonly p95Ms: number
  readonly deadShare: number
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
  readonly fresh: WeighedFigures
  readonly rounds: readonly ChurnRound[]
  readonly looks: readonly ChurnLook[]
  readonly churned: WeighedFigures
  /** Built of the same vectors after it all, asked in turn with the churned one. */
  readonly again: GraphFigures
  /** Hits that were checked, and those of a deleted or superseded vector. */
  readonly checkedHits: number
  readonly wrongHits: number
}

/** More than it takes until the last of it is given back. */
const IDLE_MS = 12_000
const SPACE = { collection: 'churn', vector: '' }
const LOOKS_A_ROUND = 4
/** Questions of one look. */
const LOOK_QUERIES = 100
/** Of the vectors replaced, one in so many is deleted first and comes back later. */
const DELETED_EVERY = 10
const DELETED_FOR = 200
/** A region would hold writers back: here they wait while more than this share is not in the graph. */
const PENDING_SHARE_MAX = 0.05
const PENDING_MIN = 2000

/** Replaces every vector, in another order each round, with searches in between; every hit is checked against what is there. */
export const churn = async (set: VectorSet, { rounds, setsPerSearch }: ChurnPlan): Promise<ChurnFigures> => {
  const directory = await mkdtemp(join(tmpdir(), 'meridian-bench-'))
  const before = await idleBytes(giveMemoryBack)
  const index = new HnswIndex({ directory, workers: 1 })
  try {
    /** By ordinal, the row that the record has now; a negative one is deleted. */
    const rowOf = Int32Array.from(set.vectors.keys())
    open(index, set, rowOf)
    await longAtRest(index, SPACE, set)
    const [first] = await graphFigures([index], SPACE, set)
    const fresh = { ...first!, bytes: (await idleBytes()) - before, slots: slotsOf(index) }
    const random = randomOf(1)
    const told: ChurnRound[] = []
    const looks: ChurnLook[] = [{ rounds: 0, recall: fresh.recall, p95Ms: fresh.p95Ms, deadShare: deadShare(index) }]
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
      let looked = 0
      const look = async (at: number): Promise<void> => {
        const since = times.slice(looked)
        looked = times.length
        const recall = await recallOf(index, SPACE, set.queries.slice(0, LOOK_QUERIES))
        const { p95Ms } = quantiles(since)
        looks.push({ rounds: round - 1 + at, recall, p95Ms, deadShare: deadShare(index) })
      }
      const lookEvery = Math.ceil(order.length / LOOKS_A_ROUND)
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
        if (i > 0 && i < order.length && i % lookEvery === 0) await look(i / order.length)
        if (i % setsPerSearch > 0) continue
        do times.push(await search())
        while (index.stats(SPACE)!.pending > Math.max(PENDING_MIN, set.vectors.length * PENDING_SHARE_MAX))
      }
      for (const ordinal of away) put(ordinal)
      const seconds = (performance.now() - startedMs) / 1000
      await look(1)
      const now = index.rebuilds()
      told.push({
        round,
        seconds: Number(seconds.toFixed(1)),
        setsPerSecond: Math.round(set.vectors.length / seconds),
        searches: times.length,
        rebuilds: now.completed - completed,
        trips: now.trips - trips,
        deadShare: deadShare(index),
        ...quantiles(times),
      })
    }
    await longAtRest(index, SPACE, set)
    const churnedBytes = (await idleBytes()) - before
    const twin = new HnswIndex({ directory: join(directory, 'again'), workers: 1 })
    try {
      open(twin, set, rowOf)
      await longAtRest(twin, SPACE, set)
      const [churned, again] = await graphFigures([index, twin], SPACE, set)
      return {
        fresh,
        rounds: told,
        looks,
        churned: { ...churned!, bytes: churnedBytes, slots: slotsOf(index) },
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

const deadShare = (index: HnswIndex): number => {
  const { dead, graph } = index.stats(SPACE)!
  return Number((dead / (graph?.slots ?? 1)).toFixed(3))
}

const slotsOf = (index: HnswIndex): number => index.stats(SPACE)!.graph?.slots ?? 0

/**
 * Of this process after it did nothing for long enough that an index has given back what it does not use (IX47). Where there is none
 * yet, `tidy` does it: else what reading the set left would be taken off the index. Twice, as what is collected is freed by another
 * thread, later.
 */
const idleBytes = async (tidy?: () => void): Promise<number> => {
  await rest(IDLE_MS)
  for (let i = 0; tidy && i < 2; i++) {
    tidy()
    await rest(IDLE_MS / 2)
  }
  return memory().own
}

/** What is measured is a process that did nothing for so long: there is no event to wait for. */
const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
