import { type ClientId, type CollectionUid, type Storage, type StorageOp, StoreError } from '@meridian/core'
import {
  blockKey,
  type ClockRange,
  compactRanges,
  decodeGone,
  encodeGone,
  goneKey,
  type ItemId,
  parseBlockKey,
  parseGoneKey,
  ShardDoc,
  shardBlockPrefix,
  shardGonePrefix,
} from '@meridian/shard'
import type { ByteCache } from './byte-cache.js'

/** One shard document and the rows that hold its blocks' bytes. */
export class ShardStore {
  readonly doc: ShardDoc
  readonly #storage: Storage
  readonly #cache: ByteCache<string, Uint8Array>

  private constructor(
    readonly uid: CollectionUid,
    readonly shard: number,
    storage: Storage,
    cache: ByteCache<string, Uint8Array>,
    client: ClientId,
  ) {
    this.#storage = storage
    this.#cache = cache
    const source = { read: (writer: number, clock: number) => this.read(writer, clock) }
    this.doc = new ShardDoc(source, { clientId: client, guid: `${uid}/${shard}` })
  }

  /** Rebuilds the document from its rows. @throws StoreError `STORAGE_CORRUPT` naming what is missing or damaged. */
  static open(
    uid: CollectionUid,
    shard: number,
    storage: Storage,
    cache: ByteCache<string, Uint8Array>,
    client: ClientId,
  ): ShardStore {
    const store = new ShardStore(uid, shard, storage, cache, client)
    const clients = new Map<number, { client: number; blocks: number[]; removed: ClockRange[] }>()
    const of = (writer: number) => {
      const known = clients.get(writer) ?? { client: writer, blocks: [], removed: [] }
      clients.set(writer, known)
      return known
    }
    for (const key of storage.keys(shardBlockPrefix(uid, shard))) {
      const { client: writer, clock } = parseBlockKey(key)
      of(writer).blocks.push(clock)
    }
    for (const [key, value] of storage.scan(shardGonePrefix(uid, shard))) {
      const writer = parseGoneKey(key).client
      of(writer).removed.push(...decodeGone(value, writer))
    }
    store.doc.restore(clients.values())
    return store
  }

  key(client: number, clock: number): string {
    return blockKey(this.uid, this.shard, client, clock)
  }

  /** Bytes of a live block. @throws StoreError `STORAGE_CORRUPT` if its row is damaged or missing. */
  read(client: number, clock: number): Uint8Array {
    const key = this.key(client, clock)
    const cached = this.#cache.get(key)
    if (cached !== undefined) return cached
    const bytes = this.#storage.get(key)
    if (bytes === undefined) throw new StoreError('STORAGE_CORRUPT', `block ${key} is missing`)
    this.#cache.set(key, bytes, bytes.length)
    return bytes
  }

  /** A block that was just written is likely to be read next. */
  remember(client: number, clock: number, bytes: Uint8Array): void {
    this.#cache.set(this.key(client, clock), bytes, bytes.length)
  }

  forget(client: number, clock: number): void {
    this.#cache.delete(this.key(client, clock))
  }

  /** Every live block in lane order. */
  *blocks(): Iterable<{ client: number; clock: number; bytes: Uint8Array }> {
    for (const [key, bytes] of this.#storage.scan(shardBlockPrefix(this.uid, this.shard))) {
      const { client, clock } = parseBlockKey(key)
      yield { client, clock, bytes }
    }
  }

  /**
   * Rows of removed blocks go, and what is gone is noted by client. `alsoGone` are ranges and `fresh` blocks that were staged
   * before in the same commit.
   */
  removalOps(removed: readonly ClockRange[], alsoGone: readonly ClockRange[], fresh: readonly ItemId[]): StorageOp[] {
    const isRemoved = (item: ItemId): boolean =>
      removed.some((r) => r.client === item.client && item.clock >= r.clock && item.clock < r.clock + r.length)
    const ops: StorageOp[] = []
    for (const { client, clock } of [...this.doc.blocksIn(removed), ...fresh.filter(isRemoved)])
      ops.push({ type: 'delete', key: this.key(client, clock) })
    for (const client of new Set(removed.map((range) => range.client))) {
      const staged = [...alsoGone, ...removed].filter((range) => range.client === client)
      const gone = compactRanges([...this.doc.removedRanges(client), ...staged])
      ops.push({ type: 'put', key: goneKey(this.uid, this.shard, client), value: encodeGone(gone) })
    }
    return ops
  }
}
