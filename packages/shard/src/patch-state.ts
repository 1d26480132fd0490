import { type EntryHead, type Hash64, hashStamp, type Stamp, type StampOrder } from '@meridian/core'
import type { EntryRef } from './slot-columns.js'

export interface PatchCell {
  readonly stamp: Stamp
  readonly ref: EntryRef
  /** The cell is gone; kept so that an older value stays hidden. */
  readonly isRemoved: boolean
}

/**
 * The cells of one record that are newer than its newest put or delete: the overflow of the columns. Mirrors `cleared`,
 * `vectors` and `payload` of core's `RecordState`, without the cells that a put implies, under the same invariants.
 */
export interface PatchState {
  cleared: PatchCell | undefined
  readonly vectors: Map<string, PatchCell>
  readonly payload: Map<string, PatchCell>
}

export const newPatchState = (): PatchState => ({ cleared: undefined, vectors: new Map(), payload: new Map() })

export const isEmptyPatch = (patch: PatchState): boolean =>
  patch.cleared === undefined && patch.vectors.size === 0 && patch.payload.size === 0

/** Whether the entry names no cell at all. */
export const isEmptyHead = (head: EntryHead): boolean =>
  head.kind === 'patch' &&
  !head.clear &&
  head.vectors.length + head.dropVectors.length + head.set.length + head.unset.length === 0

/** Does `a` replace `b` as the copy of one and the same write? */
export type IsLater = (a: EntryRef, b: EntryRef) => boolean

/** Folds a patch that is newer than the record's presence. Returns whether a stamp changed; a moved reference is no change. */
export const foldPatch = (
  patch: PatchState,
  head: EntryHead,
  ref: EntryRef,
  isLater: IsLater,
  order: StampOrder,
): boolean => {
  const { stamp } = head
  let isChanged = false
  if (head.clear) {
    const next = newer(patch.cleared, { stamp, ref, isRemoved: true }, isLater, order)
    isChanged = next?.stamp !== patch.cleared?.stamp
    patch.cleared = next
    if (isChanged) dropBelow(patch.payload, stamp, order)
  }
  const foldCell = (cells: Map<string, PatchCell>, name: string, isRemoved: boolean): void => {
    const known = cells.get(name)
    const next = newer(known, { stamp, ref, isRemoved }, isLater, order)
    cells.set(name, next)
    if (next.stamp !== known?.stamp) isChanged = true
  }
  // A name that is both set and taken away is taken away.
  const gone = new Set(head.dropVectors)
  for (const name of gone) foldCell(patch.vectors, name, true)
  for (const name of head.vectors) if (!gone.has(name)) foldCell(patch.vectors, name, false)
  if (patch.cleared !== undefined && order(stamp, patch.cleared.stamp) < 0) return isChanged
  const unset = new Set(head.unset)
  for (const key of unset) foldCell(patch.payload, key, true)
  for (const key of head.set) if (!unset.has(key)) foldCell(patch.payload, key, false)
  return isChanged
}

/** The newer cell. Of two copies of one write the known stamp object stays, which is how the caller tells a move. */
const newer = (known: PatchCell | undefined, cell: PatchCell, isLater: IsLater, compare: StampOrder): PatchCell => {
  if (known === undefined) return cell
  const order = compare(cell.stamp, known.stamp)
  if (order > 0) return cell
  if (order === 0 && isLater(cell.ref, known.ref)) return { ...known, ref: cell.ref }
  return known
}

const dropBelow = (cells: Map<string, PatchCell>, floor: Stamp, order: StampOrder): void => {
  for (const [name, cell] of cells) if (order(cell.stamp, floor) < 0) cells.delete(name)
}

/** A newer put or delete came: everything older is gone. */
export const dropPatchBelow = (patch: PatchState, presence: Stamp, order: StampOrder): void => {
  if (patch.cleared !== undefined && order(patch.cleared.stamp, presence) <= 0) patch.cleared = undefined
  dropBelow(patch.vectors, presence, order)
  dropBelow(patch.payload, presence, order)
}

/** Takes out the cells that rest on `isGone` places. */
export const dropPatchAt = (patch: PatchState, isGone: (ref: EntryRef) => boolean): void => {
  if (patch.cleared !== undefined && isGone(patch.cleared.ref)) patch.cleared = undefined
  for (const cells of [patch.vectors, patch.payload])
    for (const [name, { ref }] of cells) if (isGone(ref)) cells.delete(name)
}

export function* patchCells(patch: PatchState): Iterable<PatchCell> {
  if (patch.cleared !== undefined) yield patch.cleared
  yield* patch.vectors.values()
  yield* patch.payload.values()
}

const TAG_CLEARED = 1
const TAG_VECTOR = 2
const TAG_PAYLOAD = 3

/** Adds the patch to a record's hash; equal states add the same, whatever order they came about in. */
export const hashPatch = (hash: Hash64, patch: PatchState): Hash64 => {
  if (patch.cleared !== undefined) hashStamp(hash.word(TAG_CLEARED), patch.cleared.stamp)
  hashCells(hash, TAG_VECTOR, patch.vectors)
  hashCells(hash, TAG_PAYLOAD, patch.payload)
  return hash
}

const hashCells = (hash: Hash64, tag: number, cells: ReadonlyMap<string, PatchCell>): void => {
  for (const name of [...cells.keys()].sort()) {
    const cell = cells.get(name)!
    hashStamp(
      hash
        .word(tag)
        .text(name)
        .word(cell.isRemoved ? 1 : 0),
      cell.stamp,
    )
  }
}
