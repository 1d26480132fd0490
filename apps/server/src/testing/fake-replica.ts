import {
  type CollectionConfig,
  type CollectionUid,
  compareIds,
  defaultReplicaId,
  EMPTY_STATE,
  type Entry,
  merge,
  parseRegionId,
  type PointId,
  type RecordState,
  type Stamp,
  StoreError,
  stateOf,
  type VectorIndex,
  VersionVector,
  visible,
} from '@meridian/core'
import type { Collection, Done, Replica, ReplicaStatus, WriteReceipt, WriteRequest } from '@meridian/replica'

const REGION = parseRegionId('eu')
const REPLICA = defaultReplicaId(REGION)

/** A region held in a `Map`: the dumb twin of the engine, for tests of the HTTP surface. */
export class FakeReplica implements Replica {
  readonly region = REGION
  readonly #collections = new Map<string, FakeCollection>()
  #seq = 0
  readOnly: string | undefined

  constructor(readonly index: VectorIndex) {}

  collections(): Collection[] {
    return [...this.#collections.values()]
  }

  collection(name: string): Collection {
    const found = this.#collections.get(name)
    if (found === undefined) throw new StoreError('COLLECTION_NOT_FOUND', name)
    return found
  }

  createCollection(name: string, config: CollectionConfig, done: Done<WriteReceipt>): void {
    const uid = (this.#seq + 1).toString(16).padStart(16, '0') as CollectionUid
    this.#collections.set(name, new FakeCollection(name, uid, config, this.index))
    this.#answer(done)
  }

  dropCollection(name: string, done: Done<boolean>): void {
    done({ ok: true, value: this.#collections.delete(name) })
  }

  write(request: WriteRequest, done: Done<WriteReceipt>): void {
    if (this.readOnly !== undefined) throw new StoreError('CLOCK_SKEW', this.readOnly)
    const collection = this.collection(request.collection) as FakeCollection
    request.ops.forEach((op, counter) => {
      collection.apply({ ...op, stamp: { ms: this.#seq + 1, counter, writer: REPLICA } })
    })
    this.#answer(done)
  }

  attach(): never {
    throw new Error('the fake has no peers')
  }

  isLinked(): boolean {
    return false
  }

  status(): ReplicaStatus {
    const vector = VersionVector.of([[REPLICA, this.#seq]])
    return {
      region: REGION,
      replica: REPLICA,
      storeId: '0000000000000000',
      boot: 1,
      client: 1 as ReplicaStatus['client'],
      vectors: { acked: vector, merged: vector, indexed: vector },
      members: [],
      peers: [],
      counters: {
        writes: 0,
        transactions: 0,
        framesIn: 0,
        framesOut: 0,
        bytesIn: 0,
        bytesOut: 0,
        framesRefused: 2,
        framesDropped: 3,
        resyncs: 0,
        transfersSent: 0,
        transfersReceived: 0,
        blocksCleaned: 0,
      },
      readOnly: this.readOnly,
      storage: { blockBytes: 0, logEntries: 0, logBytes: 0 },
      deferred: 0,
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #answer(done: Done<WriteReceipt>): void {
    const seq = ++this.#seq
    setImmediate(() => done({ ok: true, value: { replica: REPLICA, seq, merged: VersionVector.of([[REPLICA, seq]]) } }))
  }
}

interface Held {
  readonly id: PointId
  readonly state: RecordState
  readonly version: number
}

class FakeCollection implements Collection {
  readonly #ordinals = new Map<PointId, number>()
  readonly #held: Held[] = []

  constructor(
    readonly name: string,
    readonly uid: CollectionUid,
    readonly config: CollectionConfig,
    readonly index: VectorIndex,
  ) {
    for (const [vector, params] of Object.entries(config.vectors)) index.openSpace(this.space(vector), params, [])
  }

  apply(entry: Entry): void {
    const ordinal = this.#ordinals.get(entry.id) ?? this.#held.length
    this.#ordinals.set(entry.id, ordinal)
    const state = merge(this.#held[ordinal]?.state ?? EMPTY_STATE, stateOf(entry))
    this.#held[ordinal] = { id: entry.id, state, version: entry.stamp.ms }
    for (const name of Object.keys(this.config.vectors)) {
      const vector = visible(state)?.vectors.get(name)
      if (vector === undefined) this.index.remove(this.space(name), ordinal)
      else this.index.set(this.space(name), { ordinal, id: String(entry.id), version: stampText(entry.stamp), vector })
    }
  }

  get liveCount(): number {
    return [...this.ordinals()].length
  }

  get tombstoneCount(): number {
    return this.#held.length - this.liveCount
  }

  find(id: PointId): number | undefined {
    const ordinal = this.#ordinals.get(id)
    return ordinal !== undefined && this.isLive(ordinal) ? ordinal : undefined
  }

  isLive = (ordinal: number) => this.#held[ordinal]?.state.presence?.alive === true
  id = (ordinal: number) => this.#held[ordinal]!.id
  payload = (ordinal: number) => visible(this.#held[ordinal]!.state)!.payload
  vector = (ordinal: number, name: string) => visible(this.#held[ordinal]!.state)!.vectors.get(name)
  vectorNames = (ordinal: number) => [...visible(this.#held[ordinal]!.state)!.vectors.keys()]
  version = (ordinal: number) => this.#held[ordinal]!.version
  space(vector: string) {
    return { collection: this.uid as string, vector }
  }

  *ordinals(): Iterable<number> {
    for (let i = 0; i < this.#held.length; i++) if (this.isLive(i)) yield i
  }

  *inOrder(from?: PointId): Iterable<number> {
    const sorted = [...this.ordinals()].sort((a, b) => compareIds(this.id(a), this.id(b)))
    for (const ordinal of sorted) if (from === undefined || compareIds(this.id(ordinal), from) >= 0) yield ordinal
  }

  digests() {
    return Array.from({ length: this.config.shards }, (_, shard) => ({
      shard,
      epoch: 0,
      live: shard === 0 ? this.liveCount : 0,
      tombstones: 0,
      digest: '0123456789abcdef',
    }))
  }
}

const stampText = (stamp: Stamp): string => `${stamp.ms}/${stamp.counter}`
