import {
  type ReplicaId,
  type Storage,
  type StorageOp,
  StoreError,
  VersionVector,
  ByteReader,
  ByteWriter,
} from '@meridian/core'
import { decodeLogEntry, encodeLogEntry, type LogEntry, logKey, logPrefixOf, seqOfLogKey } from './log-entry.js'
import type { Stage } from './stage.js'

const VECTOR_KEY = 'meta/vector'

/**
 * The durable transactions of every origin, by origin and seq. It reaches back as far as retention keeps it; before that,
 * and where a state transfer took the place of transactions, entries are missing and a peer is served from state.
 */
export class TransactionLog {
  readonly #storage: Storage
  readonly #totals = new Map<ReplicaId, number>()
  /** All that is durable here. */
  vector: VersionVector

  constructor(
    storage: Storage,
    /** Told of each entry that cannot be read. */
    readonly damaged: (what: string) => void = () => {},
  ) {
    this.#storage = storage
    const stored = storage.get(VECTOR_KEY)
    this.vector = stored === undefined ? VersionVector.ZERO : VersionVector.read(new ByteReader(stored))
  }

  /** `undefined` where the log does not reach, and where its row is damaged: state serves instead. */
  entry(origin: ReplicaId, seq: number): LogEntry | undefined {
    try {
      const bytes = this.#storage.get(logKey(origin, seq))
      return bytes === undefined ? undefined : decodeLogEntry(bytes)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.damaged(`${logKey(origin, seq)}: ${error.message}`)
      return undefined
    }
  }

  /** Bytes of all of an origin's transactions up to `seq`; 0 where the log does not reach. */
  totalAt(origin: ReplicaId, seq: number): number {
    if (seq === 0) return 0
    if (seq === this.vector.get(origin)) {
      const known = this.#totals.get(origin)
      if (known !== undefined) return known
    }
    return this.entry(origin, seq)?.totalBytes ?? 0
  }

  /** Adds the next transaction of `origin` to a commit. `bytes`: its size as sent. */
  stage(stage: Stage, origin: ReplicaId, seq: number, bytes: number, entry: Omit<LogEntry, 'totalBytes'>): void {
    const totalBytes = stage.total(origin, this.totalAt(origin, this.vector.get(origin)), bytes)
    stage.put(logKey(origin, seq), encodeLogEntry({ ...entry, totalBytes }))
    this.stageVector(stage, origin, seq)
    stage.durable.push(() => this.#totals.set(origin, totalBytes))
  }

  /** Advances an origin without an entry: its transactions up to `seq` came as state. */
  stageVector(stage: Stage, origin: ReplicaId, seq: number): void {
    stage.advance(origin, seq)
    const out = new ByteWriter(64)
    stage.vector.write(out)
    stage.put(VECTOR_KEY, out.finish())
    stage.durable.push(() => {
      this.vector = this.vector.advance(origin, seq)
    })
  }

  /** Oldest seq kept, at or above `from`; undefined if none. */
  oldest(origin: ReplicaId, from = 0): number | undefined {
    for (const key of this.#storage.keys(logPrefixOf(origin), { from: logKey(origin, from), limit: 1 }))
      return seqOfLogKey(key)
    return undefined
  }

  oldestEntry(origin: ReplicaId, from: number): LogEntry | undefined {
    const seq = this.oldest(origin, from)
    return seq === undefined ? undefined : this.entry(origin, seq)
  }

  /** Operations that forget up to `limit` of the oldest entries below `seq` (exclusive). */
  trimOps(origin: ReplicaId, seq: number, limit: number): StorageOp[] {
    const ops: StorageOp[] = []
    for (const key of this.#storage.keys(logPrefixOf(origin), { limit })) {
      if (seqOfLogKey(key) >= seq) break
      ops.push({ type: 'delete', key })
    }
    return ops
  }
}
