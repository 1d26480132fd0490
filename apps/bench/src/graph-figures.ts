import type { SpaceRef } from '@meridian/core'
import { type HnswIndex, isWornAtRest } from '@meridian/index'
import { type Quantiles, quantiles } from './quantiles.js'
import type { VectorSet } from './vector-set.js'

export const LIMIT = 10
const PASSES = 5
/** Asked of one index before it is the next one's turn: what else the machine does falls on all alike. */
const TURN = 50

/** Of a graph at rest. */
export interface GraphFigures extends Quantiles {
  readonly recall: number
}

/** Until the graph has everything, and nothing is or should be rebuilt. */
export const atRest = async (index: HnswIndex, space: SpaceRef, { queries }: VectorSet): Promise<void> => {
  for (;;) {
    await index.search(space, { vector: queries[0]!, limit: 1 })
    const { pending, state, graph } = index.stats(space)!
    const isWorn = graph?.wanted !== undefined
    if (pending === 0 && state === 'ready' && !isWorn && index.rebuilds().space === undefined) return
    // The index does not say when it has come to rest: it is asked.
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Until it does not get better by itself any more (RB11). */
export const longAtRest = async (index: HnswIndex, space: SpaceRef, set: VectorSet): Promise<void> => {
  for (;;) {
    await atRest(index, space, set)
    const { dead, graph } = index.stats(space)!
    if (!isWornAtRest(graph?.slots ?? 0, dead)) return
    // Nor when it finds that it was long enough at rest to begin a rebuild.
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

/** Of each index, asked in turn so that what else the machine does falls on all alike; the median of the passes. */
export const graphFigures = async (
  indexes: readonly HnswIndex[],
  space: SpaceRef,
  { queries }: VectorSet,
): Promise<GraphFigures[]> => {
  const times = indexes.map(() => [] as Quantiles[])
  for (let pass = 0; pass < PASSES; pass++) {
    const took = indexes.map(() => [] as number[])
    for (let at = 0; at < queries.length; at += TURN) {
      for (const [i, index] of indexes.entries()) {
        for (const vector of queries.slice(at, at + TURN)) {
          const startedMs = performance.now()
          await index.search(space, { vector, limit: LIMIT })
          took[i]!.push(performance.now() - startedMs)
        }
      }
    }
    for (const [i, each] of took.entries()) times[i]!.push(quantiles(each))
  }
  const told: GraphFigures[] = []
  for (const [i, index] of indexes.entries()) {
    const median = times[i]!.sort((a, b) => a.p95Ms - b.p95Ms)[Math.floor(PASSES / 2)]!
    told.push({ ...median, recall: await recallOf(index, space, queries) })
  }
  return told
}

/** Recall@10 against an exact search of the same index. Nothing must change meanwhile. */
export const recallOf = async (
  index: HnswIndex,
  space: SpaceRef,
  queries: readonly Float32Array[],
): Promise<number> => {
  let found = 0
  for (const vector of queries) {
    const truth = await index.search(space, { vector, limit: LIMIT, exact: true })
    const best = new Set(truth.map(({ ordinal }) => ordinal))
    for (const { ordinal } of await index.search(space, { vector, limit: LIMIT })) if (best.has(ordinal)) found++
  }
  return Number((found / (queries.length * LIMIT)).toFixed(4))
}
