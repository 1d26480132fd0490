import type { EntryRef } from './slot-columns.js'

interface Deferred {
  readonly ms: number
  readonly ref: EntryRef
}

/** Entries of the future, by time. Kept sorted: they come nearly in order, and there are few unless a clock is badly wrong. */
export class DeferredEntries {
  #entries: Deferred[] = []
  /** Row to the offsets of its entries. */
  readonly #places = new Map<number, Set<number>>()

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

  add(ms: number, ref: EntryRef): void {
    this.#entries.splice(this.#countUpTo(ms), 0, { ms, ref })
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
    for (const { ref } of this.#entries.splice(0, this.#countUpTo(nowMs))) {
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
    return taken.map(({ ref }) => ref)
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
