import type { PointId } from '@meridian/core'
import type { EntryRef } from './slot-columns.js'

interface Deferred {
  readonly ms: number
  readonly ref: EntryRef
  readonly id: PointId
}

/** Entries of the future, by time. Kept sorted: they come nearly in order, and there are few unless a clock is badly wrong. */
export class DeferredEntries {
  #entries: Deferred[] = []
  /** Row to the offsets of its entries. */
  readonly #places = new Map<number, Set<number>>()
  /** How many entries name an id. */
  readonly #byId = new Map<PointId, number>()

  get size(): number {
    return this.#entries.length
  }

  nextMs(): number | undefined {
    return this.#entries[0]?.ms
  }

  /** Of those at or before `ms`, the newest time. */
  newestUpTo(ms: number): number | undefined {
    return this.#entries[this.#countUpTo(ms) - 1]?.ms
  }

  /** Whether an entry of this record waits. */
  names(id: PointId): boolean {
    return this.#byId.has(id)
  }

  add(ms: number, ref: EntryRef, id: PointId): void {
    this.#entries.splice(this.#countUpTo(ms), 0, { ms, ref, id })
    this.#byId.set(id, (this.#byId.get(id) ?? 0) + 1)
    const offsets = this.#places.get(ref.row)
    if (offsets === undefined) this.#places.set(ref.row, new Set([ref.offset]))
    else offsets.add(ref.offset)
  }

  /** Everything at or before `nowMs`, earliest first. */
  due(nowMs: number): EntryRef[] {
    return this.#entries.slice(0, this.#countUpTo(nowMs)).map(({ ref }) => ref)
  }

  /** Takes out everything at or before `nowMs`: what `due` named. */
  takeDue(nowMs: number): void {
    for (const { ref, id } of this.#entries.splice(0, this.#countUpTo(nowMs))) {
      this.#forget(id)
      const offsets = this.#places.get(ref.row)!
      offsets.delete(ref.offset)
      if (offsets.size === 0) this.#places.delete(ref.row)
    }
  }

  /** Takes out the entries of one block. */
  takeRow(row: number): EntryRef[] {
    if (!this.#places.delete(row)) return []
    const taken = this.#entries.filter(({ ref }) => ref.row === row)
    this.#entries = this.#entries.filter(({ ref }) => ref.row !== row)
    for (const { id } of taken) this.#forget(id)
    return taken.map(({ ref }) => ref)
  }

  #forget(id: PointId): void {
    const left = this.#byId.get(id)! - 1
    if (left === 0) this.#byId.delete(id)
    else this.#byId.set(id, left)
  }

  has(row: number, offset: number): boolean {
    return this.#places.get(row)?.has(offset) ?? false
  }

  #countUpTo(ms: number): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#entries[middle]!.ms <= ms) low = middle + 1
      else high = middle
    }
    return low
  }
}
