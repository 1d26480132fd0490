import { decodeBlock, decodeEntryHead, type PointId, type ReplicaId, type VersionVector } from '@meridian/core'
import { type BlockRef, type BlockRow, type BlockTable, isSmall, type LaneBlocks } from './block-table.js'
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

/** What cleaning asks of the view. */
export interface CleaningView {
  bytes(row: BlockRow): Uint8Array
  /** The entries that the state of an id refers to. */
  refs(id: PointId): readonly EntryRef[]
  isDeferred(row: BlockRow, offset: number): boolean
}

/**
 * Chooses blocks to drop and what of them must live on. A dead entry may go only when every entry that the state of its id
 * now refers to lies in a block that all active members have durably: otherwise a member that lost its newest writes could
 * be left with neither. They must lie in the same document, too: the other incarnation of a collection that was created twice
 * may be dropped by somebody who never heard of this one, and its entries with it. Everything else is a survivor: live, deferred, and dead but not yet droppable. Tombstones are live.
 *
 *  1. Blocks without survivors go first.
 *  2. While the lane is bloated, by bytes or by entries, the block with the least live share goes, if at least
 *     1 - 1/amplification of it is gained. A dead entry costs every replica memory, however few bytes it has.
 *  3. Many small blocks are merged, oldest first.
 *
 * The work of a call is bounded by the block counts of `options`; call again until it returns `undefined`.
 */
export const planCleaning = (
  options: CleaningOptions,
  table: BlockTable,
  view: CleaningView,
): CleaningPlan | undefined => {
  const { mine, stable, doc, amplificationMax = 2, blocksMax = 32, smallBlocksMax = 64 } = options
  const lane = table.lane(doc, mine)
  if (lane === undefined) return undefined
  const gained = { bytes: 0, entries: 0 }
  const isBloated = (): boolean =>
    lane.entryBytes - gained.bytes > amplificationMax * lane.liveBytes ||
    lane.entries - gained.entries > amplificationMax * lane.liveEntries + SPARE_ENTRIES
  if (lane.dead === 0 && lane.small < smallBlocksMax && !isBloated()) return undefined

  const chosen = new Map<BlockRow, Uint8Array[]>()
  const rows = stableRows(lane, mine, stable)
  let looksLeft = blocksMax * 2
  for (const row of rows.filter(hasDead).sort(byLiveShare)) {
    if (chosen.size === blocksMax || looksLeft === 0) break
    if (row.live > 0 && !isBloated()) break
    if (row.pinnedAt?.equals(stable)) continue
    looksLeft--
    const survivors = survivorsOf(row, stable, table, view)
    const bytes = row.entryBytes - survivors.reduce((sum, entry) => sum + entry.length, 0)
    const entries = row.entries - survivors.length
    const least = 1 - 1 / amplificationMax
    const isWorth = isBloated() && (bytes >= row.entryBytes * least || entries >= row.entries * least)
    if (survivors.length > 0 && !isWorth) row.pinnedAt = stable
    else {
      chosen.set(row, survivors)
      gained.bytes += bytes
      gained.entries += entries
    }
  }
  const small = rows.filter((row) => isSmall(row) && !chosen.has(row)).sort(byPlace)
  if (small.length >= smallBlocksMax)
    for (const row of small.slice(0, smallBlocksMax)) chosen.set(row, survivorsOf(row, stable, table, view))

  if (chosen.size === 0) return undefined
  const inOrder = [...chosen].sort(([a], [b]) => byPlace(a, b))
  return { drop: inOrder.map(([row]) => row.ref), moved: inOrder.flatMap(([, survivors]) => survivors) }
}

const stableRows = (lane: LaneBlocks, mine: ReplicaId, stable: VersionVector): BlockRow[] =>
  [...lane.rows].filter(({ seq }) => stable.covers({ replica: mine, seq }))

const hasDead = (row: BlockRow): boolean => row.live < row.entries
const liveShare = (row: BlockRow): number => Math.min(row.liveBytes / row.entryBytes, row.live / row.entries)
const byLiveShare = (a: BlockRow, b: BlockRow): number => liveShare(a) - liveShare(b)
const byPlace = (a: BlockRow, b: BlockRow): number => a.ref.client - b.ref.client || a.ref.clock - b.ref.clock

const survivorsOf = (row: BlockRow, stable: VersionVector, table: BlockTable, view: CleaningView): Uint8Array[] => {
  const bytes = view.bytes(row)
  return decodeBlock(bytes).entries.filter((entry) => {
    const offset = entry.byteOffset - bytes.byteOffset
    const refs = view.refs(decodeEntryHead(entry).id)
    if (refs.some((ref) => ref.row === row.index && ref.offset === offset)) return true
    if (view.isDeferred(row, offset)) return true
    return !refs.every(({ row: by }) => table.row(by).ref.doc === row.ref.doc && isStable(table.row(by), stable))
  })
}

const isStable = ({ origin, seq }: BlockRow, stable: VersionVector): boolean => stable.covers({ replica: origin, seq })
