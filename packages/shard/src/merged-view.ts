import {
  assert,
  type BlockHead,
  type CheckedBlock,
  type ContentMark,
  compareStamps,
  Digest,
  decodeBlock,
  decodeBlockHead,
  decodeEntryHead,
  decodeEntryPayload,
  decodeEntryVector,
  type EntryHead,
  formatStamp,
  isOrderFixed,
  type Hash64,
  type JsonObject,
  leafOf,
  type PointId,
  recordHash,
  type Stamp,
  type StampOrder,
  StoreError,
  setOwn,
  type VectorValue,
} from '@meridian/core'
import { BlockCache } from './block-cache.js'
import { type BlockRef, type BlockRow, BlockTable, NO_SLOT } from './block-table.js'
import { cleaningDebt, type CleaningOptions, type CleaningPlan, planCleaning, type StandingEntry } from './cleaning.js'
import type { ConflictWatch, EntryPlace, WatchedView } from './conflict-watch.js'
import { type ContentBlock, hasContent } from './content-of.js'
import { DeferredEntries } from './deferred-entries.js'
import { type ForgettingOptions, isForgettable } from './forgetting.js'
import { type Contribution, contributionsOf } from './history.js'
import {
  dropPatchAt,
  dropPatchBelow,
  foldPatch,
  hashPatch,
  isEmptyHead,
  isEmptyPatch,
  newPatchState,
  type PatchState,
  patchCells,
} from './patch-state.js'
import { ShapeTable } from './shape-table.js'
import { SlotBook } from './slot-book.js'
import { ALIVE, type EntryRef, PATCHED, PRESENT, SlotColumns } from './slot-columns.js'

export interface FoldOptions {
  /** Entries stamped later than this (ms, exclusive) are set aside until `release`: the clock guard. */
  readonly deferAbove?: number | undefined
  /** What the bytes were found to say when they were checked, as views on them: they are not read again. */
  readonly checked?: CheckedBlock | undefined
}

export interface DigestReader {
  root(): string
  leaf(index: number): string
}

/** A few blocks: neighbours are read together. A larger cache stands behind `read`, shared by all views. */
const CACHE_BYTES = 256 * 1024

/**
 * What all blocks amount to: a fold of every entry with the meaning of core's `merge`, as compact as can be searched and
 * served from. A slot is the number of an id, from 0, until no lane names the id and `free` lets it go. Values stay in the blocks: a slot knows
 * where they lie.
 *
 *  1. For any set of folded blocks, in any order, the state of each id is core's `merge` of its entries, those apart that were
 *     forgotten. Who forgets sees to it that they never mattered again.
 *  2. `drop` never changes the state of any id.
 *  3. An entry is live when the state of its id refers to it, or while it is deferred. Of two copies of one write the one in
 *     the later place is live (`BlockTable.isLater`).
 *  4. The digest is a function of the live records' stamps alone.
 *
 * Every read of a value may call `read`, and throws what that throws.
 */
export class MergedView {
  readonly #read: (ref: BlockRef) => Uint8Array
  readonly #book = new SlotBook()
  readonly #columns = new SlotColumns()
  readonly #shapes = new ShapeTable()
  readonly #patches = new Map<number, PatchState>()
  readonly #blocks = new BlockTable()
  readonly #deferred = new DeferredEntries()
  readonly #cache = new BlockCache(CACHE_BYTES)
  readonly #digest = new Digest()
  #live = 0
  #tombstones = 0
  #newestMs = 0

  readonly #watch: ConflictWatch | undefined
  readonly #watched: WatchedView = {
    row: (index) => this.#blocks.row(index),
    head: (row) => decodeBlockHead(this.#bytes(row)),
    entry: (ref) => this.#entry(ref),
  }

  /**
   * `read` gives the bytes of a folded block that was not dropped; the view does not change them. `watch` is shown every entry
   * before it is folded. `order` says which of two writes wins; the default is core's.
   */
  constructor(
    read: (ref: BlockRef) => Uint8Array,
    watch?: ConflictWatch,
    readonly order: StampOrder = compareStamps,
  ) {
    this.#read = read
    this.#watch = watch
  }

