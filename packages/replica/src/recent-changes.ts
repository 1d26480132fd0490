/** Changes that are remembered; who asks about older ones is told that everything may have changed. */
const REMEMBERED = 4096

/** The ordinals of the latest changes of a collection, so that what was found a moment ago need not be read again. */
export class RecentChanges {
  readonly #ring = new Uint32Array(REMEMBERED)
  #count = 0

  /** How many changes there have been: a moment to ask about later. */
  get mark(): number {
    return this.#count
  }

  add(ordinal: number): void {
    this.#ring[this.#count++ % REMEMBERED] = ordinal
  }

  /** Everything may have changed. */
  addAll(): void {
    this.#count += REMEMBERED + 1
  }

  /** Ordinals that changed after `mark`; `undefined` when that is not known any more. */
  since(mark: number): ReadonlySet<number> | undefined {
    const count = this.#count - mark
    if (count === 0) return NOTHING
    if (count > REMEMBERED) return undefined
    const changed = new Set<number>()
    for (let at = mark; at < this.#count; at++) changed.add(this.#ring[at % REMEMBERED]!)
    return changed
  }
}

const NOTHING: ReadonlySet<number> = new Set()
