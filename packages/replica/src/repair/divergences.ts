import type { PointId, RegionId, ReplicaId } from '@meridian/core'
import type { Counters } from '../api.js'
import type { CollectionState } from '../collection-state.js'
import type { DataPlane } from '../data-plane.js'
import { comparisonKey } from './agreement.js'
import type { ShardName } from './digest-message.js'
import type { RepairPeer } from './repair.js'

/** Of the ids that differ, those that are logged and shown to operators. */
export const IDS_SHOWN_MAX = 20

/** A shard whose digest was not the peer's although both held the same. */
export interface Divergence {
  readonly collection: string
  readonly shard: number
  readonly region: RegionId
  /** Some of the ids that differed last. */
  readonly ids: readonly PointId[]
  /** It differed again after it had been repaired. */
  readonly isLasting: boolean
}

interface Note {
  readonly name: ShardName
  readonly region: RegionId
  readonly replica: ReplicaId
  ids: readonly PointId[]
  repairs: number
  isLasting: boolean
}

/** Shards that are unequal to a peer's, from the first comparison that says so to the first that does not. */
export class Divergences {
  readonly #notes = new Map<string, Note>()

  constructor(
    readonly data: DataPlane,
    readonly counters: Counters,
  ) {}

  /** Those of collections and peers that are no more are let go. */
  all(isRetired: (replica: ReplicaId) => boolean): Divergence[] {
    for (const [key, { name, replica }] of this.#notes)
      if (shownOf(this.data, name) === undefined || isRetired(replica)) this.#notes.delete(key)
    return [...this.#notes.values()].map(({ name, region, ids, isLasting }) => ({
      collection: shownOf(this.data, name)?.name ?? name.uid,
      shard: name.shard,
      region,
      ids,
      isLasting,
    }))
  }

  /** After each comparison. */
  compared(peer: RepairPeer, { uid, shard }: ShardName, isEqual: boolean): void {
    const { data, counters } = this
    const key = comparisonKey({ uid, shard }, peer.replica)
    const known = this.#notes.get(key)
    const what = `shard ${shard} of collection ${shownOf(data, { uid, shard })?.name}`
    if (isEqual) {
      if (this.#notes.delete(key))
        data.log.info({ peer: peer.region }, `${what} is equal to region ${peer.region} again`)
      return
    }
    counters.digestsUnequal++
    if (known === undefined)
      this.#notes.set(key, {
        name: { uid, shard },
        region: peer.region,
        replica: peer.replica,
        ids: [],
        repairs: 0,
        isLasting: false,
      })
    else if (known.repairs > 0 && !known.isLasting) {
      known.isLasting = true
      data.log.error(
        { peer: peer.region, ids: known.ids },
        `${what} stays unequal to region ${peer.region} though both hold the same and it was repaired: points ${known.ids.join(', ')}`,
      )
    }
  }

  /** Points were repaired; `isAll` that differed. */
  repaired(peer: RepairPeer, name: ShardName, ids: readonly PointId[], isAll: boolean): void {
    const note = this.#notes.get(comparisonKey(name, peer.replica))
    if (note === undefined) return
    note.ids = ids
    if (isAll) note.repairs++
  }

  /** No record differs: a digest is wrong. It is an error if it stays so. */
  unexplained(peer: RepairPeer, name: ShardName): void {
    const note = this.#notes.get(comparisonKey(name, peer.replica))
    if (note !== undefined) note.repairs++
  }
}

/** What is shown of a shard, if it is known here. */
export const shownOf = (data: DataPlane, { uid, shard }: ShardName): CollectionState | undefined =>
  data.collections.find((state) => state.uid === uid && shard < state.views.length)
