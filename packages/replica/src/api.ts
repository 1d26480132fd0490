import type {
  ClientId,
  CollectionConfig,
  CollectionUid,
  JsonObject,
  PointId,
  RecordOp,
  RegionId,
  ReplicaId,
  SpaceRef,
  StoreError,
  VectorValue,
  VersionVector,
} from '@meridian/core'
import type { AliasAction, IndexSchema, Setting } from '@meridian/catalog'
import type { Contribution } from '@meridian/shard'
import type { Counters } from './counters.js'
import type { PurgeBlocker } from './forgetting/blockers.js'
import type { OnlyHere, PeerStatus } from './health/peer-status.js'
import type { Refusal } from './health/refusals.js'
import type { BootstrapProgress } from './membership/bootstrap.js'
import type { Divergence } from './repair/divergences.js'
import type { DamagedBlock } from './repair/damage.js'
import type { RegionMember, Standing } from './membership/membership.js'
import type { StagedCollection } from './staged-collection.js'

export type { AliasAction, Contribution, Counters, IndexSchema, OnlyHere, PeerStatus, PurgeBlocker, Refusal, Setting }

/** How an operation that had to wait for the disk ended. Exactly one call. */
export type Done<T> = (
  outcome: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: StoreError },
) => void

/** Adapts a callback operation for callers that live with promises. Rejects with the `StoreError`. */
export const promised = <T>(start: (done: Done<T>) => void): Promise<T> =>
  new Promise((resolve, reject) => {
    start((outcome) => (outcome.ok ? resolve(outcome.value) : reject(outcome.error)))
  })

/** Proof of a durable local write. */
export interface WriteReceipt {
  /** The dot: this replica's transaction. It is the operation id and the points' version of the HTTP surface. */
  readonly replica: ReplicaId
  readonly seq: number
  /** What this replica had merged right after the write; covers the write. */
  readonly merged: VersionVector
}

/**
 * A collection as this replica sees it now. Reads are synchronous and consistent within one tick. Ordinals are handles of
 * records, valid within the tick (a deleted record's ordinal may be taken by another later); the index uses the same ones.
 */
export interface Collection {
  /** Visible name; a creation that lost its name to an elder one is `name~uid`. */
  readonly name: string
  readonly uid: CollectionUid
  readonly config: CollectionConfig
  /** Names by which else it goes, sorted. */
  readonly aliases: readonly string[]
  /** Declared payload indexes by payload key, sorted. They never change a result. */
  readonly indexes: ReadonlyMap<string, IndexSchema>
  /** Settings that change no result, as given, sorted by path. */
  readonly settings: readonly Setting[]
  readonly liveCount: number
  readonly tombstoneCount: number
  /** Ordinal of the live record. */
  find(id: PointId): number | undefined
  isLive(ordinal: number): boolean
  id(ordinal: number): PointId
  /** A shared, parsed object: do not change it. */
  payload(ordinal: number): JsonObject
  vector(ordinal: number, name: string): VectorValue | undefined
  vectorNames(ordinal: number): string[]
  /** Seq of the newest transaction that shaped the record; below 2^53. */
  version(ordinal: number): number
  /** The writes that make up the state of an id, deleted ones too, newest first; empty when no write of it has come. */
  history(id: PointId): Contribution[]
  /** Live records, in no order. */
  ordinals(): Iterable<number>
  /** Live records by ascending id (core `compareIds`), from `from` (inclusive). */
  inOrder(from?: PointId): Iterable<number>
  /**
   * How many live records have a payload that passes `test`, a function of `name` alone. The first question scans all records;
   * from then on the count is kept.
   */
  tally(name: string, test: (payload: JsonObject) => boolean): number
  /** This moment, for `changedSince`. */
  readonly mark: number
  /** Ordinals of records that changed after `mark` was taken; `undefined`: any may have. */
  changedSince(mark: number): ReadonlySet<number> | undefined
  /** Calls `changed` with the id and ordinal of each record that writes change from now on, in the tick in which they become visible. */
  watch(changed: (id: PointId, ordinal: number) => void): Disposable
  /** The index's name of one vector space. */
  space(vector: string): SpaceRef
  /**
   * As `space`, for a search of it: to be asked before, and again with the answer.
   * @throws StoreError `STORAGE_CORRUPT` while the index lacks vectors of it that are in damaged blocks here.
   */
  searchable(vector: string): SpaceRef
  digests(): ShardDigest[]
}

