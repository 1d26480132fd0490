import {
  type CollectionUid,
  EMPTY_STATE,
  type PointId,
  type RecordState,
  type ReplicaId,
  stateOf,
  type VersionVector,
} from '@meridian/core'
import type { Merge, Oracle, Written } from './oracle.js'

const NONE: ReadonlySet<PointId> = new Set()

/**
 * What one node must show at least: the fold of exactly the writes that its merged vector covers, as the oracle knows them.
 * Writes stamped in its future wait here as they do there. Where policies change, that is of one policy, without the writes that
 * were disputed when this was made.
 */
export class Shadow {
  readonly #states = new Map<CollectionUid, Map<PointId, RecordState>>()
  /** Of collections that have several incarnations, by their uids. */
  readonly #joined = new Map<string, { uids: readonly CollectionUid[]; states: Map<PointId, RecordState> }>()
  readonly #taken = new Map<ReplicaId, number>()
  #waiting: Written[] = []

  constructor(
    readonly oracle: Oracle,
    readonly merge: Merge = oracle.merge,
  ) {}

  /** Folds what became covered by `vector`. Stamps above `surelyMs` may be held back by the node and are left out for now. */
  advance(vector: VersionVector, surelyMs: number): void {
    for (const [owner, lane] of this.oracle.lanes()) {
      const covered = vector.get(owner)
      let at = this.#taken.get(owner) ?? 0
      for (; at < lane.length && lane[at]!.seq <= covered; at++) this.#waiting.push(lane[at]!)
      this.#taken.set(owner, at)
    }
    const waiting: Written[] = []
    for (const written of this.#waiting)
      if (written.entry.stamp.ms > surelyMs) waiting.push(written)
      else this.#fold(written)
    this.#waiting = waiting
  }

  /** The state of one record with the writes that wait counted in. */
  withWaiting(uids: readonly CollectionUid[], id: PointId): RecordState {
    const entries = this.#waiting.filter(({ uid, entry }) => entry.id === id && uids.includes(uid))
    const state = this.states(uids).get(id) ?? EMPTY_STATE
    return entries.reduce((all, written) => this.merge(all, this.#stateOf(written)), state)
  }

  /** Records of which a write waits. Writes that it supersedes may be gone from their lanes before it shows. */
  waiting(uids: readonly CollectionUid[]): ReadonlySet<PointId> {
    if (this.#waiting.length === 0) return NONE
    return new Set(this.#waiting.filter(({ uid }) => uids.includes(uid)).map(({ entry }) => entry.id))
  }

  #stateOf({ entry }: Written): RecordState {
    return this.oracle.disputes?.has(entry.stamp) ? EMPTY_STATE : stateOf(entry)
  }

  #fold(written: Written): void {
    const { uid, entry } = written
    const records = this.#states.get(uid) ?? new Map<PointId, RecordState>()
    this.#states.set(uid, records)
    records.set(entry.id, this.merge(records.get(entry.id) ?? EMPTY_STATE, this.#stateOf(written)))
    for (const { uids, states } of this.#joined.values())
      if (uids.includes(uid)) states.set(entry.id, this.#join(uids, entry.id))
  }

  #join(uids: readonly CollectionUid[], id: PointId): RecordState {
    return uids.reduce((all, uid) => this.merge(all, this.#states.get(uid)?.get(id) ?? EMPTY_STATE), EMPTY_STATE)
  }

  /** States of a collection that has these incarnations. */
  states(uids: readonly CollectionUid[]): ReadonlyMap<PointId, RecordState> {
    if (uids.length === 1) return this.#states.get(uids[0]!) ?? new Map()
    const known = this.#joined.get(uids.join())
    if (known !== undefined) return known.states
    const states = new Map<PointId, RecordState>()
    for (const uid of uids)
      for (const id of this.#states.get(uid)?.keys() ?? []) if (!states.has(id)) states.set(id, this.#join(uids, id))
    this.#joined.set(uids.join(), { uids, states })
    return states
  }
}