  /** Folds a block; one that is known already is passed over. Returns the slots whose stamps changed, each once. */
  fold(ref: BlockRef, bytes: Uint8Array, options: FoldOptions = {}): number[] {
    if (this.#blocks.find(ref) !== undefined) return []
    const own = ownBytes(bytes)
    const block = options.checked ?? decodeBlock(bytes)
    const { seq, entries } = block
    const heads = options.checked?.heads ?? entries.map(decodeEntryHead)
    const entryBytes = entries.reduce((sum, entry) => sum + entry.length, 0)
    const slots = Uint32Array.from(heads, (head) => this.#counted(head))
    const row = this.#blocks.add(ref, seq, own.length, slots, entryBytes)
    this.#cache.set(row.index, own)
    const changed = new Set<number>()
    for (const [i, entry] of entries.entries()) {
      const place = { row: row.index, offset: entry.byteOffset - bytes.byteOffset, length: entry.length }
      const head = heads[i]!
      if (options.deferAbove !== undefined && head.stamp.ms > options.deferAbove) {
        this.#deferred.add(head.stamp.ms, place, head.id)
        this.#blocks.retain(place)
      } else this.#foldEntry(head, place, changed, block)
    }
    return [...changed]
  }

  /** All blocks that were stored are folded: conflicts that are known of `ids` are looked at in the light of what shows. */
  opened(ids: Iterable<PointId>): void {
    this.#watch?.opened()
    for (const id of ids) {
      const slot = this.#book.find(id)
      if (slot !== undefined) this.#watch?.review(this.#watched, id, this.#refs(slot))
    }
  }

  /** Folds the deferred entries stamped at or before `nowMs`. Returns the slots that changed, each once. */
  release(nowMs: number): number[] {
    const changed = new Set<number>()
    const heads = this.#deferred.due(nowMs).map((ref) => ({ ref, head: decodeEntryHead(this.#entry(ref)) }))
    this.#deferred.takeDue(nowMs)
    for (const { ref, head } of heads) {
      this.#foldEntry(head, ref, changed)
      this.#releaseRef(ref)
    }
    return [...changed]
  }

  /** Time of the earliest deferred entry. */
  nextDeferredMs(): number | undefined {
    return this.#deferred.nextMs()
  }

  /** Whether a write of this record is deferred: what is shown of it is then not the newest that is here. */
  isDeferred(id: PointId): boolean {
    return this.#deferred.names(id)
  }

  /** Time of the latest deferred entry that `release(nowMs)` would fold. */
  newestDueMs(nowMs: number): number | undefined {
    return this.#deferred.newestUpTo(nowMs)
  }

  /** Time of the newest entry folded, deferred ones apart; 0 before any. */
  get newestMs(): number {
    return this.#newestMs
  }

  get deferredCount(): number {
    return this.#deferred.size
  }

  /**
   * The block is about to be removed from its lane and from storage: its bytes are held in memory if anything in it is needed, and the answer is true.
   * Call it while `read` still has them; `drop` lets go of what its survivors have replaced by then.
   */
  hold(ref: BlockRef): boolean {
    const row = this.#blocks.find(ref)
    if (row === undefined || row.live === 0) return false
    row.kept ??= this.#bytes(row).slice()
    return true
  }

  /** As `drop`, for a block that left its lane before a restart and was folded from bytes that the caller had kept. */
  dropHeld(ref: BlockRef, bytes: Uint8Array): void {
    const row = this.#blocks.find(ref)
    if (row !== undefined) row.kept ??= bytes
    this.drop(ref)
  }

  /**
   * The block was removed from its lane. Call it after folding the blocks that carry its survivors. If it holds entries that are
   * still needed here (its owner let a superseder win that is deferred, or has not come, here), the bytes that were held stay
   * until something replaces them, so that no record blinks out. Without `hold`, they are read now; if that fails too, the
   * state stands and later reads of those values throw.
   */
  drop(ref: BlockRef): void {
    const row = this.#blocks.find(ref)
    if (row === undefined) return
    for (const entry of this.#deferred.takeRow(row.index)) this.#blocks.release(entry)
    if (row.live > 0) {
      try {
        this.hold(ref)
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
      }
    }
    for (const slot of row.slots) {
      if (slot === NO_SLOT) continue
      const isLast = this.#columns.countEntries(slot, -1) === 0
      if (isLast || (row.live > 0 && this.#stateRefs(slot).some((ref) => ref.row === row.index)))
        this.#book.loosen(slot)
    }
    if (this.#blocks.drop(row)) this.#cache.delete(row.index)
  }

  /** The bytes of an entry; `undefined` once its block is gone from its lane. */
  entryAt({ ref, offset, length }: EntryPlace): Uint8Array | undefined {
    const row = this.#blocks.find(ref)
    return row === undefined ? undefined : this.#entry({ row: row.index, offset, length })
  }

  /**
   * Whether `bytes` can be those of a block that was folded: of its length and transaction, with entries of the same ids in the
   * same places. `undefined` for one that was not.
   */
  matches(ref: BlockRef, bytes: Uint8Array): boolean | undefined {
    const row = this.#blocks.find(ref)
    if (row === undefined) return undefined
    const { seq, entries } = decodeBlock(bytes)
    if (bytes.length !== row.bytes || seq !== row.seq || entries.length !== row.entries) return false
    return entries.every((entry, i) => {
      const head = decodeEntryHead(entry)
      const slot = row.slots[i]!
      return slot === NO_SLOT ? isEmptyHead(head) : this.#book.find(head.id) === slot
    })
  }

  /** The transaction that wrote a folded block. */
  seqOf(ref: BlockRef): number | undefined {
    return this.#blocks.find(ref)?.seq
  }

  /** The slots that the entries of a folded block name, each once. */
  slotsIn(ref: BlockRef): number[] {
    const slots = new Set(this.#blocks.find(ref)?.slots)
    slots.delete(NO_SLOT)
    return [...slots]
  }

  /** What the digest has of a live record: 16 hex digits; `undefined` for one that is not live. */
  liveHash(slot: number): string | undefined {
    return this.#hash(slot)?.toString()
  }

  /** The encoded entries that the state of an id refers to, and the document that each lies in. */
  entriesOf(slot: number): { readonly doc: number; readonly bytes: Uint8Array }[] {
    return this.#stateRefs(slot).map((ref) => ({ doc: this.#blocks.row(ref.row).ref.doc, bytes: this.#entry(ref) }))
  }

  /** The blocks in lanes that have content of the id in `slot`, whether it is shown or superseded. Looks at all that name it. */
  *contentOf(slot: number): Iterable<ContentBlock> {
    if (this.#columns.entries(slot) === 0) return
    for (const row of this.#blocks.inLanes())
      if (hasContent(row, slot, () => this.#bytes(row))) yield { ref: row.ref, origin: row.origin, seq: row.seq }
  }

  isFolded(ref: BlockRef): boolean {
    return this.#blocks.find(ref) !== undefined
  }

  /** The slot of an id that some entry named, live or not. */
  find(id: PointId): number | undefined {
    return this.#book.find(id)
  }

  id(slot: number): PointId {
    return this.#book.id(slot)
  }

  isLive(slot: number): boolean {
    return this.#columns.has(slot, ALIVE)
  }

  get liveCount(): number {
    return this.#live
  }

  /** Ids whose newest put or delete is a delete. */
  get tombstoneCount(): number {
    return this.#tombstones
  }

  /** Slots that ever stood for an id; each is below. */
  get slotCount(): number {
    return this.#columns.count
  }

  /** Slots whose ids no lane names, or whose states rest on blocks that left their lanes. */
  get looseCount(): number {
    return this.#book.looseCount
  }

  /**
   * Records among them of which something else may show once they are let go: live ones, of which what superseded them has not come,
   * waits for its time, or was forgotten; and those that lanes have more of, which may be below what is gone by this policy alone.
   */
  get orphanCount(): number {
    let count = 0
    for (const slot of this.#book.loose())
      if (this.#isStale(slot) && (this.isLive(slot) || this.#columns.entries(slot) > 0)) count++
    return count
  }

  #isStale(slot: number): boolean {
    return this.#stateRefs(slot).some(({ row }) => this.#blocks.row(row).isDropped)
  }

  /** Whether the owner of a lane may forget what it has of an id that is not live: see `isForgettable`. */
  isForgettable(slot: number, options: ForgettingOptions): boolean {
    if (!this.#book.isUsed(slot) || this.isLive(slot)) return false
    const isPresent = this.#columns.has(slot, PRESENT)
    const patch = this.#columns.has(slot, PATCHED) ? this.#patches.get(slot)! : undefined
    if (!isPresent && patch === undefined) return false
    const stamps = patch === undefined ? [] : [...patchCells(patch)].map(({ stamp }) => stamp)
    if (isPresent) stamps.push(this.#columns.stamp(slot)!)
    const state = { refs: this.#stateRefs(slot), stamps, entries: this.#columns.entries(slot) }
    return isForgettable(state, options, this.#blocks)
  }

  /** Text that changes with every write that the state of an id is made of; empty without any. */
  stateVersion(slot: number): string {
    return this.history(slot)
      .map(({ what, name, stamp }) => `${what}${name ?? ''}${formatStamp(stamp)}`)
      .join()
  }

  /** The id is as if nothing had ever been written of it; its entries that still lie in lanes are dead from now on. */
  forget(slot: number): void {
    this.#forgetAt(slot, () => true)
  }

  /** Begins a round of `letGo`, of at most `max` slots. */
  collectLoose(max: number): void {
    this.#book.collect(max)
  }

  /** Slots, at most `max`, that have been loose since the round began. */
  looseSlots(max: number): number[] {
    return this.#book.due(max)
  }

  /**
   * Takes out of the states of loose slots what lies in no lane any more. Only when nothing is deferred, and everything is here that
   * superseded it anywhere: then its own superseder was forgotten, or is below it here and was above it under the policy of the
   * owner who cleaned it. What lies below it in lanes shows again. Returns the slots whose records changed. `free` follows.
   */
  letGo(slots: readonly number[]): number[] {
    const changed = new Set<number>()
    const uncovered = new Set<number>()
    for (const slot of slots) {
      const isRemoved = this.#isStale(slot)
      if (this.#forgetAt(slot, ({ row }) => this.#blocks.row(row).isDropped)) changed.add(slot)
      if (isRemoved && this.#columns.entries(slot) > this.#stateRefs(slot).length) uncovered.add(slot)
    }
    if (uncovered.size > 0) this.#foldAgain(uncovered, changed)
    return [...changed]
  }

  /** All that lanes have of these slots, but for what cannot be read: anti-entropy finds that once it is repaired. Looks at all blocks. */
  #foldAgain(slots: ReadonlySet<number>, changed: Set<number>): void {
    for (const row of this.#blocks.inLanes()) {
      if (!row.slots.some((slot) => slots.has(slot))) continue
      try {
        const bytes = this.#bytes(row)
        for (const [i, entry] of decodeBlock(bytes).entries.entries()) {
          const place = { row: row.index, offset: entry.byteOffset - bytes.byteOffset, length: entry.length }
          if (slots.has(row.slots[i]!) && !this.#deferred.has(row.index, place.offset))
            this.#foldEntry(decodeEntryHead(entry), place, changed)
        }
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
      }
    }
  }

  /** After `letGo`: if no lane names the id, it is gone, and another gets the number after the next round has begun. */
  free(slot: number): boolean {
    const isFree = this.#columns.entries(slot) === 0
    if (isFree) this.#book.free(slot)
    else this.#book.keep(slot)
    return isFree
  }

  #forgetAt(slot: number, isGone: (ref: EntryRef) => boolean): boolean {
    const before = this.#refs(slot)
    if (!before.some(isGone)) return false
    const wasLive = this.isLive(slot)
    const leaf = leafOf(this.id(slot))
    const hash = this.#hash(slot)
    if (hash !== undefined) this.#digest.toggle(leaf, hash)
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
    const next = this.#hash(slot)
    if (next !== undefined) this.#digest.toggle(leaf, next)
    const after = this.#refs(slot)
    for (const ref of before) {
      if (includes(after, ref)) continue
      this.#blocks.row(ref.row).pinnedAt = undefined
      this.#releaseRef(ref)
    }
    return wasLive
  }

  /** Ascending. */
  *liveSlots(): Iterable<number> {
    for (let slot = 0; slot < this.#columns.count; slot++) if (this.isLive(slot)) yield slot
  }

  /** Of the newest put or delete; `undefined` when only patches have come. */
  stamp(slot: number): Stamp | undefined {
    return this.#columns.stamp(slot)
  }

  /** Of the write that a new one of the record would have to win over. */
  newestContent(slot: number): ContentMark | undefined {
    let newest = this.#columns.stamp(slot)
    if (this.#columns.has(slot, PATCHED))
      for (const { stamp } of patchCells(this.#patches.get(slot)!))
        if (newest === undefined || this.order(stamp, newest) > 0) newest = stamp
    return newest?.content
  }

  /** The transaction number (of its own replica) of the block with the newest write of the record; 0 without any. */
  newestSeq(slot: number): number {
    if (this.#columns.has(slot, PATCHED)) return this.history(slot)[0]!.seq
    return this.#columns.has(slot, PRESENT) ? this.#blocks.row(this.#columns.ref(slot).row).seq : 0
  }

  /** A fresh object; empty for a record that is not live. */
  payload(slot: number): JsonObject {
    if (!this.isLive(slot)) return {}
    const patch = this.#patches.get(slot)
    const payload = patch?.cleared === undefined ? decodeEntryPayload(this.#entry(this.#columns.ref(slot))) : {}
    for (const [key, cell] of patch?.payload ?? []) {
      if (cell.isRemoved) delete payload[key]
      else setOwn(payload, key, decodeEntryPayload(this.#entry(cell.ref))[key]!)
    }
    return payload
  }

  /** Fresh arrays; `undefined` for a record that is not live or has no such vector. */
  vector(slot: number, name: string): VectorValue | undefined {
    if (!this.isLive(slot)) return undefined
    const cell = this.#patches.get(slot)?.vectors.get(name)
    if (cell?.isRemoved) return undefined
    return decodeEntryVector(this.#entry(cell?.ref ?? this.#columns.ref(slot)), name)
  }

  vectorNames(slot: number): string[] {
    if (!this.isLive(slot)) return []
    const put = this.#shapes.names(this.#columns.shape(slot))
    const patched = this.#patches.get(slot)?.vectors
    if (patched === undefined) return [...put]
    const names = new Set(put)
    for (const [name, cell] of patched) {
      if (cell.isRemoved) names.delete(name)
      else names.add(name)
    }
    return [...names]
  }

  /** Text that changes when the vector does: the formatted stamp of its newest write. Reads no block. */
  vectorVersion(slot: number, name: string): string | undefined {
    if (!this.isLive(slot)) return undefined
    const cell = this.#patches.get(slot)?.vectors.get(name)
    if (cell !== undefined) return cell.isRemoved ? undefined : formatStamp(cell.stamp)
    return this.#shapes.names(this.#columns.shape(slot)).includes(name) ? formatStamp(this.stamp(slot)!) : undefined
  }

  /** The writes that make up the state of an id, newest first. */
  history(slot: number): Contribution[] {
    const stamp = this.stamp(slot)
    const presence = stamp && { stamp, ref: this.#columns.ref(slot), isAlive: this.isLive(slot) }
    return contributionsOf(presence, this.#patches.get(slot), this.#blocks, this.order)
  }

  /** Bytes of all blocks in all lanes. */
  get logBytes(): number {
    return this.#blocks.logBytes
  }

  /** Bytes of the entries that are still needed. */
  get liveBytes(): number {
    return this.#blocks.liveBytes
  }

  get digest(): DigestReader {
    return this.#digest
  }

  /** What the owner of a lane may clean now; `undefined` when there is nothing worth a transaction. See `planCleaning`. */
  cleaningPlan(options: CleaningOptions): CleaningPlan | undefined {
    return planCleaning(options, this.#blocks, {
      bytes: (row) => this.#bytes(row),
      standing: (id) => {
        const slot = this.#book.find(id)
        return slot === undefined ? [] : this.#standing(slot)
      },
      isDeferred: (row, offset) => this.#deferred.has(row.index, offset),
      isOrderFixed: (one, other) => this.isOrderFixed(one, other),
    })
  }

  /** Whether two writes are in the same order whatever policy comes: cleaning goes by that. */
  isOrderFixed(a: Stamp, b: Stamp): boolean {
    return isOrderFixed(a, b)
  }

  /** How pressing cleaning is: 1 where a lane is as large as it may be. See `cleaningDebt`. */
  cleaningDebt(options: Pick<CleaningOptions, 'mine' | 'doc' | 'amplificationMax'>): number {
    return cleaningDebt(options, this.#blocks)
  }

  #foldEntry(head: EntryHead, place: EntryRef, changed: Set<number>, block?: BlockHead): void {
    if (head.stamp.ms > this.#newestMs) this.#newestMs = head.stamp.ms
    if (isEmptyHead(head)) return
    const slot = this.#book.find(head.id)
    assert(slot !== undefined, 'the id of an entry was given a slot when its block came')
    this.#watch?.wrote(this.#watched, head, place, block, () => this.#refs(slot))
    const presence = this.#columns.stamp(slot)
    const order = presence === undefined ? 1 : this.order(head.stamp, presence)
    if (order < 0) return
    if (order === 0 && (head.kind === 'patch' || !this.#blocks.isLater(place, this.#columns.ref(slot)))) return
    const before = this.#refs(slot)
    if (head.kind !== 'patch' && order === 0) this.#columns.setRef(slot, place)
    else {
      const hash = this.#hash(slot)
      if (head.kind === 'patch' ? this.#foldPatch(slot, head, place) : this.#foldPresence(slot, head, place)) {
        changed.add(slot)
        const leaf = leafOf(head.id)
        if (hash !== undefined) this.#digest.toggle(leaf, hash)
        const next = this.#hash(slot)
        if (next !== undefined) this.#digest.toggle(leaf, next)
      }
    }
    const after = this.#refs(slot)
    // Retain first, so that no row is freed in between.
    for (const ref of after) if (!includes(before, ref)) this.#blocks.retain(ref)
    for (const ref of before) if (!includes(after, ref)) this.#releaseRef(ref)
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
    const isChanged = foldPatch(patch, head, place, (a, b) => this.#blocks.isLater(a, b), this.order)
    this.#settlePatch(slot, patch)
    return isChanged
  }

  #settlePatch(slot: number, patch: PatchState): void {
    const isEmpty = isEmptyPatch(patch)
    if (isEmpty) this.#patches.delete(slot)
    else this.#patches.set(slot, patch)
    this.#columns.setFlag(slot, PATCHED, !isEmpty)
  }

  /** The slot of an entry that came into a lane. */
  #counted(head: EntryHead): number {
    if (isEmptyHead(head)) return NO_SLOT
    const slot = this.#book.find(head.id) ?? this.#book.take(head.id, () => this.#columns.add())
    this.#columns.countEntries(slot, 1)
    this.#book.touch(slot)
    return slot
  }

  /** The entries that the state of the slot refers to, each once. */
  #refs(slot: number): EntryRef[] {
    return this.#stateRefs(slot)
  }

  /** Of those, the ones that say what the record is: its newest put or delete and the patches on it. */
  #stateRefs(slot: number): EntryRef[] {
    const refs = this.#columns.has(slot, PRESENT) ? [this.#columns.ref(slot)] : []
    if (this.#columns.has(slot, PATCHED))
      for (const cell of patchCells(this.#patches.get(slot)!)) if (!includes(refs, cell.ref)) refs.push(cell.ref)
    return refs
  }

  #standing(slot: number): StandingEntry[] {
    const found: StandingEntry[] = []
    if (this.#columns.has(slot, PRESENT))
      found.push({ ref: this.#columns.ref(slot), stamp: this.#columns.stamp(slot)!, isDelete: !this.isLive(slot) })
    if (this.#columns.has(slot, PATCHED))
      for (const { ref, stamp } of patchCells(this.#patches.get(slot)!)) found.push({ ref, stamp, isDelete: false })
    return found
  }

  #hash(slot: number): Hash64 | undefined {
    if (!this.isLive(slot)) return undefined
    const hash = recordHash(this.id(slot), this.stamp(slot)!)
    return this.#columns.has(slot, PATCHED) ? hashPatch(hash, this.#patches.get(slot)!) : hash
  }

  #releaseRef(ref: EntryRef): void {
    if (this.#blocks.release(ref)) this.#cache.delete(ref.row)
  }

  #entry({ row, offset, length }: EntryRef): Uint8Array {
    return this.#bytes(this.#blocks.row(row)).subarray(offset, offset + length)
  }

  #bytes(row: BlockRow): Uint8Array {
    const known = row.kept ?? this.#cache.get(row.index)
    if (known !== undefined) return known
    const bytes = this.#read(row.ref)
    assert(bytes.length === row.bytes, `block ${row.ref.client}:${row.ref.clock} has the length it was folded with`)
    this.#cache.set(row.index, bytes)
    return bytes
  }
}

const includes = (refs: readonly EntryRef[], ref: EntryRef): boolean =>
  refs.some(({ row, offset }) => row === ref.row && offset === ref.offset)

/** A small view would keep the whole frame that it came in alive. */
const ownBytes = (bytes: Uint8Array): Uint8Array => (bytes.buffer.byteLength > bytes.length * 2 ? bytes.slice() : bytes)
