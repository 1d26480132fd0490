import {
  canonicalJson,
  compareStamps,
  type CollectionUid,
  decodeBlock,
  decodeEntry,
  decodeEntryHead,
  EMPTY_STATE,
  type Entry,
  type KnownWrite,
  type ConflictPolicy,
  mergeUnder,
  NEWEST,
  orderOf,
  type PointId,
  type RecordState,
  type ReplicaId,
  replicaOfClient,
  type Stamp,
  type StorageOp,
  stateOf,
  type VisibleRecord,
  visible,
} from '@meridian/core'
import { parseBlockKey } from '@meridian/shard'
import { Disputes } from './disputes.js'
import { stampKey } from './stamp-key.js'
import { Violation } from './violation.js'

/** One entry of one durable transaction. */
export interface Written {
  readonly owner: ReplicaId
  readonly seq: number
  readonly uid: CollectionUid
  readonly entry: Entry
}

/** What is left of writers that are gone. */
export interface Remains {
  /** By writer that is gone: the last transaction that those who stay hold whole. */
  readonly upTo: ReadonlyMap<ReplicaId, number>
  /** Stamps of what they hold of later ones: a state transfer brought it that never ended. */
  readonly beyond: ReadonlySet<string>
}

export type Merge = (a: RecordState, b: RecordState) => RecordState

const NOBODY_GONE: Remains = { upTo: new Map(), beyond: new Set() }

/**
 * One more replica that hears of everything: every block that ever became durable on its writer's own disk, folded by core's
 * pure merge. What it says is what all replicas must come to say.
 */
export class Oracle {
  readonly #states = new Map<CollectionUid, Map<PointId, RecordState>>()
  readonly #blocks = new Map<string, Uint8Array>()
  readonly #newest = new Map<ReplicaId, { seq: number; stamp: Stamp }>()
  readonly #byDot = new Map<string, Entry[]>()
  readonly #byStamp = new Map<string, Entry>()
  /** First-hand writes, with what their writers knew. */
  readonly #known = new Map<CollectionUid, Map<PointId, KnownWrite[]>>()
  readonly #knownByStamp = new Map<string, KnownWrite>()
  readonly #lanes = new Map<ReplicaId, Written[]>()
  readonly #merges = new Map<string, Merge>()
  /** Core's merge under the policy that collections have, at first. */
  readonly merge: Merge
  /** Where policies change. */
  readonly disputes: Disputes | undefined

  /** `isChanging`: operators change the policies of collections, which begin with `policy`. */
  constructor(policy: ConflictPolicy = NEWEST, isChanging = false) {
    this.merge = mergeUnder(orderOf(policy))
    this.disputes = isChanging ? new Disputes() : undefined
  }

  /** Core's merge under the policy of a collection. Where none changes it is the same for all: other collections tell nothing of contents. */
  mergeOf(policy: ConflictPolicy): Merge {
    if (this.disputes === undefined) return this.merge
    const text = canonicalJson({ ...policy })
    const merge = this.#merges.get(text) ?? mergeUnder(orderOf(policy))
    this.#merges.set(text, merge)
    return merge
  }

  /** Reads along on the disk of `owner`. */
  heard(owner: ReplicaId, ops: readonly StorageOp[]): void {
    for (const op of ops) {
      if (op.type !== 'put' || !op.key.startsWith('block/')) continue
      const { uid, client } = parseBlockKey(op.key)
      const known = this.#blocks.get(op.key)
      if (known !== undefined && !equalBytes(known, op.value))
        throw new Violation('identity', `block ${op.key} exists with two contents`)
      if (replicaOfClient(client) !== owner || known !== undefined) continue
      this.#blocks.set(op.key, op.value)
      this.#fold(owner, uid, op.value)
    }
  }

