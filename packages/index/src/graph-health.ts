import type { RebuildReason } from '@meridian/core'

/**
 * A graph is rebuilt when more than this share, and this many, of its slots are dead: a search costs 1.2 times as much then, and at
 * 25 %, where the 95th percentile was 1.3-1.4 times that of a new graph, too much.
 */
export const DEAD_SHARE_MAX = 0.2
export const DEAD_MIN = 1000
/** The same of a graph that nobody changes: rebuilt now, it stays as good as new, and as small. One that goes on being changed would not. */
export const DEAD_SHARE_RESTING = 0.1
/** Also when this many, and this share, were too long for it and are scanned. */
const OUTGROWN_MIN = 1000
const OUTGROWN_SHARE_MAX = 0.01
/** Also when fewer of its vectors than this are found by a search for them, and clearly fewer than when it was new. */
const RECALL_MIN = 0.97
const RECALL_LOSS_MAX = 0.02

export interface GraphFacts {
  readonly live: number
  /** Of the graph: all labels, and those of deleted or superseded vectors. */
  readonly slots: number
  readonly dead: number
  readonly outgrown: number
  /** Share of a sample that a search for it finds; `undefined` until measured. */
  readonly recall: number | undefined
  /** The same of the graph as it was built; `undefined` for one that was loaded. */
  readonly recallWhenNew: number | undefined
}

/** Whether a graph that nobody changes any more should be built anew. */
export const isWornAtRest = (slots: number, dead: number): boolean =>
  dead > DEAD_MIN && dead > slots * DEAD_SHARE_RESTING

/**
 * Why a graph should be built anew, if it should. Data in which even a new graph finds few (many equal vectors) does not ask
 * for another: its loss is measured against what it had.
 */
export const rebuildReason = (facts: GraphFacts): RebuildReason | undefined => {
  const { live, slots, dead, outgrown, recall, recallWhenNew = 1 } = facts
  if (dead > DEAD_MIN && dead > slots * DEAD_SHARE_MAX) return 'dead'
  if (outgrown > OUTGROWN_MIN && outgrown > live * OUTGROWN_SHARE_MAX) return 'outgrown'
  if (recall !== undefined && recall < Math.min(RECALL_MIN, recallWhenNew - RECALL_LOSS_MAX)) return 'recall'
  return undefined
}
