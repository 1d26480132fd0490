import {
  Digest,
  type EntryHead,
  type Hash64,
  leafOf,
  type PointId,
  recordHash,
  type Stamp,
  type StampOrder,
} from '@meridian/core'
import { type BlockRow, type BlockTable, NO_SLOT } from './block-table.js'
import type { StandingEntry } from './cleaning.js'
import type { DeadState } from './forgetting.js'
import {
  dropPatchAt,
  dropPatchBelow,
  foldPatch,
  hashPatch,
  type IsLater,
  isEmptyHead,
  isEmptyPatch,
  newPatchState,
  type PatchState,
  patchCells,
} from './patch-state.js'
import { ShapeTable } from './shape-table.js'
import { SlotBook } from './slot-book.js'
import { ALIVE, type EntryRef, PATCHED, PRESENT, SlotColumns } from './slot-columns.js'

/**
 * The state of each id, as stamps and as the places of the entries that made it: its newest put or delete in columns, what is
 * newer beside them. No value is ever read here.
 *
 *  1. The table of blocks counts as live exactly the entries that some state refers to, and those that are deferred.
 *  2. `digest`, `live` and `tombstones` are those of the states.
 */
export class RecordStates {
  readonly slots = new SlotBook()
  readonly digest = new Digest()
  readonly #columns = new SlotColumns()
  readonly #shapes = new ShapeTable()
  readonly #patches = new Map<number, PatchState>()
  readonly #isLater: IsLater = (a, b) => this.blocks.isLater(a, b)
  #live = 0
  #tombstones = 0

  /** `order` says which of two writes wins. */
  constructor(
    readonly blocks: BlockTable,
    readonly order: StampOrder,
  ) {}

  get live(): number {
    return this.#live
  }

  get tombstones(): number {
    return this.#tombstones
  }

  /** Slots ever in use, at one time; each number is below. */
  get slotCount(): number {
    return this.#columns.count
  }

  id(slot: number): PointId {
    return this.slots.id(slot)
  }

  isLive(slot: number): boolean {
    return this.#columns.has(slot, ALIVE)
  }

  /** Of the newest put or delete; `undefined` when only patches have come. */
  stamp(slot: number): Stamp | undefined {
    return this.#columns.stamp(slot)
  }

  /** Where the newest put or delete lies. */
  presence(slot: number): EntryRef | undefined {
    return this.#columns.has(slot, PRESENT) ? this.#columns.ref(slot) : undefined
  }

  /** What is newer than the newest put or delete. */
  patch(slot: number): PatchState | undefined {
    return this.#columns.has(slot, PATCHED) ? this.#patches.get(slot) : undefined
  }

  /** The names of the vectors of the newest put; only for a slot that has one. */
  putVectors(slot: number): readonly string[] {
    return this.#shapes.names(this.#columns.shape(slot))
  }

  /** How many entries of the slot's id lie in lanes, whatever became of them. */
  entries(slot: number): number {
    return this.#columns.entries(slot)
  }

