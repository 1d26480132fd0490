import type { SpaceParams } from './collection-config.js'
import type { VectorValue } from './vector-value.js'

/** Wall time. May jump or drift; only the HLC reads it. */
export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number
}

/** Monotonic time and timers. */
export interface Timers {
  /** Monotonic milliseconds from an arbitrary start. */
  elapsedMs(): number
  /** Runs `run` once, `delayMs` from now, unless disposed of before. */
  after(delayMs: number, run: () => void): Disposable
}

export interface Random {
  uint32(): number
}

/** Structured log; the adapter adds the region. Fields are plain data. */
export interface Log {
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

export const SILENT_LOG: Log = { info() {}, warn() {}, error() {} }

/** One atomic change of the store. A later operation on a key wins over an earlier one. */
export type StorageOp =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: string }
  /** Every key that starts with `prefix`. */
  | { readonly type: 'deletePrefix'; readonly prefix: string }

/**
 * An ordered map from short ASCII keys (1-200 bytes, compared bytewise) to bytes, with atomic durable commits.
 * Adapters: LMDB, memory, and the simulator's disk; one conformance suite holds them to this contract.
 */
export interface Storage {
  /** @throws StoreError `STORAGE_CORRUPT` naming the key if the stored checksum does not match. */
  get(key: string): Uint8Array | undefined
  /**
   * Keys with `prefix`, ascending, with their values; `from` (inclusive) leaves out the keys below it, `reverse` lists what is
   * left backwards. Same error as `get`. What was read is the caller's to keep: it never changes afterwards.
   */
  scan(
    prefix: string,
    options?: { from?: string; reverse?: boolean; limit?: number },
  ): Iterable<readonly [string, Uint8Array]>
  /** As `scan`, values not read. */
  keys(prefix: string, options?: { from?: string; reverse?: boolean; limit?: number }): Iterable<string>
  /**
   * All of `ops` or none. `done` runs once, never synchronously: without an error when the batch is on stable storage and
   * visible to `get`; with a StoreError (`STORAGE_FULL`, `STORAGE_FAILED`) when its fate is unknown or it was refused.
   * Batches become durable in the order of the calls. After `STORAGE_FAILED` every later commit fails too.
   */
  commit(ops: readonly StorageOp[], done: (error?: Error) => void): void
  /** Waits for commits under way. Safe to call twice. */
  close(): Promise<void>
}

/**
 * Why an end closes a link: nothing is wrong; what came is not sound; the peer is not who it may be; it speaks another version; it is
 * no member or switched off; it says too little; it reads too little.
 */
export type LinkEnd = 'done' | 'malformed' | 'identity' | 'protocol' | 'refused' | 'silent' | 'slow'

/** One end of a connected, ordered, reliable-until-broken byte-frame link to another replica. */
export interface PeerLink {
  send(frame: Uint8Array): void
  /** Closes with a reason for the log of both ends; `LinkHandler.closed` follows. `end` is `done` unless given. */
  close(reason: string, end?: LinkEnd): void
  /** Bytes handed to `send` that the network has not taken yet. */
  readonly bufferedBytes: number
}

/** What the engine does with a link. */
export interface LinkHandler {
  frame(bytes: Uint8Array): void
  closed(reason: string): void
}

/** Names one graph: a collection and one of its vector spaces. */
export interface SpaceRef {
  /** Stable over restarts; snapshots are filed under it. */
  readonly collection: string
  readonly vector: string
}

/**
 * Ordinals number the records of a collection for the life of the process. A version is any text that changes when the vector
 * does; it ties a snapshot's vectors to the merged state.
 */
export interface IndexedVector {
  readonly ordinal: number
  /** Formatted id; with `version` it identifies the vector across restarts. */
  readonly id: string
  readonly version: string
  /** Read only when the snapshot does not already hold this version. */
  read(): VectorValue
}

export interface IndexHit {
  readonly ordinal: number
  /**
   * As the metric defines it: cosine or dot product (larger is nearer), or distance (smaller is nearer). Of multivectors, the
   * sum over the query's rows of the best row's; for `Euclid` the root of the sum of squares.
   */
  readonly score: number
}

/** How far codes may decide what is found. */
export interface QuantizedSearch {
  /** As little as can be: all that a walk of twice the width meets is compared in full. */
  readonly ignore?: boolean
  /** `false`: the nearest by their codes are the answer. Their scores are those of the whole vectors even so. */
  readonly rescore?: boolean
  /** So many times the limit are compared in full; at least 1. */
  readonly oversampling?: number
}

export interface IndexQuery {
  /** Of the space's form. A sparse one finds the vectors that share an index with it. */
  readonly vector: VectorValue
  readonly limit: number
  /** Candidates looked at in the graph; at least `limit`. */
  readonly ef?: number
  /** Scan everything instead of walking the graph. */
  readonly exact?: boolean
  /** Only these ordinals; ascending. */
  readonly among?: Uint32Array
  /** Of a space whose graph holds codes. */
  readonly quantization?: QuantizedSearch
}

