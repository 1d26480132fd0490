import type { ReplicaId, Stamp, StampOrder } from '@meridian/core'
import type { BlockTable } from './block-table.js'
import type { PatchCell, PatchState } from './patch-state.js'
import type { EntryRef } from './slot-columns.js'

/** One write that the state of a record refers to. */
export interface Contribution {
  readonly what: 'put' | 'delete' | 'clear' | 'vector' | 'payload'
  /** Vector name or payload key. */
  readonly name?: string
  /** The write took the cell away. */
  readonly isRemoved: boolean
  readonly stamp: Stamp
  /** The lane and the transaction of the block that carries it, which for a moved survivor is not the original one. */
  readonly origin: ReplicaId
  readonly seq: number
}

/** Newest first. */
export const contributionsOf = (
  presence: { readonly stamp: Stamp; readonly ref: EntryRef; readonly isAlive: boolean } | undefined,
  patch: PatchState | undefined,
  blocks: BlockTable,
  order: StampOrder,
): Contribution[] => {
  const all: Contribution[] = []
  const add = (what: Contribution['what'], cell: PatchCell, name?: string): void => {
    const { origin, seq } = blocks.row(cell.ref.row)
    const { stamp, isRemoved } = cell
    all.push({ what, ...(name === undefined ? {} : { name }), isRemoved, stamp, origin, seq })
  }
  if (presence !== undefined)
    add(presence.isAlive ? 'put' : 'delete', { stamp: presence.stamp, ref: presence.ref, isRemoved: !presence.isAlive })
  if (patch?.cleared !== undefined) add('clear', patch.cleared)
  for (const [name, cell] of patch?.vectors ?? []) add('vector', cell, name)
  for (const [key, cell] of patch?.payload ?? []) add('payload', cell, key)
  return all.sort((a, b) => order(b.stamp, a.stamp))
}
