import { compareStamps, type Stamp } from '@meridian/core'
import { type ConflictNote, timeOf } from './conflict-note.js'

/** By time, then by id: the same order everywhere. */
const compare = (a: { time: Stamp; id: string }, b: { time: Stamp; id: string }): number =>
  compareStamps(a.time, b.time) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

const placeOf = (note: ConflictNote) => ({ time: timeOf(note), id: note.id })

/** Notes in order of time. */
export class NoteList {
  readonly #notes = new Map<string, ConflictNote>()
  readonly #sorted: ConflictNote[] = []

  get size(): number {
    return this.#notes.size
  }

  get oldest(): ConflictNote | undefined {
    return this.#sorted[0]
  }

  get(id: string): ConflictNote | undefined {
    return this.#notes.get(id)
  }

  add(note: ConflictNote): void {
    this.#notes.set(note.id, note)
    this.#sorted.splice(this.#countBelow(placeOf(note)), 0, note)
  }

  delete(note: ConflictNote): void {
    if (this.#notes.delete(note.id)) this.#sorted.splice(this.#countBelow(placeOf(note)), 1)
  }

  /** From below `before`, exclusive. */
  *newestFirst(before?: { readonly time: Stamp; readonly id: string }): Iterable<ConflictNote> {
    const end = before === undefined ? this.#sorted.length : this.#countBelow(before)
    for (let i = end - 1; i >= 0; i--) yield this.#sorted[i]!
  }

  olderThan(ms: number): ConflictNote[] {
    const end = this.#sorted.findIndex((note) => timeOf(note).ms >= ms)
    return this.#sorted.slice(0, end < 0 ? this.#sorted.length : end)
  }

  #countBelow(place: { readonly time: Stamp; readonly id: string }): number {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(placeOf(this.#sorted[middle]!), place) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