export interface SpaceStats {
  readonly live: number
  /** Live vectors that are not in the graph yet and are scanned. */
  readonly pending: number
  /** Graph slots of superseded or deleted vectors. */
  readonly dead: number
  readonly state: 'loading' | 'ready' | 'rebuilding'
  /** Memory that it takes, about: vectors and graphs. */
  readonly bytes: number
  /** Of a space that has a graph. */
  readonly graph?: GraphStats
}

/** Many dead slots; many vectors that do not fit it; too many vectors that a search for them does not find. */
export type RebuildReason = 'dead' | 'outgrown' | 'recall' | 'quantization'

export interface GraphStats {
  /** Dead ones included. */
  readonly slots: number
  /** Share of a sample of its vectors that a search for them finds; absent until measured. */
  readonly selfRecall?: number
  /** Why it should be built anew; absent if it should not, or is. */
  readonly wanted?: RebuildReason
  /** Memory that another graph would take beside it. */
  readonly rebuildBytes: number
  /** Of the one that is built beside it: from 0 to 1. */
  readonly progress?: number
}

/** Whether bytes stand somewhere; `unknown` when it cannot be told now. */
export type Trace = 'holds' | 'clear' | 'unknown'

/** Where an index still has vectors of an id that it does not find any more. */
export interface IndexTraces {
  /** In the graph that serves, or one that is being built. */
  readonly graph: Trace
  /** In its files. */
  readonly files: Trace
}

/** What an index does about worn graphs. */
export interface RebuildStatus {
  /** `closed`: rebuilding goes on; `open`: it stands still for the sake of searches; `half-open`: it is tried, slowly at first. */
  readonly breaker: 'closed' | 'open' | 'half-open'
  /** Share of its worker's time that a rebuild may take, 0 to 1. */
  readonly pace: number
  /** Interruptions since the start. */
  readonly trips: number
  /** Of late: each doubles the rest. */
  readonly recentTrips: number
  /** Graphs that were rebuilt since the start. */
  readonly completed: number
  /** 95th percentile of searches while nothing is being rebuilt; absent without searches. */
  readonly calmMs?: number
  /** What is being rebuilt, why, and how much of it is done, 0 to 1. */
  readonly space?: SpaceRef
  readonly reason?: RebuildReason
  readonly progress?: number
  /** A space whose graph should be rebuilt, and there is no memory for two. */
  readonly shortOfMemory?: SpaceRef
}

/** Statistics of a sparse space. */
export interface Terms {
  /** Vectors with at least one index. */
  readonly vectors: number
  /** How many of them have this one. */
  having(index: number): number
}

/** The searchable copy of merged state. Everything handed over is searchable when the call returns. */
/** How a search was done. */
export interface SearchWork {
  /** `scan`: what may match was compared; `graph`, `filtered-graph`: a walk; `postings`: the lists of the query's indices. */
  readonly plan: 'scan' | 'graph' | 'filtered-graph' | 'postings'
  /** Vectors that could be answers: those of the space, or of the filter. */
  readonly candidates: number
  /** Width of the walk; 0 where there was none. */
  readonly ef: number
  /** Vectors that were scored in full. */
  readonly scanned: number
}

export interface VectorIndex {
  /**
   * Makes the space known and brings it to exactly `vectors`, reusing a snapshot where versions agree. Searches work at once.
   * Opening a space that is open replaces its content.
   */
  openSpace(space: SpaceRef, params: SpaceParams, vectors: Iterable<IndexedVector>): void
  set(space: SpaceRef, vector: Omit<IndexedVector, 'read'> & { readonly vector: VectorValue }): void
  remove(space: SpaceRef, ordinal: number): void
  /**
   * Best first; ties by smaller ordinal. `tell` hears once how it was done, before the answer.
   * @throws StoreError through the promise: `OVERLOADED`, `SHUTTING_DOWN`.
   */
  search(
    space: SpaceRef,
    query: IndexQuery,
    signal?: AbortSignal,
    tell?: (work: SearchWork) => void,
  ): Promise<IndexHit[]>
  /**
   * Which indices the vectors of a sparse space have, for weighing a query; `undefined` for another space. What it tells changes
   * with the space: ask it before anything else happens. Same errors as `search`.
   */
  terms(space: SpaceRef): Promise<Terms | undefined>
  /** Asked of an id (as in `IndexedVector`) that has no vector in the space. Same errors as `search`. */
  traces(space: SpaceRef, id: string): Promise<IndexTraces>
  /** Forgets the space and its files. */
  dropSpace(space: SpaceRef): void
  /**
   * Removes what a former process stored of spaces that are not open: it may have ended between a drop and that. Called once, when
   * all spaces that exist have been opened. Left out where nothing is stored. Never throws.
   */
  sweep?(): void
  stats(space: SpaceRef): SpaceStats | undefined
  /** Absent: this index has no graphs. */
  rebuilds?(): RebuildStatus
  /** Writes a snapshot of every changed space. */
  flush(): Promise<void>
  close(): Promise<void>
}
