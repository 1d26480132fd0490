import { compareIds, type PointId } from '@meridian/core'

/** Ordinals in id order, sorted when somebody asks: appends and removals are remembered and merged in by the next reader. */
export class OrderedIds {
  #sorted: number[] = []
  #added = new Set<number>()
  /** Of those in `#sorted`. */
  readonly #removed = new Set<number>()

  constructor(readonly idOf: (ordinal: number) => PointId) {}

  /** Each ordinal once. */
  add(ordinal: number): void {
    this.#added.add(ordinal)
  }

  /** Ordinals that were added; each may be added again, with another id. */
  remove(ordinals: readonly number[]): void {
    for (const ordinal of ordinals) if (!this.#added.delete(ordinal)) this.#removed.add(ordinal)
  }

  /** From the first id not below `from`, ascending. */
  *from(from?: PointId): Iterable<number> {
    this.#settle()
    const start = from === undefined ? 0 : this.#lowerBound(from)
    // The array is replaced, never changed in place, so an iteration under way is not disturbed.
    const sorted = this.#sorted
    for (let i = start; i < sorted.length; i++) yield sorted[i]!
  }

  #settle(): void {
    if (this.#added.size === 0 && this.#removed.size === 0) return
    const byId = (a: number, b: number) => compareIds(this.idOf(a), this.idOf(b))
    const added = [...this.#added].sort(byId)
    const removed = this.#removed
    const old = removed.size === 0 ? this.#sorted : this.#sorted.filter((ordinal) => !removed.has(ordinal))
    const merged: number[] = new Array(old.length + added.length)
    for (let i = 0, j = 0, k = 0; k < merged.length; k++)
      merged[k] = j >= added.length || (i < old.length && byId(old[i]!, added[j]!) <= 0) ? old[i++]! : added[j++]!
    this.#sorted = merged
    this.#added.clear()
    removed.clear()
  }

  #lowerBound(id: PointId): number {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareIds(this.idOf(this.#sorted[middle]!), id) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
