import {
  assert,
  type CollectionUid,
  cellValue,
  compareStamps,
  conflictIdOf,
  decodeEntry,
  type Entry,
  type FoundConflict,
  formatCell,
  hasSeen,
  isSameValue,
  type KnownWrite,
  type Log,
  type PointId,
  type Stamp,
  StoreError,
  touches,
} from '@meridian/core'
import type { ConflictSink, WatchedWrite } from '@meridian/shard'
import {
  type ConflictNote,
  type ConflictRow,
  decodeConflict,
  encodeConflict,
  type NotedWrite,
  type Resolution,
  sidesOf,
} from './conflict-note.js'
import { NoteList } from './note-list.js'
import { conflictKey, type ConflictRows } from './conflict-rows.js'

export interface ConflictLimits {
  /** Listed conflicts of a collection; beyond it the settled ones go first, then the oldest. */
  readonly conflictsMax: number
  /** Bytes of their rows: both writes in full. */
  readonly conflictBytesMax: number
  /** Of the newer write. */
  readonly conflictAgeMs: number
}

/** One side, as it is stored. */
export interface Side {
  readonly uid: CollectionUid
  readonly bytes: Uint8Array
}

/** Both sides of a listed conflict. */
export interface ConflictDetail {
  readonly note: ConflictNote
  readonly winner: Entry
  readonly loser: Entry
}

/**
 * The conflicts of one collection.
 *
 *  1. The open ones are a function of the writes that are folded: replicas with the same writes list the same, as long as
 *     neither bound nor cleaning took any away.
 *  2. A conflict is settled by a write that knew the loser: it stays listed where it was seen open.
 *  3. Count, bytes and age are bounded; memory holds no values.
 */
export class ConflictBook implements ConflictSink {
  readonly #open = new NoteList()
  readonly #settled = new NoteList()
  readonly #byPoint = new Map<PointId, ConflictNote[]>()
  readonly #sizes = new Map<string, number>()
  #bytes = 0

  constructor(
    readonly uid: CollectionUid,
    uids: readonly CollectionUid[],
    readonly rows: ConflictRows,
    readonly limits: ConflictLimits,
    readonly log: Log,
    /** The bytes of an entry whose block is still there, and the incarnation that it is of. */
    readonly entryOf: (id: PointId, write: WatchedWrite) => Side | undefined,
    /** An entry with its vectors by name, as callers know them. */
    readonly shown: (entry: Entry) => Entry,
  ) {
    for (const each of uids) for (const key of rows.keys(each)) this.#load(key, uids)
  }

