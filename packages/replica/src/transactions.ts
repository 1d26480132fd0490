import { encodeBlock, packEntries, type ReplicaId, type VersionVector } from '@meridian/core'
import type { ClockRange } from '@meridian/shard'
import type { DataPlane } from './data-plane.js'
import type { DocChange } from './doc-changes.js'
import type { Touched } from './log-entry.js'
import type { ShardStore } from './shard-store.js'
import type { Stage } from './stage.js'
import type { TransactionLog } from './transaction-log.js'

/** What a local transaction does to one document. */
export interface LocalChange {
  readonly store: ShardStore
  readonly entries: readonly Uint8Array[]
  /** The entries are survivors of cleaned blocks. */
  readonly moved: boolean
  readonly removed: readonly ClockRange[]
}

/** Rough bytes of a transaction around its blocks and catalog changes, as sent. */
const FRAME_OVERHEAD = 40

/**
 * Numbers and stages this replica's transactions. `seen` of a block is what was merged when it was staged; nothing that the
 * writer had not seen is in it, since at most one commit is under way.
 */
export class Transactions {
  readonly #self: ReplicaId

  constructor(
    self: ReplicaId,
    readonly client: number,
    readonly log: TransactionLog,
    readonly data: DataPlane,
  ) {
    this.#self = self
  }

  /** Adds one transaction with these document changes to the commit and returns its seq. */
  stage(stage: Stage, atMs: number, changes: readonly LocalChange[]): number {
    const seq = stage.vector.get(this.#self) + 1
    const seen = this.log.vector
    const touched: Touched[] = []
    let bytes = FRAME_OVERHEAD
    for (const change of changes) {
      const staged = this.#stageDoc(stage, seq, seen, change)
      touched.push(staged.touched)
      bytes += staged.bytes
    }
    this.log.stage(stage, this.#self, seq, bytes, { atMs, touched })
    return seq
  }

  /** As `stage`, for a change of the catalog. */
  stageCatalog(stage: Stage, atMs: number, changes: readonly Uint8Array[]): number {
    const seq = stage.vector.get(this.#self) + 1
    const bytes = changes.reduce((sum, change) => sum + change.length, FRAME_OVERHEAD)
    this.log.stage(stage, this.#self, seq, bytes, { atMs, touched: [{ kind: 'catalog', changes }] })
    return seq
  }

  #stageDoc(
    stage: Stage,
    seq: number,
    seen: VersionVector,
    { store, entries, moved, removed }: LocalChange,
  ): { change: DocChange; touched: Touched; bytes: number } {
    const start = stage.ends(store).nextClock(this.client)
    const fresh = packEntries(entries).map((run, i) => {
      const bytes = encodeBlock({ seq, seen, moved, entries: run })
      return { kind: 'block' as const, client: this.client, clock: start + i, bytes }
    })
    const change = { store, fresh, removed }
    this.data.changes.stage(stage, change)
    const blocks = fresh.length === 0 ? [] : [{ client: this.client, clock: start, length: fresh.length }]
    return {
      change,
      touched: { kind: 'shard', uid: store.uid, shard: store.shard, blocks, removed },
      bytes: fresh.reduce((sum, block) => sum + block.bytes.length + 20, 0),
    }
  }
}
