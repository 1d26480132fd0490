import { type ReplicaId, replicaOfClient, type StorageOp, type VersionVector } from '@meridian/core'
import type { ClockRange, ItemId, LaneEnds } from '@meridian/shard'
import type { ShardStore } from './shard-store.js'

/** What was staged for one document in the commit being built. */
interface StagedDoc {
  readonly next: Map<number, number>
  readonly tails: Map<ReplicaId, ItemId>
  readonly blocks: ItemId[]
  readonly removed: ClockRange[]
}

/**
 * One storage commit under construction: the operations, what to do in memory once they are durable, and the positions
 * (seq and bytes by origin, clock by client) that later transactions of the same commit continue from.
 */
export class Stage {
  readonly ops: StorageOp[] = []
  /** Run in order after the fsync. */
  readonly durable: (() => void)[] = []
  bytes = 0
  readonly #docs = new Map<ShardStore, StagedDoc>()
  readonly #totals = new Map<ReplicaId, number>()
  #vector: VersionVector

  constructor(vector: VersionVector) {
    this.#vector = vector
  }

  get vector(): VersionVector {
    return this.#vector
  }

  advance(origin: ReplicaId, seq: number): void {
    this.#vector = this.#vector.advance(origin, seq)
  }

  /** Running total of an origin's transaction bytes. */
  total(origin: ReplicaId, base: number, add: number): number {
    const total = (this.#totals.get(origin) ?? base) + add
    this.#totals.set(origin, total)
    return total
  }

  put(key: string, value: Uint8Array): void {
    this.ops.push({ type: 'put', key, value })
    this.bytes += value.length
  }

  /** Lane ends with what is staged counted in. */
  ends(store: ShardStore): LaneEnds {
    return {
      nextClock: (client) => this.#docs.get(store)?.next.get(client) ?? store.doc.nextClock(client),
      tail: (replica) => this.#docs.get(store)?.tails.get(replica) ?? store.doc.tail(replica),
    }
  }

  /** Stages the next block of a lane. */
  block(store: ShardStore, client: number, clock: number, bytes: Uint8Array): void {
    this.put(store.key(client, clock), bytes)
    this.#doc(store).blocks.push({ client, clock })
    this.#extend(store, client, clock, 1)
  }

  /** Stages a run of clocks of a lane whose blocks were removed before we saw them. */
  gap(store: ShardStore, client: number, clock: number, length: number): void {
    this.#extend(store, client, clock, length)
    this.remove(store, [{ client, clock, length }])
  }

  #extend(store: ShardStore, client: number, clock: number, length: number): void {
    const staged = this.#doc(store)
    staged.next.set(client, clock + length)
    staged.tails.set(replicaOfClient(client), { client, clock: clock + length - 1 })
  }

  /** Stages the end of blocks: their rows go, and the ranges are noted as gone. */
  remove(store: ShardStore, ranges: readonly ClockRange[]): void {
    if (ranges.length === 0) return
    const staged = this.#doc(store)
    // One by one: a call takes no more than some 120,000 arguments.
    for (const op of store.removalOps(ranges, staged.removed, staged.blocks)) this.ops.push(op)
    for (const range of ranges) staged.removed.push(range)
  }

  /** Whether the block is in its lane, the removals of this commit counted in. */
  has(store: ShardStore, client: number, clock: number): boolean {
    const removed = this.#docs.get(store)?.removed ?? []
    const isRemoved = removed.some(
      (range) => range.client === client && range.clock <= clock && clock < range.clock + range.length,
    )
    return !isRemoved && store.doc.has(client, clock)
  }

  #doc(store: ShardStore): StagedDoc {
    let staged = this.#docs.get(store)
    if (staged === undefined) {
      staged = { next: new Map(), tails: new Map(), blocks: [], removed: [] }
      this.#docs.set(store, staged)
    }
    return staged
  }
}
