import { assert, type ReplicaId, replicaOfClient, StoreError } from '@meridian/core'
import * as Y from 'yjs'
import { type ClockRange, type ItemId, type LaneEnds, type LaneStruct, laneName } from './lane.js'
import { encodeRanges, encodeTail, type StateChunk } from './lane-encode.js'
import { type BlockSource, StoredContent } from './stored-content.js'

/** One transaction's worth of change: new pieces in lane order, and blocks that are garbage from now on. */
export interface LaneChange {
  readonly fresh: readonly LaneStruct[]
  readonly removed: readonly ClockRange[]
}

/** What storage holds of one client: the clocks of its blocks and the ranges of removed ones, both ascending. */
export interface StoredClient {
  readonly client: number
  readonly blocks: Iterable<number>
  readonly removed: readonly ClockRange[]
}

export interface ShardDocOptions {
  /** The client id that this process writes with; without one the document is never written to locally. */
  readonly clientId?: number
  readonly guid?: string
}

/**
 * The document of one shard: one root `Y.Array` ("lane") for each replica, one item for each block.
 *
 *  1. A lane is linear: its items stand in ascending order of client (boot) and clock, and the origin of each is the clock
 *     before it in the lane. Only whole lanes grow, and only at the tail.
 *  2. An item is a block (content in storage) or a run of removed clocks; neighbouring runs of one client are one item.
 *  3. Everything encodes to the bytes of a stock Yjs document that did the same pushes and deletes.
 *
 * Callers check what comes from outside first (`checkLaneUpdate`); what breaks an invariant here is a bug.
 */
export class ShardDoc implements LaneEnds {
  /** For stock sync (`y-protocols`) and listeners. Written to only through this class. */
  readonly doc: Y.Doc
  readonly #source: BlockSource
  readonly #clientId: number
  /** Clients of each lane, ascending. */
  readonly #lanes = new Map<ReplicaId, number[]>()

  constructor(blocks: BlockSource, options: ShardDocOptions = {}) {
    this.#source = blocks
    this.#clientId = options.clientId ?? 0
    this.doc = new Y.Doc({ gc: true, guid: options.guid ?? 'shard' })
    this.doc.clientID = this.#clientId
  }

  /** Adds the next block of a client, whose bytes the source can already read. */
  append(client: number, clock: number): void {
    this.integrate({ fresh: [{ kind: 'block', client, clock }], removed: [] })
  }

  /** As `append`, several blocks in one transaction, in lane order. */
  appendAll(ids: readonly ItemId[]): void {
    this.integrate({ fresh: ids.map(({ client, clock }) => ({ kind: 'block', client, clock })), removed: [] })
  }

  /** Garbage-collects blocks; clocks that are removed already are passed over. Returns the blocks that went. */
  remove(ranges: readonly ClockRange[]): ItemId[] {
    return this.integrate({ fresh: [], removed: ranges })
  }

