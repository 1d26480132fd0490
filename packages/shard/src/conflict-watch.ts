import {
  type BlockHead,
  compareStamps,
  conflictsAmong,
  decodeEntryHead,
  type EntryHead,
  type FoundConflict,
  hasSeen,
  type KnownWrite,
  type PointId,
  type ReplicaId,
  type StampOrder,
  StoreError,
} from '@meridian/core'
import type { BlockRef, BlockRow } from './block-table.js'
import type { EntryRef } from './slot-columns.js'
import type { WriteWindow } from './write-window.js'

/** Where an entry lies, in names that are not used again. */
export interface EntryPlace {
  readonly ref: BlockRef
  readonly offset: number
  readonly length: number
}

export interface WatchedWrite extends KnownWrite {
  /** `undefined` for one that the sink brought in. A survivor that is appended again has a new one. */
  place: EntryPlace | undefined
}

/** Keeps what the watch finds. */
export interface ConflictSink {
  /** The writes that the record's open conflicts are between. */
  parties(id: PointId): readonly WatchedWrite[]
  /** What is open now; it replaces what was. `among` is all that was looked at. */
  found(id: PointId, open: readonly FoundConflict<WatchedWrite>[], among: readonly WatchedWrite[]): void
}

/** What the watch asks of the view it belongs to. Reads throw what storage throws. */
export interface WatchedView {
  row(index: number): BlockRow
  head(row: BlockRow): BlockHead
  entry(ref: EntryRef): Uint8Array
}

/** Of one record; a busier one loses sight of its oldest. */
const WRITES_OF_RECORD_MAX = 32

/**
 * Notices concurrent writes of one record while they are folded. It remembers recent writes (the window), asks the sink for
 * those of open conflicts, and reads those that show from their blocks; so what it finds does not depend on the order in which
 * writes came, unless more of them than the window holds came in between.
 */
export class ConflictWatch {
  readonly #recent = new Map<PointId, WatchedWrite[]>()
  #isOpen = false
  #first: ReplicaId | undefined
  #hasSeveral = false

  constructor(
    readonly window: WriteWindow,
    readonly sink: ConflictSink,
    readonly order: StampOrder = compareStamps,
  ) {}

  /** Called before the entry at `ref` is folded; `before` gives the entries that the record's state refers to. */
  wrote(
    view: WatchedView,
    head: EntryHead,
    ref: EntryRef,
    block: BlockHead | undefined,
    before: () => readonly EntryRef[],
  ): void {
    const { writer } = head.stamp
    this.#first ??= writer
    this.#hasSeveral ||= writer !== this.#first
    const { id } = head
    const parties = this.sink.parties(id)
    // Of a single writer nothing is in conflict.
    if (!this.#hasSeveral && parties.length === 0) {
      const write = this.#read(view, ref, head, block)
      if (write !== undefined) this.#remember(id, write)
      return
    }
    const recent = this.#recent.get(id) ?? []
    const again = sameWrite(recent, head)
    if (again !== undefined) {
      again.place = placeOf(view.row(ref.row), ref)
      return
    }
    const known = recent.map((each) => informed(each, parties))
    // A party too, which the sink knew from before a restart: it is needed when its conflict is over.
    const read = this.#read(view, ref, head, block)
    const write = read === undefined ? sameWrite(parties, head) : informed(read, parties)
    if (write === undefined) return
    this.#remember(id, write)
    const shown = before()
    const knew = ({ row: index }: EntryRef): boolean => {
      const { origin, seq } = view.row(index)
      return origin === writer || write.seen?.covers({ replica: origin, seq }) === true
    }
    // A write that knew of everything wins what it names, and disputes nothing.
    if (parties.length === 0 && known.every((each) => hasSeen(write, each)) && shown.every(knew)) return
    known.push(write)
    // Until all is folded any party may be among what is to come.
    const standing = this.#isOpen ? new Set(known) : undefined
    for (const each of parties) if (sameWrite(known, each.head) === undefined) known.push(each)
    for (const ref of shown) {
      const each = this.#read(view, ref)
      if (each === undefined) continue
      const same = sameWrite(known, each.head)
      standing?.add(same ?? each)
      if (same !== undefined) continue
      known.push(each)
      // It may stop to show with this write, and still tell something about the next.
      this.#remember(id, each)
    }
    this.sink.found(id, conflictsAmong(known, this.order, standing && ((each) => standing.has(each))), known)
  }

  /** All that was stored is folded: from now on only what is folded can win. */
  opened(): void {
    this.#isOpen = true
  }

  /** Looks again at the open conflicts of a record, of which the entries at `shown` show. A value that cannot be read leaves them as they are. */
  review(view: WatchedView, id: PointId, shown: readonly EntryRef[]): void {
    const known = [...this.sink.parties(id)]
    const standing = new Set<WatchedWrite>()
    for (const ref of shown) {
      const each = this.#read(view, ref)
      if (each === undefined) return
      const same = sameWrite(known, each.head)
      standing.add(same ?? each)
      if (same === undefined) known.push(each)
    }
    if (standing.size === 0 || known.length === standing.size) return
    for (const each of this.#recent.get(id) ?? []) if (sameWrite(known, each.head) === undefined) known.push(each)
    this.sink.found(
      id,
      conflictsAmong(known, this.order, (each) => standing.has(each)),
      known,
    )
  }

  /** The window has no room for it any more. */
  forget(id: PointId, write: WatchedWrite): void {
    const writes = this.#recent.get(id)
    const at = writes?.indexOf(write) ?? -1
    if (at < 0) return
    writes!.splice(at, 1)
    if (writes!.length === 0) this.#recent.delete(id)
  }

  #remember(id: PointId, write: WatchedWrite): void {
    const writes = this.#recent.get(id)
    if (writes === undefined) this.#recent.set(id, [write])
    else {
      if (writes.length >= WRITES_OF_RECORD_MAX) writes.shift()
      writes.push(write)
    }
    this.window.add(this, id, write)
  }

  /** `undefined` for a write whose block cannot be read: a conflict may go unnoticed, the fold goes on. */
  #read(view: WatchedView, ref: EntryRef, known?: EntryHead, of?: BlockHead): WatchedWrite | undefined {
    try {
      const row = view.row(ref.row)
      const head = known ?? decodeEntryHead(view.entry(ref))
      const block = of ?? view.head(row)
      return {
        head,
        dot: { replica: row.origin, seq: row.seq },
        seen: block.moved ? undefined : block.seen,
        place: placeOf(row, ref),
      }
    } catch (error) {
      if (error instanceof StoreError) return undefined
      throw error
    }
  }
}

/** A survivor that was appended again does not say what its writer knew; the sink remembers. */
const informed = (write: WatchedWrite, parties: readonly WatchedWrite[]): WatchedWrite => {
  if (write.seen !== undefined) return write
  const { dot, seen } = sameWrite(parties, write.head) ?? write
  return { ...write, dot, seen }
}

const placeOf = ({ ref }: BlockRow, { offset, length }: EntryRef): EntryPlace => ({ ref, offset, length })

const sameWrite = (writes: readonly WatchedWrite[], { stamp }: EntryHead): WatchedWrite | undefined =>
  writes.find(({ head }) => compareStamps(head.stamp, stamp) === 0)
