import type { VersionVector } from '@meridian/core'

/** What searches of this replica find: what is merged, less what the index was handed and has not taken in yet. */
export class IndexedVector {
  #vector: VersionVector

  constructor(
    /** All that was merged before any write was taken: the index is handed it at start. */
    merged: VersionVector,
    /** As of `ReplicaOptions`. */
    readonly searchable: ((done: () => void) => void) | undefined,
    readonly moved: () => void,
  ) {
    this.#vector = merged
  }

  get vector(): VersionVector {
    return this.#vector
  }

  /** `merged` was handed to the index. */
  advance(merged: VersionVector): void {
    const found = (): void => {
      this.#vector = this.#vector.join(merged)
      this.moved()
    }
    if (this.searchable === undefined) found()
    else this.searchable(found)
  }
}
