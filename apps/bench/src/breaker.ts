import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HNSW_DEFAULT } from '@meridian/core'
import { DEAD_SHARE_MAX, HnswIndex } from '@meridian/index'
import { atLeast, atMost, type Floor, type Goal } from './goal.js'
import { atRest, LIMIT } from './graph-figures.js'
import { type Quantiles, quantiles } from './quantiles.js'
import { randomOf, shuffled } from './shuffled.js'
import { median } from './sweep.js'
import type { VectorSet } from './vector-set.js'

export interface BreakerPlan {
  readonly rounds: number
  /** Searches under way at a time, each followed by the next as soon as it is answered. */
  readonly searchers: number
  /** For so long with a rebuild under way, and as long without one. */
  readonly loadSeconds: number
}

export const BREAKER_PLAN: BreakerPlan = { rounds: 5, searchers: 4, loadSeconds: 8 }

/** The same load on the same worn graph, without a rebuild and with one. */
export interface BreakerRound {
  readonly without: Quantiles
  readonly during: Quantiles
  readonly p99Ratio: number
  /** How often the load stopped the rebuild, and what of the load's time it did stand still. */
  readonly trips: number
  readonly stoodStill: number
  /** Part of the new graph that was built when the load began, and when it ended. */
  readonly progress: readonly [begun: number, ended: number]
  /** From the end of the load until the new graph served. */
  readonly completedAfterMs: number
}

export interface BreakerFigures {
  readonly rounds: readonly BreakerRound[]
  readonly p99Ratio: number
}

const SPACE = { collection: 'breaker', vector: '' }
/** Dead share up to which the graph is worn before it is searched: just below where a rebuild is asked for (IX61). */
const WORN = DEAD_SHARE_MAX - 0.02
/** Of all vectors, replaced at a time: what is not in the graph yet counts as dead already. */
const PIECE = 0.005
/** The rebuild is under way when this much of it is done. */
const BEGUN = 0.02
const LOOK_MS = 20

/**
 * A graph is worn until it is just not rebuilt, and searched; worn a little further, so that its rebuild begins at full pace with
 * nothing else to do, and searched in the same way in the midst of it.
 */
export const breaker = async (set: VectorSet, plan: BreakerPlan): Promise<BreakerFigures> => {
  const directory = await mkdtemp(join(tmpdir(), 'meridian-bench-'))
  const index = new HnswIndex({ directory, workers: 1 })
  try {
    index.openSpace(
      SPACE,
      { size: set.dims, metric: set.metric, hnsw: HNSW_DEFAULT },
      set.vectors.map((vector, ordinal) => ({ ordinal, id: String(ordinal), version: '0', read: () => vector })),
    )
    await atRest(index, SPACE, set)
    const random = randomOf(1)
    const rounds: BreakerRound[] = []
    for (let round = 1; round <= plan.rounds; round++) {
      const order = shuffled(set.vectors.length, random)
      const piece = Math.ceil(order.length * PIECE)
      let replaced = 0
      /** The same vectors anew: the graph wears, and what is found does not change. */
      const wear = async (): Promise<void> => {
        for (const ordinal of order.subarray(replaced, replaced + piece))
          index.set(SPACE, { ordinal, id: String(ordinal), version: String(round), vector: set.vectors[ordinal]! })
        replaced += piece
        while (index.stats(SPACE)!.pending > 0 && index.rebuilds().space === undefined) await pause(LOOK_MS)
      }
      while (deadShare(index) < WORN) await wear()
      await atRest(index, SPACE, set)
      const without = await load(index, set, plan)
      while (index.rebuilds().space === undefined) await wear()
      while ((index.rebuilds().progress ?? 1) < BEGUN) await pause(LOOK_MS)
      const { trips, progress: begun = 0 } = index.rebuilds()
      const during = await load(index, set, plan)
      const ended = index.rebuilds()
      const endedMs = performance.now()
      await atRest(index, SPACE, set)
      rounds.push({
        without: quantiles(without.times),
        during: quantiles(during.times),
        p99Ratio: Number((quantiles(during.times).p99Ms / quantiles(without.times).p99Ms).toFixed(3)),
        trips: ended.trips - trips,
        stoodStill: Number(during.stoodStill.toFixed(3)),
        progress: [Number(begun.toFixed(3)), Number((ended.progress ?? 1).toFixed(3))],
        completedAfterMs: Math.round(performance.now() - endedMs),
      })
    }
    return { rounds, p99Ratio: median(rounds.map(({ p99Ratio }) => p99Ratio)) }
  } finally {
    await index.close()
    await rm(directory, { recursive: true, force: true })
  }
}

export const breakerGoals = ({ rounds, p99Ratio }: BreakerFigures): (Goal | Floor)[] => [
  atLeast(
    'rounds in which the load stopped the rebuild',
    rounds.length,
    rounds.filter(({ trips }) => trips > 0).length,
  ),
  atMost('p99 of searches during a rebuild over that without one', 2, p99Ratio),
  atLeast(
    'rebuilds that were under way when the load ended, and completed',
    rounds.length,
    rounds.filter(({ progress }) => progress[1] < 1).length,
  ),
]

const deadShare = (index: HnswIndex): number => {
  const { dead, graph } = index.stats(SPACE)!
  return dead / (graph?.slots ?? 1)
}

/** Times of all searches, and the part of the looks that found a rebuild standing still. */
const load = async (
  index: HnswIndex,
  { queries }: VectorSet,
  { searchers, loadSeconds }: BreakerPlan,
): Promise<{ times: number[]; stoodStill: number }> => {
  const times: number[] = []
  let looks = 0
  let still = 0
  const timer = setInterval(() => {
    looks++
    if (index.rebuilds().pace === 0) still++
  }, LOOK_MS)
  let next = 0
  const until = performance.now() + loadSeconds * 1000
  const searcher = async (): Promise<void> => {
    for (let startedMs = performance.now(); startedMs < until; startedMs = performance.now()) {
      await index.search(SPACE, { vector: queries[next++ % queries.length]!, limit: LIMIT })
      times.push(performance.now() - startedMs)
    }
  }
  await Promise.all(Array.from({ length: searchers }, searcher))
  clearInterval(timer)
  return { times, stoodStill: still / Math.max(1, looks) }
}

/** Between two looks at the index, which does not say when it has come so far. */
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
