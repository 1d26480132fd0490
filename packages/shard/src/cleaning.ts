import {
  compareStamps,
  decodeBlock,
  decodeEntryHead,
  type PointId,
  type ReplicaId,
  type Stamp,
  type VersionVector,
} from '@meridian/core'
import { type BlockRef, type BlockRow, type BlockTable, type LaneBlocks, storedBytes } from './block-table.js'
import type { EntryRef } from './slot-columns.js'

export interface CleaningOptions {
  /** The replica whose lane is cleaned: only its owner may. */
  readonly mine: ReplicaId
  /** What every active member has durably: the meet of their acked vectors. */
  readonly stable: VersionVector
  readonly doc: number
  /** Partly dead blocks are rewritten while the lane's entries exceed its live ones by this factor, in bytes or number. Above 1. */
  readonly amplificationMax?: number
  /** Most blocks of a step, small ones apart. */
  readonly blocksMax?: number
  /** Bytes of blocks that are read in a step, small ones and the last one apart. */
  readonly bytesMax?: number
  /** So many small blocks are merged, in one step. */
  readonly smallBlocksMax?: number
}

export interface CleaningPlan {
  /** In lane order. */
  readonly drop: BlockRef[]
  /** Encoded entries to append again as they are, in blocks marked `moved`, in the transaction that drops. May be empty. */
  readonly moved: Uint8Array[]
}

/** So many dead entries more than the factor allows are no bloat: blocks of a small lane need not be rewritten for them. */
const SPARE_ENTRIES = 1024
/** Nor is so much worth any hurry. */
const SPARE_BYTES = 256 << 10
/** Small blocks of a lane above which merging them is pressing: some 400 bytes of memory each. */
const SMALL_SPARE = 16_384

/** An entry that the state of an id refers to. */
export interface StandingEntry {
  readonly ref: EntryRef
  readonly stamp: Stamp
  readonly isDelete: boolean
}

/** What cleaning asks of the view. */
export interface CleaningView {
  bytes(row: BlockRow): Uint8Array
  /** What the state of an id refers to. */
  standing(id: PointId): readonly StandingEntry[]
  isDeferred(row: BlockRow, offset: number): boolean
  /** Whether every policy puts the two in the same order. */
  isOrderFixed(a: Stamp, b: Stamp): boolean
}

/**
 * Chooses blocks to drop and what of them must live on. A dead entry may go only when every entry that the state of its id
 * now refers to lies in a block that all active members have durably: otherwise a member that lost its newest writes could
 * be left with neither. They must lie in the same document, too: the other incarnation of a collection that was created twice
 * may be dropped by somebody who never heard of this one, and its entries with it. And every policy must put them in the same order:
 * while a change of the policy is on its way, one owner would drop what loses under the former, another what loses under the next,
 * and nothing would be left. Over a delete that came later that does not matter: it is what is left, and stays.
 * Everything else is a survivor: live, deferred, and dead but not yet droppable. Tombstones are live.
 *
 *  1. Blocks without survivors go first.
 *  2. While the lane is bloated, by bytes, by what they take on the disk, or by entries, the block with the least live share goes, if at least
 *     1 - 1/amplification of it is gained. A dead entry costs every replica memory, however few bytes it has.
 *  3. Many small blocks are merged, oldest first.
 *
 * The work of a call is bounded by the counts and bytes of `options`, but for one sorting of the lane's blocks in as many calls as
 * it takes to get through them; call again until it returns `undefined`.
 */
export const planCleaning = (
  options: CleaningOptions,
  table: BlockTable,
  view: CleaningView,
): CleaningPlan | undefined => {
  const { mine, stable, doc, amplificationMax = 2, blocksMax = 128, bytesMax = 1 << 20, smallBlocksMax = 64 } = options
  const lane = table.lane(doc, mine)
  if (lane === undefined) return undefined
  const gained = { bytes: 0, stored: 0, entries: 0 }
  const isBloated = (): boolean =>
    lane.entryBytes - gained.bytes > amplificationMax * lane.liveBytes ||
    lane.storedBytes - gained.stored > amplificationMax * lane.liveBytes + SPARE_BYTES ||
    lane.entries - gained.entries > amplificationMax * lane.liveEntries + SPARE_ENTRIES
  if (lane.dead.size === 0 && lane.small.size < smallBlocksMax && !isBloated()) return undefined

  const chosen = new Map<BlockRow, Uint8Array[]>()
  const budget = { looks: blocksMax * 2, bytes: bytesMax }
  const least = 1 - 1 / amplificationMax
  const isSpent = (): boolean => chosen.size >= blocksMax || budget.looks <= 0 || budget.bytes <= 0
  const look = (row: BlockRow): void => {
    budget.looks--
    budget.bytes -= row.bytes
    const survivors = survivorsOf(row, stable, table, view)
    const bytes = row.entryBytes - survivors.reduce((sum, entry) => sum + entry.length, 0)
    const entries = row.entries - survivors.length
    const isWorth = isBloated() && (bytes >= row.entryBytes * least || entries >= row.entries * least)
    if (survivors.length > 0 && !isWorth) row.pinnedAt = stable
    else {
      chosen.set(row, survivors)
      gained.bytes += bytes
      gained.stored += storedBytes(row) - (row.entryBytes - bytes)
      gained.entries += entries
    }
  }
  for (const row of deadRows(lane, stable, budget.looks)) {
    if (isSpent()) break
    look(row)
  }
  while (!isSpent() && isBloated()) {
    const row = nextPartlyDead(lane, stable, chosen)
    if (row === undefined) break
    look(row)
  }
  if (lane.small.size >= smallBlocksMax && !isSpent()) {
    const small = smallRows(lane, stable, chosen, smallBlocksMax)
    if (small.length === smallBlocksMax) for (const row of small) chosen.set(row, survivorsOf(row, stable, table, view))
  }

  if (chosen.size === 0) return undefined
  const inOrder = [...chosen].sort(([a], [b]) => byPlace(a, b))
  return { drop: inOrder.map(([row]) => row.ref), moved: inOrder.flatMap(([, survivors]) => survivors) }
}