  #load(key: string, uids: readonly CollectionUid[]): void {
    try {
      const bytes = this.rows.get(key)
      if (bytes === undefined) return
      const { note } = decodeConflict(bytes)
      if (this.#find(note.id) !== undefined) return
      if (![note.winner, note.loser].every(({ uid }) => uids.includes(uid))) {
        // What was written to an incarnation that is dropped does not count any more.
        this.rows.delete(key)
        return
      }
      if (key !== this.#key(note.id)) {
        this.rows.put(this.#key(note.id), bytes)
        this.rows.delete(key)
      }
      this.#insert(note, bytes.length)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.log.error({ error_code: error.code, key }, `left out a listed conflict: ${error.message}`)
      this.rows.delete(key)
    }
  }

  get openCount(): number {
    return this.#open.size
  }

  get settledCount(): number {
    return this.#settled.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Newest first, from below `before` (exclusive). */
  *list(state: 'open' | 'settled', before?: { readonly time: Stamp; readonly id: string }): Iterable<ConflictNote> {
    yield* (state === 'open' ? this.#open : this.#settled).newestFirst(before)
  }

  /** Records with listed conflicts. */
  points(): readonly PointId[] {
    return [...this.#byPoint.keys()]
  }

  /** Whether the values of any write of a record are kept here, in open or settled conflicts. */
  names(point: PointId): boolean {
    return this.#byPoint.has(point)
  }

  /** @throws StoreError `POINT_NOT_FOUND`; `STORAGE_CORRUPT` if its row is damaged. */
  detail(id: string): ConflictDetail {
    const { note, winner, loser } = this.#row(id)
    return { note, winner: this.shown(decodeEntry(winner)), loser: this.shown(decodeEntry(loser)) }
  }

  /** Notes how a conflict was resolved here; nothing if it is not listed any more. */
  resolved(id: string, resolution: Resolution): void {
    if (this.#find(id) === undefined) return
    const row = this.#row(id)
    this.#replace({ ...row, note: { ...row.note, resolution } })
  }

  parties(point: PointId): readonly WatchedWrite[] {
    const notes = this.#byPoint.get(point)
    if (notes === undefined) return []
    const party = (write: KnownWrite): WatchedWrite => ({ ...write, place: undefined })
    return notes
      .filter(({ settledBy }) => settledBy === undefined)
      .flatMap(({ winner, loser }) => [party(winner), party(loser)])
  }

  found(point: PointId, open: readonly FoundConflict<WatchedWrite>[], among: readonly WatchedWrite[]): void {
    const known = this.#byPoint.get(point) ?? []
    if (open.length === 0 && known.length === 0) return
    const wanted = new Set<ConflictNote>()
    const fresh = new Map<string, ConflictRow>()
    for (const each of open) {
      const before = known.find((note) => isOf(note, each))
      if (before !== undefined) {
        wanted.add(before)
        // The same write wins for another reason: the policy was changed.
        if (before.settledBy === undefined && before.rule !== each.rule) this.#update(before, { rule: each.rule })
        continue
      }
      const row = this.#rowOf(point, each)
      if (row !== undefined) fresh.set(row.note.id, row)
    }
    for (const note of [...known]) {
      if (note.settledBy !== undefined || wanted.has(note)) continue
      // Against another winner, or, under another policy, as the winner.
      const isStillLost = open.some(
        ({ cell, winner, loser }) =>
          formatCell(cell) === formatCell(note.cell) &&
          [winner, loser].some(({ head }) => compareStamps(head.stamp, note.loser.head.stamp) === 0),
      )
      if (isStillLost) this.#remove(note)
      else this.#settle(note, among)
    }
    for (const row of fresh.values()) this.#add(row)
    this.#bound()
  }

  /** Forgets what is too old. */
  expire(nowMs: number): void {
    for (const list of [this.#open, this.#settled])
      for (const note of list.olderThan(nowMs - this.limits.conflictAgeMs)) this.#remove(note)
  }

  /** `undefined` when the two say the same, or when one of them is gone. */
  #rowOf(point: PointId, { cell, winner, loser, rule }: FoundConflict<WatchedWrite>): ConflictRow | undefined {
    const a = this.#side(point, winner)
    const b = this.#side(point, loser)
    if (a === undefined || b === undefined) return undefined
    if (isSameValue(cellValue(decodeEntry(a.bytes), cell), cellValue(decodeEntry(b.bytes), cell))) return undefined
    const id = conflictIdOf(point, cell, winner.head.stamp, loser.head.stamp)
    const noted = ({ head, dot, seen }: KnownWrite, { uid }: Side): NotedWrite => ({ uid, head, dot, seen })
    const note: ConflictNote = {
      ...{ id, point, cell, rule, winner: noted(winner, a), loser: noted(loser, b) },
      ...{ settledBy: undefined, resolution: undefined },
    }
    return { note, winner: a.bytes, loser: b.bytes }
  }

  #side(point: PointId, write: WatchedWrite): Side | undefined {
    try {
      const there = this.entryOf(point, write)
      if (there !== undefined) return there
      for (const { id, winner, loser } of this.#byPoint.get(point) ?? []) {
        const isWinner = compareStamps(winner.head.stamp, write.head.stamp) === 0
        if (!isWinner && compareStamps(loser.head.stamp, write.head.stamp) !== 0) continue
        const row = this.#row(id)
        return isWinner ? { uid: winner.uid, bytes: row.winner } : { uid: loser.uid, bytes: row.loser }
      }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.log.error({ error_code: error.code, point: String(point) }, `a conflict is not listed: ${error.message}`)
    }
    return undefined
  }

  #settle(note: ConflictNote, among: readonly WatchedWrite[]): void {
    const by = among
      .filter((write) => touches(write, note.cell) && hasSeen(write, note.loser))
      .map(({ head }) => head.stamp)
      .sort(compareStamps)
      .at(-1)
    // Without one, what shows has changed for other reasons (a delete hides it, say), and may change back.
    if (by === undefined) this.#remove(note)
    else this.#update(note, { settledBy: by })
  }

  /** A note whose row is damaged goes: its values could not be shown. */
  #update(note: ConflictNote, change: Partial<Pick<ConflictNote, 'rule' | 'settledBy'>>): void {
    try {
      this.#replace({ ...this.#row(note.id), note: { ...note, ...change } })
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.log.error({ error_code: error.code }, `a conflict is not listed any more: ${error.message}`)
      this.#remove(note)
    }
  }

  #key(id: string): string {
    return conflictKey(this.uid, id)
  }

  #find(id: string): ConflictNote | undefined {
    return this.#open.get(id) ?? this.#settled.get(id)
  }

  #row(id: string): ConflictRow {
    const note = this.#find(id)
    if (note === undefined)
      throw new StoreError(
        'POINT_NOT_FOUND',
        `No conflict ${id.slice(0, 40)} is listed: list them again, it may be over`,
      )
    const bytes = this.rows.get(this.#key(id))
    if (bytes === undefined) throw new StoreError('STORAGE_CORRUPT', `conflict row ${this.#key(id)} is missing`)
    return { ...sidesOf(bytes), note }
  }

  #add(row: ConflictRow): void {
    const bytes = encodeConflict(row)
    this.rows.put(this.#key(row.note.id), bytes)
    this.#insert(row.note, bytes.length)
  }

  #replace(row: ConflictRow): void {
    const before = this.#find(row.note.id)
    assert(before !== undefined, `conflict ${row.note.id} is listed`)
    this.#unlink(before)
    this.#add(row)
  }