  /** The entries that the state refers to, each once. */
  refs(slot: number): EntryRef[] {
    const refs = this.#columns.has(slot, PRESENT) ? [this.#columns.ref(slot)] : []
    if (this.#columns.has(slot, PATCHED))
      for (const cell of patchCells(this.#patches.get(slot)!)) if (!includes(refs, cell.ref)) refs.push(cell.ref)
    return refs
  }

  /** As `refs`, one for each cell, with what it says. */
  standing(slot: number): StandingEntry[] {
    const found: StandingEntry[] = []
    if (this.#columns.has(slot, PRESENT))
      found.push({ ref: this.#columns.ref(slot), stamp: this.#columns.stamp(slot)!, isDelete: !this.isLive(slot) })
    if (this.#columns.has(slot, PATCHED))
      for (const { ref, stamp } of patchCells(this.#patches.get(slot)!)) found.push({ ref, stamp, isDelete: false })
    return found
  }

  /** The state of an id that some entry names and that is not live. */
  dead(slot: number): DeadState | undefined {
    if (!this.slots.isUsed(slot) || this.isLive(slot)) return undefined
    const stamps = this.standing(slot).map(({ stamp }) => stamp)
    if (stamps.length === 0) return undefined
    return { refs: this.refs(slot), stamps, entries: this.entries(slot) }
  }

  /** What the digest has of a live record. */
  hash(slot: number): Hash64 | undefined {
    if (!this.isLive(slot)) return undefined
    const hash = recordHash(this.id(slot), this.stamp(slot)!)
    return this.#columns.has(slot, PATCHED) ? hashPatch(hash, this.#patches.get(slot)!) : hash
  }

  /** An entry came into a lane. Returns the slot of its id; `NO_SLOT` if it says nothing. */
  came(head: EntryHead): number {
    if (isEmptyHead(head)) return NO_SLOT
    const slot = this.slots.find(head.id) ?? this.slots.take(head.id, () => this.#columns.add())
    this.#columns.countEntries(slot, 1)
    this.slots.touch(slot)
    return slot
  }

  /** The entries of a block left their lane; the table has it still. */
  left(row: BlockRow): void {
    for (const slot of row.slots) {
      if (slot === NO_SLOT) continue
      const isLast = this.#columns.countEntries(slot, -1) === 0
      if (isLast || (row.live > 0 && this.refs(slot).some((ref) => ref.row === row.index))) this.slots.loosen(slot)
    }
  }

  /** Folds an entry that says something, of the id in `slot`. Returns whether a stamp changed. */
  fold(slot: number, head: EntryHead, place: EntryRef): boolean {
    const presence = this.#columns.stamp(slot)
    const order = presence === undefined ? 1 : this.order(head.stamp, presence)
    if (order < 0) return false
    if (order === 0 && (head.kind === 'patch' || !this.blocks.isLater(place, this.#columns.ref(slot)))) return false
    const before = this.refs(slot)
    let isChanged = false
    if (order === 0) this.#columns.setRef(slot, place)
    else {
      const hash = this.hash(slot)
      isChanged = head.kind === 'patch' ? this.#foldPatch(slot, head, place) : this.#foldPresence(slot, head, place)
      if (isChanged) this.#rehash(slot, hash)
    }
    const after = this.refs(slot)
    // Retain first, so that no row is freed in between.
    for (const ref of after) if (!includes(before, ref)) this.blocks.retain(ref)
    for (const ref of before) if (!includes(after, ref)) this.blocks.release(ref)
    return isChanged
  }

  /** Takes out of a state what rests on `isGone` places. Returns whether the record changed: if it was live, it did. */
  forget(slot: number, isGone: (ref: EntryRef) => boolean): boolean {
    const before = this.refs(slot)
    if (!before.some(isGone)) return false
    const wasLive = this.isLive(slot)
    const hash = this.hash(slot)
    if (this.#columns.has(slot, PRESENT) && isGone(this.#columns.ref(slot))) {
      if (wasLive) this.#live--
      else this.#tombstones--
      this.#columns.setFlag(slot, PRESENT, false)
      this.#columns.setFlag(slot, ALIVE, false)
    }
    const patch = this.#patches.get(slot)
    if (patch !== undefined) {
      dropPatchAt(patch, isGone)
      this.#settlePatch(slot, patch)
    }
    this.#rehash(slot, hash)
    const after = this.refs(slot)
    for (const ref of before) {
      if (includes(after, ref)) continue
      this.blocks.row(ref.row).pinnedAt = undefined
      this.blocks.release(ref)
    }
    return wasLive
  }

  /** The digest had `former` of the record. */
  #rehash(slot: number, former: Hash64 | undefined): void {
    const leaf = leafOf(this.id(slot))
    if (former !== undefined) this.digest.toggle(leaf, former)
    const next = this.hash(slot)
    if (next !== undefined) this.digest.toggle(leaf, next)
  }

  #foldPresence(slot: number, head: EntryHead, place: EntryRef): true {
    const isAlive = head.kind === 'put'
    if (this.isLive(slot)) this.#live--
    else if (this.#columns.has(slot, PRESENT)) this.#tombstones--
    if (isAlive) this.#live++
    else this.#tombstones++
    this.#columns.setPresence(slot, head.stamp, isAlive, this.#shapes.number(head.vectors))
    this.#columns.setRef(slot, place)
    const patch = this.#patches.get(slot)
    if (patch !== undefined) {
      dropPatchBelow(patch, head.stamp, this.order)
      this.#settlePatch(slot, patch)
    }
    return true
  }

  #foldPatch(slot: number, head: EntryHead, place: EntryRef): boolean {
    const patch = this.#patches.get(slot) ?? newPatchState()
    const isChanged = foldPatch(patch, head, place, this.#isLater, this.order)
    this.#settlePatch(slot, patch)
    return isChanged
  }

  #settlePatch(slot: number, patch: PatchState): void {
    const isEmpty = isEmptyPatch(patch)
    if (isEmpty) this.#patches.delete(slot)
    else this.#patches.set(slot, patch)
    this.#columns.setFlag(slot, PATCHED, !isEmpty)
  }
}

const includes = (refs: readonly EntryRef[], ref: EntryRef): boolean =>
  refs.some(({ row, offset }) => row === ref.row && offset === ref.offset)