export interface ShardDigest {
  readonly shard: number
  readonly epoch: number
  readonly live: number
  readonly tombstones: number
  /** 16 hex digits; equal on two replicas exactly when their live sets and stamps are. */
  readonly digest: string
}

/** Where something has got to in one region, as this replica knows it. */
export interface RegionReceipt {
  readonly region: RegionId
  readonly replica: ReplicaId
  /** On its disk. */
  readonly logged: boolean
  /** Shown by its reads: that is in the same step as the disk's. */
  readonly merged: boolean
  /** Found by its searches. */
  readonly searchable: boolean
  /** Milliseconds since the region was heard; 0 for this one, undefined if never in this run. */
  readonly heardMsAgo: number | undefined
}

export interface ReplicaStatus {
  readonly region: RegionId
  readonly replica: ReplicaId
  readonly storeId: string
  readonly boot: number
  readonly client: ClientId
  readonly vectors: { readonly acked: VersionVector; readonly merged: VersionVector; readonly indexed: VersionVector }
  readonly members: readonly RegionMember[]
  /** Of this replica, in the configuration in effect here, and that one's index. */
  readonly standing: Standing
  readonly configuration: number
  /** While it is joining. */
  readonly bootstrap: BootstrapProgress | undefined
  readonly peers: readonly PeerStatus[]
  /** What is lost if this region burns now. */
  readonly onlyHere: OnlyHere
  /** Links that were refused in the last seconds. */
  readonly refusals: readonly Refusal[]
  /** Of this region against the median of its peers; a fault refuses writes. */
  readonly clock: { readonly ownOffsetMs: number; readonly fault: string | undefined }
  /** Why nothing is written any more, or not now; and for how long a flush has been under way. */
  readonly disk: {
    readonly failure: string | undefined
    readonly full: string | undefined
    readonly flushingMs: number
  }
  /** Why this data directory must not be written again, if so. */
  readonly fenced: string | undefined
  /** Its retirement is under way. */
  readonly leaving: string | undefined
  readonly counters: Readonly<Counters>
  /** Why writes are refused, if they are. */
  readonly readOnly: string | undefined
  /** Bytes in block rows, and log entries kept. */
  readonly storage: { readonly blockBytes: number; readonly logEntries: number; readonly logBytes: number }
  /** Block rows that are missing or fail their checksum. */
  readonly damage: {
    /** Not repaired yet. */
    readonly blocks: number
    /** In this run, as are `repaired` and the complete passes over all rows (`scrubs`). */
    readonly found: number
    readonly repaired: number
    readonly scrubs: number
    /** Collections that cannot be read here until they are repaired, and searches find what came back. */
    readonly unreadable: readonly string[]
    /** A few of `blocks`. */
    readonly first: readonly (DamagedBlock & { readonly collection: string | undefined })[]
  }
  /** Shards that did not show the same as a peer's when they were last compared at the same vector. */
  readonly divergent: readonly Divergence[]
  /** Stamps from the future that wait for their time. */
  readonly deferred: number
  /**
   * Records that a region which catches up shows though no lane names them any more: what superseded them is on its way, or was
   * forgotten by all. It is known which within about a heartbeat after the region has caught up.
   */
  readonly orphans: number
  /** Who has kept deletes from being forgotten for half a minute or more. */
  readonly purgeBlockedBy: readonly PurgeBlocker[]
}

/** Facts worth metrics; timings in seconds. */
export interface ReplicaEvents {
  /** Records became visible to search `seconds` after their transaction was durable here. */
  indexed?(seconds: number): void
  /** A peer's transaction became visible here, `seconds` after its stamp. */
  replicated?(peer: RegionId, seconds: number): void
  /** Entries whose stamps had been ahead of the clock entered the views, and the index was told. */
  released?(): void
}

/**
 * Decides what to write from what is there: called once, synchronously, when the commit is built, and shown everything that
 * earlier requests wrote, so that requests of one region that read and then write follow each other. A StoreError it throws
 * is the request's answer, and nothing of the request is written.
 */
export type ResolveOps = (now: StagedCollection) => readonly RecordOp[]

/** A write to one collection; ops apply in order, all or none. */
export interface WriteRequest {
  /** Visible name or alias. */
  readonly collection: string
  readonly ops: readonly RecordOp[] | ResolveOps
  /** What a resolver holds on the heap, roughly: it counts towards the bound on waiting writes. Default 1,024. */
  readonly resolverBytes?: number
}
