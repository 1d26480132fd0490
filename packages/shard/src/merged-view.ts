import {
  assert,
  type BlockHead,
  type CheckedBlock,
  compareStamps,
  decodeBlock,
  decodeBlockHead,
  decodeEntryHead,
  type EntryHead,
  isOrderFixed,
  type PointId,
  type Stamp,
  type StampOrder,
  StoreError,
} from '@meridian/core'
import { type BlockRef, NO_SLOT } from './block-table.js'
import { cleaningDebt, type CleaningOptions, type CleaningPlan, planCleaning } from './cleaning.js'
import type { ConflictWatch, EntryPlace, WatchedView } from './conflict-watch.js'
import { type ContentBlock, hasContent } from './content-of.js'
import { DeferredEntries } from './deferred-entries.js'
import { FoldedBlocks } from './folded-blocks.js'
import { type ForgettingOptions, isForgettable } from './forgetting.js'
import { LooseSlots } from './loose-slots.js'
import { isEmptyHead } from './patch-state.js'
import { RecordView } from './record-view.js'
import type { EntryRef } from './slot-columns.js'

export type { DigestReader } from './record-view.js'

export interface FoldOptions {
  /** Entries stamped later than this (ms, exclusive) are set aside until `release`: the clock guard. */
  readonly deferAbove?: number | undefined
  /** What the bytes were found to say when they were checked, as views on them: they are not read again. */
  readonly checked?: CheckedBlock | undefined
}