  #insert(note: ConflictNote, bytes: number): void {
    ;(note.settledBy === undefined ? this.#open : this.#settled).add(note)
    const notes = this.#byPoint.get(note.point)
    if (notes === undefined) this.#byPoint.set(note.point, [note])
    else notes.push(note)
    this.#sizes.set(note.id, bytes)
    this.#bytes += bytes
  }

  #unlink(note: ConflictNote): void {
    ;(note.settledBy === undefined ? this.#open : this.#settled).delete(note)
    const left = this.#byPoint.get(note.point)!.filter(({ id }) => id !== note.id)
    if (left.length === 0) this.#byPoint.delete(note.point)
    else this.#byPoint.set(note.point, left)
    this.#bytes -= this.#sizes.get(note.id)!
    this.#sizes.delete(note.id)
  }

  #remove(note: ConflictNote): void {
    this.#unlink(note)
    this.rows.delete(this.#key(note.id))
  }

  #bound(): void {
    const { conflictsMax, conflictBytesMax } = this.limits
    while (this.#sizes.size > conflictsMax || (this.#bytes > conflictBytesMax && this.#sizes.size > 0))
      this.#remove(this.#settled.oldest ?? this.#open.oldest!)
  }
}

/** Whether the note is of the conflict that was found. */
const isOf = (note: ConflictNote, { cell, winner, loser }: FoundConflict<WatchedWrite>): boolean =>
  compareStamps(note.winner.head.stamp, winner.head.stamp) === 0 &&
  compareStamps(note.loser.head.stamp, loser.head.stamp) === 0 &&
  formatCell(note.cell) === formatCell(cell)
