import { assert, type CollectionUid, type Log, type PointId, type Stamp, StoreError } from '@meridian/core'
import { type ConflictNote, type ConflictRow, decodeConflict, encodeConflict, sidesOf } from './conflict-note.js'
import { conflictKey, type ConflictRows } from './conflict-rows.js'
import { NoteList } from './note-list.js'

export interface ConflictLimits {
  /** Listed conflicts of a collection; beyond it the settled ones go first, then the oldest. */
  readonly conflictsMax: number
  /** Bytes of their rows: both writes in full. */
  readonly conflictBytesMax: number
  /** Of the newer write. */
  readonly conflictAgeMs: number
}

/**
 * The conflicts of one collection that are listed, and their rows: by id, by record, in order of time. Count, bytes and age are
 * bounded; memory holds no values.
 */
export class ListedConflicts {
  readonly #open = new NoteList()
  readonly #settled = new NoteList()
  readonly #byPoint = new Map<PointId, ConflictNote[]>()
  readonly #sizes = new Map<string, number>()
  #bytes = 0

  /** With what is stored of any incarnation that counts. */
  constructor(
    readonly uid: CollectionUid,
    /** Incarnations that count. */
    uids: readonly CollectionUid[],
    readonly rows: ConflictRows,
    readonly limits: ConflictLimits,
    readonly log: Log,
  ) {
    for (const each of uids) for (const key of rows.keys(each)) this.#load(key, uids)
  }

  #load(key: string, uids: readonly CollectionUid[]): void {
    try {
      const bytes = this.rows.get(key)
      if (bytes === undefined) return
      const { note } = decodeConflict(bytes)
      if (this.find(note.id) !== undefined) return
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
  *newestFirst(
    state: 'open' | 'settled',
    before?: { readonly time: Stamp; readonly id: string },
  ): Iterable<ConflictNote> {
    yield* (state === 'open' ? this.#open : this.#settled).newestFirst(before)
  }

  /** Records with listed conflicts. */
  points(): readonly PointId[] {
    return [...this.#byPoint.keys()]
  }

  /** The conflicts of a record, settled ones too. Owned by this: it may change with the next change. */
  of(point: PointId): readonly ConflictNote[] {
    return this.#byPoint.get(point) ?? []
  }

  find(id: string): ConflictNote | undefined {
    return this.#open.get(id) ?? this.#settled.get(id)
  }

  /** @throws StoreError `POINT_NOT_FOUND`; `STORAGE_CORRUPT` if it is damaged. */
  row(id: string): ConflictRow {
    const note = this.find(id)
    if (note === undefined)
      throw new StoreError(
        'POINT_NOT_FOUND',
        `No conflict ${id.slice(0, 40)} is listed: list them again, it may be over`,
      )
    const bytes = this.rows.get(this.#key(id))
    if (bytes === undefined) throw new StoreError('STORAGE_CORRUPT', `conflict row ${this.#key(id)} is missing`)
    return { ...sidesOf(bytes), note }
  }

  add(row: ConflictRow): void {
    const bytes = encodeConflict(row)
    this.rows.put(this.#key(row.note.id), bytes)
    this.#insert(row.note, bytes.length)
  }

  /** Lists it as it is now in place of as it was. */
  replace(row: ConflictRow): void {
    const before = this.find(row.note.id)
    assert(before !== undefined, `conflict ${row.note.id} is listed`)
    this.#unlink(before)
    this.add(row)
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

  remove(note: ConflictNote): void {
    this.#unlink(note)
    this.rows.delete(this.#key(note.id))
  }

  /** Forgets what is too old. */
  expire(nowMs: number): void {
    for (const list of [this.#open, this.#settled])
      for (const note of list.olderThan(nowMs - this.limits.conflictAgeMs)) this.remove(note)
  }

  /** Lets go of what is too much. */
  bound(): void {
    const { conflictsMax, conflictBytesMax } = this.limits
    while (this.#sizes.size > conflictsMax || (this.#bytes > conflictBytesMax && this.#sizes.size > 0))
      this.remove(this.#settled.oldest ?? this.#open.oldest!)
  }

  #key(id: string): string {
    return conflictKey(this.uid, id)
  }
}
