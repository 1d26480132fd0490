import { type ClientId, type CollectionUid, type Storage, type StorageOp, StoreError } from '@meridian/core'
import {
  blockKeyBelow,
  clientBlockPrefix,
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
import type { Damage } from './repair/damage.js'

/** One shard document and the rows that hold its blocks' bytes. */
export class ShardStore {
  readonly doc: ShardDoc
  readonly #storage: Storage
  readonly #cache: ByteCache<string, Uint8Array>
  /** What the keys of a client's blocks begin with: one for each writer that there ever was. */
  readonly #prefixes = new Map<number, string>()

  private constructor(
    readonly uid: CollectionUid,
    readonly shard: number,
    storage: Storage,
    cache: ByteCache<string, Uint8Array>,
    client: ClientId,
    readonly damage: Damage,
  ) {
    this.#storage = storage
    this.#cache = cache
    const source = { read: (writer: number, clock: number) => this.read(writer, clock) }
    this.doc = new ShardDoc(source, { clientId: client, guid: `${uid}/${shard}` })
  }

  /**
   * Rebuilds the document from its rows. Clocks that neither a block nor a removal accounts for are blocks whose rows are missing:
   * they are noted as damaged, and so is, clock by clock, what a damaged row of removals leaves open.
   * @throws StoreError `STORAGE_CORRUPT` where blocks and removed ranges overlap.
   */
  static open(
    uid: CollectionUid,
    shard: number,
    storage: Storage,
    cache: ByteCache<string, Uint8Array>,
    client: ClientId,
    damage: Damage,
  ): ShardStore {
    const store = new ShardStore(uid, shard, storage, cache, client, damage)
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
    for (const key of storage.keys(shardGonePrefix(uid, shard))) {
      const writer = parseGoneKey(key).client
      for (const range of store.#removed(key, writer)) of(writer).removed.push(range)
    }
    store.doc.restore([...clients.values()].map((stored) => ({ ...stored, blocks: store.#withMissing(stored) })))
    return store
  }

  #removed(key: string, writer: number): ClockRange[] {
    try {
      const value = this.#storage.get(key)
      return value === undefined ? [] : decodeGone(value, writer)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.damage.log.error({ error_code: error.code }, `${error.message}; peers are asked which blocks are gone`)
      return []
    }
  }

  /** The clocks of a client's blocks, and of those that must be there. */
  #withMissing({ client, blocks, removed }: { client: number; blocks: number[]; removed: ClockRange[] }): number[] {
    const ranges = [...removed, ...blocks.map((clock) => ({ client, clock, length: 1 }))]
    const missing: number[] = []
    let next = 0
    for (const { clock, length } of ranges.sort((a, b) => a.clock - b.clock)) {
      for (; next < clock; next++) missing.push(next)
      next = Math.max(next, clock + length)
    }
    for (const clock of missing) this.damage.add(this.uid, this.shard, client, clock, 'its row is missing')
    return missing.length === 0 ? blocks : [...blocks, ...missing].sort((a, b) => a - b)
  }

  /** Blocks that the log names and that no row is left of, at the end of a lane. */
  extendWithMissing({ client, clock, length }: ClockRange): void {
    const end = clock + length
    for (let next = this.doc.nextClock(client); next >= clock && next < end; next++) {
      this.damage.add(this.uid, this.shard, client, next, 'its row is missing')
      this.doc.append(client, next)
    }
  }

  key(client: number, clock: number): string {
    let prefix = this.#prefixes.get(client)
    if (prefix === undefined) {
      prefix = clientBlockPrefix(this.uid, this.shard, client)
      this.#prefixes.set(client, prefix)
    }
    return blockKeyBelow(prefix, clock)
  }

  /** Bytes of a live block. @throws StoreError `STORAGE_CORRUPT` if its row is damaged or missing. */
  read(client: number, clock: number): Uint8Array {
    const key = this.key(client, clock)
    const cached = this.#cache.get(key)
    if (cached !== undefined) return cached
    const bytes = this.#load(client, clock)
    this.#cache.set(key, bytes, bytes.length)
    return bytes
  }

  #load(client: number, clock: number): Uint8Array {
    const key = this.key(client, clock)
    let why = 'its row is missing'
    try {
      const bytes = this.#storage.get(key)
      if (bytes !== undefined) return bytes
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'STORAGE_CORRUPT') throw error
      why = error.message
    }
    this.damage.add(this.uid, this.shard, client, clock, why)
    throw new StoreError(
      'STORAGE_CORRUPT',
      `block ${key} is damaged here and is fetched from a peer: retry in a second, or ask another region (${why})`,
    )
  }

  /** Reads a row from the disk, whatever is cached, and notes it if it is damaged. Returns its bytes, 0 then. */
  probe(client: number, clock: number): number {
    try {
      return this.#load(client, clock).length
    } catch (error) {
      if (error instanceof StoreError && error.code === 'STORAGE_CORRUPT') return 0
      throw error
    }
  }

  /** A block that was just written is likely to be read next. */
  remember(client: number, clock: number, bytes: Uint8Array): void {
    this.#cache.set(this.key(client, clock), bytes, bytes.length)
  }

  forget(client: number, clock: number): void {
    this.#cache.delete(this.key(client, clock))
  }

  /** Every live block in lane order, without those that are damaged: they are noted. */
  *blocks(): Iterable<{ client: number; clock: number; bytes: Uint8Array }> {
    for (const client of this.doc.clients())
      for (const { clock } of this.doc.blocksIn([{ client, clock: 0, length: this.doc.nextClock(client) }]))
        try {
          yield { client, clock, bytes: this.#load(client, clock) }
        } catch (error) {
          if (!(error instanceof StoreError) || error.code !== 'STORAGE_CORRUPT') throw error
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
