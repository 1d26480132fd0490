import {
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
import type { ConflictNote, ConflictRow, NotedWrite, Resolution } from './conflict-note.js'
import type { ConflictRows } from './conflict-rows.js'
import { type ConflictLimits, ListedConflicts } from './listed-conflicts.js'

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
  readonly #listed: ListedConflicts

  constructor(
    uid: CollectionUid,
    uids: readonly CollectionUid[],
    rows: ConflictRows,
    limits: ConflictLimits,
    readonly log: Log,
    /** The bytes of an entry whose block is still there, and the incarnation that it is of. */
    readonly entryOf: (id: PointId, write: WatchedWrite) => Side | undefined,
    /** An entry with its vectors by name, as callers know them. */
    readonly shown: (entry: Entry) => Entry,
  ) {
    this.#listed = new ListedConflicts(uid, uids, rows, limits, log)
  }

  get openCount(): number {
    return this.#listed.openCount
  }

  get settledCount(): number {
    return this.#listed.settledCount
  }

  get bytes(): number {
    return this.#listed.bytes
  }

  /** Newest first, from below `before` (exclusive). */
  list(state: 'open' | 'settled', before?: { readonly time: Stamp; readonly id: string }): Iterable<ConflictNote> {
    return this.#listed.newestFirst(state, before)
  }

  /** Records with listed conflicts. */
  points(): readonly PointId[] {
    return this.#listed.points()
  }

  /** Whether the values of any write of a record are kept here, in open or settled conflicts. */
  names(point: PointId): boolean {
    return this.#listed.of(point).length > 0
  }

  /** @throws StoreError `POINT_NOT_FOUND`; `STORAGE_CORRUPT` if its row is damaged. */
  detail(id: string): ConflictDetail {
    const { note, winner, loser } = this.#listed.row(id)
    return { note, winner: this.shown(decodeEntry(winner)), loser: this.shown(decodeEntry(loser)) }
  }

  /** Notes how a conflict was resolved here; nothing if it is not listed any more. */
  resolved(id: string, resolution: Resolution): void {
    if (this.#listed.find(id) === undefined) return
    const row = this.#listed.row(id)
    this.#listed.replace({ ...row, note: { ...row.note, resolution } })
  }

  parties(point: PointId): readonly WatchedWrite[] {
    const party = (write: KnownWrite): WatchedWrite => ({ ...write, place: undefined })
    return this.#listed
      .of(point)
      .filter(({ settledBy }) => settledBy === undefined)
      .flatMap(({ winner, loser }) => [party(winner), party(loser)])
  }

  found(point: PointId, open: readonly FoundConflict<WatchedWrite>[], among: readonly WatchedWrite[]): void {
    const known = this.#listed.of(point)
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
      if (isStillLost) this.#listed.remove(note)
      else this.#settle(note, among)
    }
    for (const row of fresh.values()) this.#listed.add(row)
    this.#listed.bound()
  }

  /** Forgets what is too old. */
  expire(nowMs: number): void {
    this.#listed.expire(nowMs)
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
      for (const { id, winner, loser } of this.#listed.of(point)) {
        const isWinner = compareStamps(winner.head.stamp, write.head.stamp) === 0
        if (!isWinner && compareStamps(loser.head.stamp, write.head.stamp) !== 0) continue
        const row = this.#listed.row(id)
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
    if (by === undefined) this.#listed.remove(note)
    else this.#update(note, { settledBy: by })
  }

  /** A note whose row is damaged goes: its values could not be shown. */
  #update(note: ConflictNote, change: Partial<Pick<ConflictNote, 'rule' | 'settledBy'>>): void {
    try {
      this.#listed.replace({ ...this.#listed.row(note.id), note: { ...note, ...change } })
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.log.error({ error_code: error.code }, `a conflict is not listed any more: ${error.message}`)
      this.#listed.remove(note)
    }
  }
}

/** Whether the note is of the conflict that was found. */
const isOf = (note: ConflictNote, { cell, winner, loser }: FoundConflict<WatchedWrite>): boolean =>
  compareStamps(note.winner.head.stamp, winner.head.stamp) === 0 &&
  compareStamps(note.loser.head.stamp, loser.head.stamp) === 0 &&
  formatCell(note.cell) === formatCell(cell)