/**
 * What all blocks amount to: a fold of every entry with the meaning of core's `merge`, as compact as can be searched and
 * served from. A slot is the number of an id, from 0, until no lane names the id and `free` lets it go. Values stay in the blocks: a slot knows
 * where they lie. What can be read of a record stands in `RecordView`; here is what happens to records.
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
export class MergedView extends RecordView {
  readonly #deferred = new DeferredEntries()
  readonly #loose = new LooseSlots(this.states, this.blocks)
  #newestMs = 0

  readonly #watch: ConflictWatch | undefined
  readonly #watched: WatchedView = {
    row: (index) => this.blocks.row(index),
    head: (row) => decodeBlockHead(this.blocks.bytes(row)),
    entry: (ref) => this.blocks.entry(ref),
  }

  /**
   * `read` gives the bytes of a folded block that was not dropped; the view does not change them. `watch` is shown every entry
   * before it is folded. `order` says which of two writes wins; the default is core's.
   */
  constructor(read: (ref: BlockRef) => Uint8Array, watch?: ConflictWatch, order: StampOrder = compareStamps) {
    super(new FoldedBlocks(read), order)
    this.#watch = watch
  }

  /** Folds a block; one that is known already is passed over. Returns the slots whose stamps changed, each once. */
  fold(ref: BlockRef, bytes: Uint8Array, options: FoldOptions = {}): number[] {
    if (this.blocks.find(ref) !== undefined) return []
    const block = options.checked ?? decodeBlock(bytes)
    const { seq, entries } = block
    const heads = options.checked?.heads ?? entries.map(decodeEntryHead)
    const entryBytes = entries.reduce((sum, entry) => sum + entry.length, 0)
    const slots = Uint32Array.from(heads, (head) => this.states.came(head))
    const row = this.blocks.take(ref, seq, bytes, slots, entryBytes)
    const changed = new Set<number>()
    for (const [i, entry] of entries.entries()) {
      const place = { row: row.index, offset: entry.byteOffset - bytes.byteOffset, length: entry.length }
      const head = heads[i]!
      if (options.deferAbove !== undefined && head.stamp.ms > options.deferAbove) {
        this.#deferred.add(head.stamp.ms, place, head.id)
        this.blocks.retain(place)
      } else this.#foldEntry(head, slots[i]!, place, changed, block)
    }
    return [...changed]
  }

  /** All blocks that were stored are folded: conflicts that are known of `ids` are looked at in the light of what shows. */
  opened(ids: Iterable<PointId>): void {
    this.#watch?.opened()
    for (const id of ids) {
      const slot = this.find(id)
      if (slot !== undefined) this.#watch?.review(this.#watched, id, this.states.refs(slot))
    }
  }

  /** Folds the deferred entries stamped at or before `nowMs`. Returns the slots that changed, each once. */
  release(nowMs: number): number[] {
    const changed = new Set<number>()
    const heads = this.#deferred.due(nowMs).map((ref) => ({ ref, head: decodeEntryHead(this.blocks.entry(ref)) }))
    this.#deferred.takeDue(nowMs)
    for (const { ref, head } of heads) {
      this.#foldEntry(head, this.find(head.id) ?? NO_SLOT, ref, changed)
      this.blocks.release(ref)
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
    const row = this.blocks.find(ref)
    return row !== undefined && this.blocks.hold(row)
  }

  /** As `drop`, for a block that left its lane before a restart and was folded from bytes that the caller had kept. */
  dropHeld(ref: BlockRef, bytes: Uint8Array): void {
    const row = this.blocks.find(ref)
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
    const row = this.blocks.find(ref)
    if (row === undefined) return
    for (const entry of this.#deferred.takeRow(row.index)) this.blocks.release(entry)
    try {
      this.blocks.hold(row)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
    }
    this.states.left(row)
    this.blocks.drop(row)
  }

  isFolded(ref: BlockRef): boolean {
    return this.blocks.find(ref) !== undefined
  }

  /** The transaction that wrote a folded block. */
  seqOf(ref: BlockRef): number | undefined {
    return this.blocks.find(ref)?.seq
  }

  /** The slots that the entries of a folded block name, each once. */
  slotsIn(ref: BlockRef): number[] {
    const slots = new Set(this.blocks.find(ref)?.slots)
    slots.delete(NO_SLOT)
    return [...slots]
  }

  /** The bytes of an entry; `undefined` once its block is gone from its lane. */
  entryAt({ ref, offset, length }: EntryPlace): Uint8Array | undefined {
    const row = this.blocks.find(ref)
    return row === undefined ? undefined : this.blocks.entry({ row: row.index, offset, length })
  }

  /**
   * Whether `bytes` can be those of a block that was folded: of its length and transaction, with entries of the same ids in the
   * same places. `undefined` for one that was not.
   */
  matches(ref: BlockRef, bytes: Uint8Array): boolean | undefined {
    const row = this.blocks.find(ref)
    if (row === undefined) return undefined
    const { seq, entries } = decodeBlock(bytes)
    if (bytes.length !== row.bytes || seq !== row.seq || entries.length !== row.entries) return false
    return entries.every((entry, i) => {
      const head = decodeEntryHead(entry)
      const slot = row.slots[i]!
      return slot === NO_SLOT ? isEmptyHead(head) : this.find(head.id) === slot
    })
  }

  /** The blocks in lanes that have content of the id in `slot`, whether it is shown or superseded. Looks at all that name it. */
  *contentOf(slot: number): Iterable<ContentBlock> {
    if (this.states.entries(slot) === 0) return
    for (const row of this.blocks.inLanes())
      if (hasContent(row, slot, () => this.blocks.bytes(row))) yield { ref: row.ref, origin: row.origin, seq: row.seq }
  }

  /** Bytes of all blocks in all lanes. */
  get logBytes(): number {
    return this.blocks.logBytes
  }

  /** Bytes of the entries that are still needed. */
  get liveBytes(): number {
    return this.blocks.liveBytes
  }

  /** What the owner of a lane may clean now; `undefined` when there is nothing worth a transaction. See `planCleaning`. */
  cleaningPlan(options: CleaningOptions): CleaningPlan | undefined {
    return planCleaning(options, this.blocks, {
      bytes: (row) => this.blocks.bytes(row),
      standing: (id) => {
        const slot = this.find(id)
        return slot === undefined ? [] : this.states.standing(slot)
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
    return cleaningDebt(options, this.blocks)
  }

  /** Whether the owner of a lane may forget what it has of an id that is not live: see `isForgettable`. */
  isForgettable(slot: number, options: ForgettingOptions): boolean {
    const state = this.states.dead(slot)
    return state !== undefined && isForgettable(state, options, this.blocks)
  }

  /** The id is as if nothing had ever been written of it; its entries that still lie in lanes are dead from now on. */
  forget(slot: number): void {
    this.states.forget(slot, () => true)
  }

  /** Slots whose ids no lane names, or whose states rest on blocks that left their lanes. */
  get looseCount(): number {
    return this.#loose.count
  }

  /** Records among them of which something else may show once they are let go. */
  get orphanCount(): number {
    return this.#loose.orphanCount
  }

  /** Begins a round of `letGo`, of at most `max` slots. */
  collectLoose(max: number): void {
    this.#loose.collect(max)
  }

  /** Slots, at most `max`, that have been loose since the round began. */
  looseSlots(max: number): number[] {
    return this.#loose.due(max)
  }

  /**
   * Takes out of the states of loose slots what lies in no lane any more. Only when nothing is deferred, and everything is here that
   * superseded it anywhere: then its own superseder was forgotten, or is below it here and was above it under the policy of the
   * owner who cleaned it. What lies below it in lanes shows again. Returns the slots whose records changed. `free` follows.
   */
  letGo(slots: readonly number[]): number[] {
    const changed = new Set<number>()
    const uncovered = this.#loose.letGo(slots, changed)
    if (uncovered.size > 0) this.#foldAgain(uncovered, changed)
    return [...changed]
  }

  /** After `letGo`: if no lane names the id, it is gone, and another gets the number after the next round has begun. */
  free(slot: number): boolean {
    return this.#loose.free(slot)
  }

  /** All that lanes have of these slots, but for what cannot be read: anti-entropy finds that once it is repaired. Looks at all blocks. */
  #foldAgain(slots: ReadonlySet<number>, changed: Set<number>): void {
    for (const row of this.blocks.inLanes()) {
      if (!row.slots.some((slot) => slots.has(slot))) continue
      try {
        const bytes = this.blocks.bytes(row)
        for (const [i, entry] of decodeBlock(bytes).entries.entries()) {
          const place = { row: row.index, offset: entry.byteOffset - bytes.byteOffset, length: entry.length }
          if (slots.has(row.slots[i]!) && !this.#deferred.has(row.index, place.offset))
            this.#foldEntry(decodeEntryHead(entry), row.slots[i]!, place, changed)
        }
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
      }
    }
  }

  /** `slot` is that of the entry's id: it was given one when its block came, unless it says nothing. */
  #foldEntry(head: EntryHead, slot: number, place: EntryRef, changed: Set<number>, block?: BlockHead): void {
    if (head.stamp.ms > this.#newestMs) this.#newestMs = head.stamp.ms
    if (slot === NO_SLOT) {
      assert(isEmptyHead(head), 'the id of an entry was given a slot when its block came')
      return
    }
    this.#watch?.wrote(this.#watched, head, place, block, () => this.states.refs(slot))
    if (this.states.fold(slot, head, place)) changed.add(slot)
  }
}
