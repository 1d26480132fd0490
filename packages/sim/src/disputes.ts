import { type CollectionUid, compareStamps, type Entry, isOrderFixed, type PointId, type Stamp } from '@meridian/core'
import { stampKey } from './stamp-key.js'

/**
 * Where the policy changes, the writes that need not come back with it: there is a later delete of the record, and some policy
 * shows the write in spite of it, but a region whose policy did not may have cleaned it by then (`docs/conflicts.md`). Every
 * other write must show wherever the policy of the moment says so, whatever the policies before it said.
 */
export class Disputes {
  readonly #entries = new Map<CollectionUid, Map<PointId, Entry[]>>()
  readonly #disputed = new Set<string>()

  /** A write that was made in this incarnation of its collection. */
  add(uid: CollectionUid, entry: Entry): void {
    const ofUid = this.#entries.get(uid) ?? new Map<PointId, Entry[]>()
    this.#entries.set(uid, ofUid)
    const others = ofUid.get(entry.id) ?? []
    ofUid.set(entry.id, others)
    for (const other of others) {
      this.#compare(other, entry)
      this.#compare(entry, other)
    }
    others.push(entry)
  }

  #compare({ stamp }: Entry, by: Entry): void {
    if (by.kind === 'delete' && compareStamps(by.stamp, stamp) > 0 && !isOrderFixed(by.stamp, stamp))
      this.#disputed.add(stampKey(stamp))
  }

  has(stamp: Stamp): boolean {
    return this.#disputed.size > 0 && this.#disputed.has(stampKey(stamp))
  }

  /** Never falls. */
  get count(): number {
    return this.#disputed.size
  }
}