/**
 * How much there is to clean of a lane, over what may stay: 1 is the bound. Without garbage about 1/amplification, and more
 * where blocks fill their pages badly.
 */
export const cleaningDebt = (
  { mine, doc, amplificationMax = 2 }: Pick<CleaningOptions, 'mine' | 'doc' | 'amplificationMax'>,
  table: BlockTable,
): number => {
  const lane = table.lane(doc, mine)
  if (lane === undefined || lane.rows.size === 0) return 0
  return Math.max(
    (lane.storedBytes - SPARE_BYTES) / (amplificationMax * Math.max(1, lane.liveBytes)),
    lane.entries / (amplificationMax * lane.liveEntries + SPARE_ENTRIES),
    lane.small.size / SMALL_SPARE,
  )
}

/** Those that were looked at in vain move to the end, or they would be looked at for ever while others wait. */
const deadRows = (lane: LaneBlocks, stable: VersionVector, looksMax: number): BlockRow[] => {
  const found: BlockRow[] = []
  for (const row of lane.dead) {
    if (found.length === looksMax) break
    if (isStable(row, stable) && row.pinnedAt?.equals(stable) !== true) found.push(row)
  }
  for (const row of found) {
    lane.dead.delete(row)
    lane.dead.add(row)
  }
  return found
}

/** The queue is made anew when it has come to its end: in between, blocks that have died further wait for their turn. */
const nextPartlyDead = (
  lane: LaneBlocks,
  stable: VersionVector,
  chosen: ReadonlyMap<BlockRow, unknown>,
): BlockRow | undefined => {
  const isDue = (row: BlockRow): boolean =>
    !row.isDropped && isPartlyDead(row) && !chosen.has(row) && row.pinnedAt?.equals(stable) !== true
  for (let row = lane.queue.pop(); row !== undefined; row = lane.queue.pop()) if (isDue(row)) return row
  lane.queue = [...lane.rows]
    .filter((row) => isStable(row, stable) && isDue(row))
    .sort((a, b) => liveShare(b) - liveShare(a))
  return lane.queue.pop()
}

const smallRows = (
  lane: LaneBlocks,
  stable: VersionVector,
  chosen: ReadonlyMap<BlockRow, unknown>,
  count: number,
): BlockRow[] => {
  const found: BlockRow[] = []
  for (const row of lane.small) {
    // Later ones were written later.
    if (found.length === count || !isStable(row, stable)) break
    if (!chosen.has(row)) found.push(row)
  }
  return found
}

const isPartlyDead = (row: BlockRow): boolean => row.live > 0 && row.live < row.entries
const liveShare = (row: BlockRow): number => Math.min(row.liveBytes / row.entryBytes, row.live / row.entries)
const byPlace = (a: BlockRow, b: BlockRow): number => a.ref.client - b.ref.client || a.ref.clock - b.ref.clock

const survivorsOf = (row: BlockRow, stable: VersionVector, table: BlockTable, view: CleaningView): Uint8Array[] => {
  const bytes = view.bytes(row)
  return decodeBlock(bytes).entries.filter((entry) => {
    const offset = entry.byteOffset - bytes.byteOffset
    const head = decodeEntryHead(entry)
    const standing = view.standing(head.id)
    if (standing.some(({ ref }) => ref.row === row.index && ref.offset === offset)) return true
    if (view.isDeferred(row, offset)) return true
    return !standing.every(({ ref, stamp, isDelete }) => {
      const by = table.row(ref.row)
      if (by.ref.doc !== row.ref.doc || !isStable(by, stable)) return false
      const order = compareStamps(stamp, head.stamp)
      return order === 0 || (isDelete && order > 0) || view.isOrderFixed(stamp, head.stamp)
    })
  })
}

const isStable = ({ origin, seq }: BlockRow, stable: VersionVector): boolean => stable.covers({ replica: origin, seq })
