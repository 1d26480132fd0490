import type { CollectionUid } from '@meridian/core'

/**
 * Blocks that were damaged and are no longer: they came back, or turned out to be removed. Until the index finds what they held,
 * or what took its place, searches lack it though their vector covers it.
 */
export class ReturningBlocks {
  readonly #counts = new Map<CollectionUid, number>()

  /** `searchable`: as of `ReplicaOptions`. */
  constructor(readonly searchable: (done: () => void) => void) {}

  get isEmpty(): boolean {
    return this.#counts.size === 0
  }

  count(uids: readonly CollectionUid[]): number {
    return uids.reduce((sum, uid) => sum + (this.#counts.get(uid) ?? 0), 0)
  }

  /** The index was handed all that there is to hand over. */
  add(uid: CollectionUid): void {
    this.#counts.set(uid, (this.#counts.get(uid) ?? 0) + 1)
    this.searchable(() => {
      const left = this.#counts.get(uid)! - 1
      if (left === 0) this.#counts.delete(uid)
      else this.#counts.set(uid, left)
    })
  }
}
