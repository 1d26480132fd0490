import { type ReplicaId, StoreError } from '@meridian/core'
import { ByteCache } from './byte-cache.js'
import type { DataPlane } from './data-plane.js'
import { encodeMessage } from './message.js'
import type { Part } from './messages/update-message.js'
import type { TransactionLog } from './transaction-log.js'

/** Frames of logged transactions, made once for all peers that are level with each other. */
export class FrameSource {
  readonly #cache: ByteCache<string, Uint8Array>

  constructor(
    readonly log: TransactionLog,
    readonly data: DataPlane,
    cacheBytes: number,
  ) {
    this.#cache = new ByteCache(cacheBytes)
  }

  /** A collection was purged: frames with its parts must not follow frames without them. */
  clear(): void {
    this.#cache.clear()
  }

  /**
   * `undefined` when the log no longer has the transaction or its blocks were cleaned: the peer needs the state. `damaged`: a
   * block of it is, and will be repaired.
   */
  frame(origin: ReplicaId, seq: number): Uint8Array | 'damaged' | undefined {
    try {
      return this.#frame(origin, seq)
    } catch (error) {
      if (error instanceof StoreError && error.code === 'STORAGE_CORRUPT') return 'damaged'
      throw error
    }
  }

  #frame(origin: ReplicaId, seq: number): Uint8Array | undefined {
    const key = `${origin}/${seq}`
    const cached = this.#cache.get(key)
    if (cached !== undefined) return cached
    const entry = this.log.entry(origin, seq)
    if (entry === undefined) return undefined
    const parts: Part[] = []
    for (const touched of entry.touched) {
      if (touched.kind === 'catalog') {
        parts.push(touched)
        continue
      }
      const { uid, shard, blocks, removed } = touched
      const store = this.data.store(uid, shard)
      // Purged: every active member knows that the collection is gone, and a new one learns it from the catalog.
      if (store === undefined) continue
      const update = store.doc.encode(blocks, removed)
      if (update === undefined) return undefined
      parts.push({ kind: 'shard', uid, shard, update })
    }
    const frame = encodeMessage({ type: 'update', origin, seq, atMs: entry.atMs, parts })
    this.#cache.set(key, frame, frame.length)
    return frame
  }
}