  #fold(owner: ReplicaId, uid: CollectionUid, bytes: Uint8Array): void {
    const block = decodeBlock(bytes)
    const records = this.#states.get(uid) ?? new Map<PointId, RecordState>()
    this.#states.set(uid, records)
    for (const encoded of block.entries) {
      const entry = decodeEntry(encoded)
      // Where policies change, states are folded when they are asked for.
      if (this.disputes === undefined)
        records.set(entry.id, this.merge(records.get(entry.id) ?? EMPTY_STATE, stateOf(entry)))
      if (block.moved) continue
      this.disputes?.add(uid, entry)
      this.#checkStampOrder(owner, block.seq, entry.stamp)
      push(this.#byDot, `${owner}/${block.seq}`, entry)
      push(this.#lanes, owner, { owner, seq: block.seq, uid, entry })
      this.#byStamp.set(stampKey(entry.stamp), entry)
      const dot = { replica: owner, seq: block.seq }
      const known = { head: decodeEntryHead(encoded), dot, seen: block.seen }
      this.#knownByStamp.set(stampKey(entry.stamp), known)
      const ofUid = this.#known.get(uid) ?? new Map<PointId, KnownWrite[]>()
      this.#known.set(uid, ofUid)
      push(ofUid, entry.id, known)
    }
  }

  /** A later transaction of one writer has later stamps: else its own overwrite could lose against what it overwrote. */
  #checkStampOrder(owner: ReplicaId, seq: number, stamp: Stamp): void {
    const last = this.#newest.get(owner)
    if (last !== undefined && seq > last.seq && compareStamps(stamp, last.stamp) <= 0)
      throw new Violation('stamps', `replica ${owner} went backwards at transaction ${seq}`)
    if (last === undefined || compareStamps(stamp, last.stamp) > 0) this.#newest.set(owner, { seq, stamp })
  }

  /** Entries of an acknowledged transaction; empty when none of it was ever durable on its writer's disk. */
  transaction(replica: ReplicaId, seq: number): readonly Entry[] {
    return this.#byDot.get(`${replica}/${seq}`) ?? []
  }

  /** All first-hand entries by writer, in the order of its transactions. */
  lanes(): ReadonlyMap<ReplicaId, readonly Written[]> {
    return this.#lanes
  }

  /** The write of a stamp; undefined when no writer ever had it on its disk. */
  written(stamp: Stamp): Entry | undefined {
    return this.#byStamp.get(stampKey(stamp))
  }

  /** What the writer of a stamp knew. */
  knownOf(stamp: Stamp): KnownWrite | undefined {
    return this.#knownByStamp.get(stampKey(stamp))
  }

  /** All writes of each record of a collection that has these incarnations; `remains` as of `visible`. */
  known(uids: readonly CollectionUid[], remains: Remains): Map<PointId, KnownWrite[]> {
    const all = new Map<PointId, KnownWrite[]>()
    for (const uid of uids)
      for (const [id, writes] of this.#known.get(uid) ?? []) {
        const kept = writes.filter(({ dot, head }) => isKept(remains, dot.replica, dot.seq, head.stamp))
        all.set(id, [...(all.get(id) ?? []), ...kept])
      }
    return all
  }

  /** Visible records of a collection that has these incarnations. `counts`: where policies change, which writes are left, under which. */
  visible(
    uids: readonly CollectionUid[],
    remains: Remains = NOBODY_GONE,
    policy: ConflictPolicy = NEWEST,
    counts: (stamp: Stamp) => boolean = () => true,
  ): Map<PointId, VisibleRecord> {
    const states = new Map<PointId, RecordState>()
    if (remains.upTo.size > 0 || this.disputes !== undefined)
      this.#foldKept(states, uids, remains, this.mergeOf(policy), counts)
    else
      for (const uid of uids)
        for (const [id, state] of this.#states.get(uid) ?? [])
          states.set(id, this.merge(states.get(id) ?? EMPTY_STATE, state))
    const records = new Map<PointId, VisibleRecord>()
    for (const [id, state] of states) {
      const record = visible(state)
      if (record !== undefined) records.set(id, record)
    }
    return records
  }

  #foldKept(
    states: Map<PointId, RecordState>,
    uids: readonly CollectionUid[],
    remains: Remains,
    merge: Merge,
    counts: (stamp: Stamp) => boolean,
  ): void {
    for (const lane of this.#lanes.values())
      for (const { owner, seq, uid, entry } of lane)
        if (uids.includes(uid) && isKept(remains, owner, seq, entry.stamp) && counts(entry.stamp))
          states.set(entry.id, merge(states.get(entry.id) ?? EMPTY_STATE, stateOf(entry)))
  }
}

const isKept = ({ upTo, beyond }: Remains, owner: ReplicaId, seq: number, stamp: Stamp): boolean =>
  seq <= (upTo.get(owner) ?? Number.POSITIVE_INFINITY) || beyond.has(stampKey(stamp))

const push = <K, V>(map: Map<K, V[]>, key: K, value: V): void => {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}

const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