  /**
   * Applies `change` in one Yjs transaction, so that listeners see one update; `origin` is handed to them. Returns the blocks
   * that `change.removed` took away: the caller drops their bytes afterwards, not before.
   */
  integrate(change: LaneChange, origin: unknown = null): ItemId[] {
    const gone: ItemId[] = []
    Y.transact(
      this.doc,
      (transaction) => {
        for (const struct of change.fresh) this.#push(transaction, struct)
        for (const range of change.removed) for (const item of this.#delete(transaction, range)) gone.push(item)
      },
      origin,
      true, // as local: Yjs would change our client id on seeing it in a remote transaction
    )
    assert(this.doc.clientID === this.#clientId, 'the client id of a document never changes')
    return gone
  }

  /**
   * Rebuilds an empty document from storage.
   * @throws StoreError `STORAGE_CORRUPT` naming the client and clock where blocks and removed ranges leave a gap or overlap.
   */
  restore(clients: Iterable<StoredClient>): void {
    assert(this.doc.store.clients.size === 0, 'only an empty document is restored')
    const fresh: LaneStruct[] = []
    for (const stored of [...clients].sort((a, b) => a.client - b.client))
      for (const struct of storedStructs(stored)) fresh.push(struct)
    this.integrate({ fresh, removed: [] })
  }

  nextClock(client: number): number {
    return Y.getState(this.doc.store, client)
  }

  tail(replica: ReplicaId): ItemId | undefined {
    const client = this.#lanes.get(replica)?.at(-1)
    return client === undefined ? undefined : { client, clock: this.nextClock(client) - 1 }
  }

  /** Next clock of every known client. It does not cover removals: equal vectors do not mean equal documents. */
  stateVector(): Map<number, number> {
    return new Map(this.clients().map((client) => [client, this.nextClock(client)]))
  }

  /** Ascending; of one lane, or of all. */
  clients(replica?: ReplicaId): number[] {
    if (replica !== undefined) return [...(this.#lanes.get(replica) ?? [])]
    return [...this.doc.store.clients.keys()].sort((a, b) => a - b)
  }

  /** Replicas that have written here, ascending. */
  replicas(): ReplicaId[] {
    return [...this.#lanes.keys()].sort((a, b) => a - b)
  }

  /** Whether the block is known and not removed. */
  has(client: number, clock: number): boolean {
    if (clock < 0 || clock >= this.nextClock(client)) return false
    const structs = this.#structs(client)
    return !structs[Y.findIndexSS(structs, clock)]!.deleted
  }

  /** Removed clocks of a client, ascending, no two ranges touching. */
  removedRanges(client: number): ClockRange[] {
    const structs = this.doc.store.clients.get(client) ?? []
    return structs
      .filter((struct) => struct.deleted)
      .map((struct) => ({ client, clock: struct.id.clock, length: struct.length }))
  }

  /** The blocks of `ranges` that are known and not removed, in order. */
  blocksIn(ranges: Iterable<ClockRange>): ItemId[] {
    const found: ItemId[] = []
    for (const range of ranges)
      for (const item of this.#itemsIn(range)) found.push({ client: range.client, clock: item.id.clock })
    return found
  }

  /**
   * A Yjs update (version 1) with exactly these blocks and this delete set; `undefined` when one of the blocks has been
   * removed since, and a receiver needs the state instead. The ranges of one client must touch.
   */
  encode(blocks: readonly ClockRange[], removed: readonly ClockRange[]): Uint8Array | undefined {
    return encodeRanges(this.doc, blocks, removed)
  }

  /**
   * The next piece of a replica's lane for a receiver that has the clocks below `from` (absent clients: nothing). A chunk ends
   * at the first item that reaches `bytesMax`, so it is longer by at most that item. The last one (`done`) carries the delete
   * set of the lane. Apply chunks in order; `next` is the `from` of the following call.
   */
  encodeState(replica: ReplicaId, from: ReadonlyMap<number, number>, bytesMax: number): StateChunk {
    return encodeTail(this.doc, this.clients(replica), from, bytesMax)
  }

  #structs(client: number): (Y.GC | Y.Item)[] {
    return this.doc.store.clients.get(client) ?? []
  }

  /** A hand-built item at the tail costs the same at any length; `Y.Array.push` walks the lane. */
  #push(transaction: Y.Transaction, struct: LaneStruct): void {
    const { client, clock } = struct
    assert(
      clock === this.nextClock(client),
      `clock ${clock} of client ${client} does not continue at ${this.nextClock(client)}`,
    )
    const replica = replicaOfClient(client)
    const lane = this.#lane(replica, client)
    const previous = clock > 0 ? client : lane.at(-2)
    const left = previous === undefined ? null : (this.#structs(previous).at(-1) as Y.Item)
    const content =
      struct.kind === 'block'
        ? (new StoredContent(this.#source, client, clock) as unknown as Y.ContentBinary)
        : new Y.ContentDeleted(struct.length)
    const id = Y.createID(client, clock)
    const parent = this.doc.getArray(laneName(replica))
    new Y.Item(id, left, left?.lastId ?? null, null, null, parent, null, content).integrate(transaction, 0)
  }

  #lane(replica: ReplicaId, client: number): number[] {
    const lane = this.#lanes.get(replica)
    if (lane === undefined) {
      const first = [client]
      this.#lanes.set(replica, first)
      return first
    }
    const last = lane.at(-1)!
    assert(client >= last, `client ${client} of a boot that is over`)
    if (client > last) lane.push(client)
    return lane
  }

  #delete(transaction: Y.Transaction, range: ClockRange): ItemId[] {
    const { client, clock, length } = range
    assert(
      clock + length <= this.nextClock(client),
      `removal beyond clock ${this.nextClock(client)} of client ${client}`,
    )
    const items = [...this.#itemsIn(range)]
    for (const item of items) item.delete(transaction)
    // Yjs keeps cached positions right only for changes made through its own array methods.
    const lane = this.doc.getArray(laneName(replicaOfClient(client))) as unknown as { _searchMarker: unknown[] | null }
    if (lane._searchMarker !== null) lane._searchMarker.length = 0
    return items.map((item) => ({ client, clock: item.id.clock }))
  }

  /** The first live block at or after a place, in order of client and clock; `client` -1 begins at the first. */
  blockAfter(client: number, clock: number): ItemId | undefined {
    for (const each of this.clients()) {
      if (each < client) continue
      const from = each === client ? clock : 0
      for (const item of this.#itemsIn({ client: each, clock: from, length: this.nextClock(each) }))
        return { client: each, clock: item.id.clock }
    }
    return undefined
  }

  *#itemsIn({ client, clock, length }: ClockRange): Iterable<Y.Item> {
    const end = Math.min(clock + length, this.nextClock(client))
    if (clock >= end) return
    const structs = this.#structs(client)
    for (let i = Y.findIndexSS(structs, clock); i < structs.length && structs[i]!.id.clock < end; i++)
      if (!structs[i]!.deleted) yield structs[i] as Y.Item
  }
}

/** Interleaves blocks and removed ranges; together they must number the clocks without a gap. */
function* storedStructs({ client, blocks, removed }: StoredClient): Iterable<LaneStruct> {
  let next = 0
  let range = 0
  const checkNext = (clock: number): void => {
    if (clock !== next)
      throw new StoreError('STORAGE_CORRUPT', `client ${client}: clock ${next} wanted, ${clock} stored`)
  }
  const removedUpTo = function* (clock: number): Iterable<LaneStruct> {
    for (; range < removed.length && removed[range]!.clock < clock; range++) {
      const { clock: start, length } = removed[range]!
      checkNext(start)
      yield { kind: 'removed', client, clock: start, length }
      next = start + length
    }
  }
  for (const clock of blocks) {
    yield* removedUpTo(clock)
    checkNext(clock)
    yield { kind: 'block', client, clock }
    next = clock + 1
  }
  yield* removedUpTo(Number.POSITIVE_INFINITY)
}
