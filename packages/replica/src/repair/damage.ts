import { type CollectionUid, type Log, replicaOfClient, type ReplicaId } from '@meridian/core'
import { blockKey } from '@meridian/shard'

/** A block whose row is missing or fails its checksum. */
export interface DamagedBlock {
  readonly uid: CollectionUid
  readonly shard: number
  readonly client: number
  readonly clock: number
  /** Whose lane it is of. */
  readonly origin: ReplicaId
  readonly why: string
}

/** Every damaged block row that was met and not repaired yet. Each is named in the log once. */
export class Damage {
  readonly #blocks = new Map<string, DamagedBlock>()
  /** Ever found in this run. */
  found = 0
  /** Fetched from a peer and written back in this run. */
  repaired = 0

  constructor(readonly log: Log) {}

  get size(): number {
    return this.#blocks.size
  }

  has(key: string): boolean {
    return this.#blocks.has(key)
  }

  get(key: string): DamagedBlock | undefined {
    return this.#blocks.get(key)
  }

  list(): Iterable<DamagedBlock> {
    return this.#blocks.values()
  }

  /** Whether a block of this shard document is damaged. */
  isIn(uid: CollectionUid, shard: number): boolean {
    for (const block of this.#blocks.values()) if (block.uid === uid && block.shard === shard) return true
    return false
  }

  add(uid: CollectionUid, shard: number, client: number, clock: number, why: string): void {
    const key = blockKey(uid, shard, client, clock)
    if (this.#blocks.has(key)) return
    this.#blocks.set(key, { uid, shard, client, clock, origin: replicaOfClient(client), why })
    this.found++
    this.log.error(
      { error_code: 'STORAGE_CORRUPT', collection_uid: uid, shard, client, clock },
      `block ${key} is damaged: ${why}; it is fetched from a peer`,
    )
  }

  healed(key: string, from: string): void {
    if (!this.#blocks.delete(key)) return
    this.repaired++
    this.log.info({ block: key, peer: from }, `block ${key} is repaired with the bytes of ${from}`)
  }

  /** The block is gone from its lane: nobody needs its bytes any more. */
  forget(key: string): void {
    this.#blocks.delete(key)
  }

  /** Its collection is purged. */
  forgetAll(uid: CollectionUid): void {
    for (const [key, block] of this.#blocks) if (block.uid === uid) this.#blocks.delete(key)
  }
}
