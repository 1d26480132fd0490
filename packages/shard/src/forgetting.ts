import type { ReplicaId, Stamp, VersionVector } from '@meridian/core'
import type { BlockRow, BlockTable } from './block-table.js'
import type { EntryRef } from './slot-columns.js'

/** What the owner of a lane knows when it asks what of it may be forgotten. */
export interface ForgettingOptions {
  readonly mine: ReplicaId
  /** What every active member has durably. */
  readonly stable: VersionVector
  /** Every write of any member that is stamped in this millisecond or earlier is here. */
  readonly upToMs: number
}

/** The state of an id that is not live: its delete, and patches newer than that. */
export interface DeadState {
  /** Each entry once. */
  readonly refs: readonly EntryRef[]
  readonly stamps: readonly Stamp[]
  /** Entries of the id in all lanes. */
  readonly entries: number
}

/**
 * Whether the delete of an id, and patches that stand alone, have nothing left to hide or to change:
 *
 *  1. every entry of the id that is left in any lane known here, deferred ones and all incarnations included, is one of them:
 *     nothing that they supersede is left;
 *  2. every active member has them durably;
 *  3. no older write of the id can come any more: all that is stamped up to the newest of them is here;
 *  4. every later write wins over them, even one by a writer that has forgotten them while others have not: none carries content.
 *     Where content decides, a delete that does could hide a write of an older content that is made later, here as much as by a
 *     member that had not heard of the delete. Where it does not, the next policy may be another, while the block still lies in
 *     its lane.
 *
 * It may be forgotten once everything that was held here at that moment is held by all: then the removal of what it superseded
 * has reached everybody too. The caller waits for that, and asks again.
 */
export const isForgettable = (state: DeadState, options: ForgettingOptions, blocks: BlockTable): boolean => {
  const { refs, stamps, entries } = state
  if (refs.length === 0 || entries !== refs.length) return false
  if (stamps.some(({ ms }) => ms > options.upToMs)) return false
  if (stamps.some(({ content }) => content !== undefined)) return false
  const rows = refs.map(({ row }) => blocks.row(row))
  return rows.some(({ origin }) => origin === options.mine) && rows.every((row) => isHeldByAll(row, options.stable))
}

const isHeldByAll = ({ isDropped, origin, seq }: BlockRow, stable: VersionVector): boolean =>
  !isDropped && stable.covers({ replica: origin, seq })
