import { assert, type ReplicaId, replicaOfClient, type VersionVector } from '@meridian/core'
import type { EntryRef } from './slot-columns.js'

/** Names a block for the life of the process. `doc` is the caller's small number of the Y.Doc, from 0. */
export interface BlockRef {
  readonly doc: number
  readonly client: number
  readonly clock: number
}

/**
 * A block below this many entries and bytes is small: many of them are merged. Merging carries every entry over the wire a
 * second time, for some 400 bytes of memory a block: worth it for single writes, not for a hundred records spread over 4 shards.
 */
const SMALL_ENTRIES = 8
const SMALL_BYTES = 32 * 1024

export interface BlockRow {
  readonly index: number
  readonly ref: BlockRef
  readonly origin: ReplicaId
  readonly seq: number
  /** Of the whole block. */
  readonly bytes: number
  /** Of its entries alone. */
  readonly entryBytes: number
  readonly entries: number
  /** The slot of each entry's id; `NO_SLOT` for one that says nothing. */
  readonly slots: Uint32Array
  /** Entries that the state of some record needs, or that wait for their time. */
  live: number
  liveBytes: number
  /** The block is garbage in its lane; the row stays while `live` is above 0. */
  isDropped: boolean
  /** The bytes, once storage may no longer have them. */
  kept: Uint8Array | undefined
  /** Cleaning found nothing to gain here while this was the stable vector. */
  pinnedAt: VersionVector | undefined
}

/** The blocks of one replica in one document. */
export interface LaneBlocks {
  readonly rows: Set<BlockRow>
  entryBytes: number
  liveBytes: number
  /** What the blocks take on the disk, about. */
  storedBytes: number
  entries: number
  liveEntries: number
  /** Rows with nothing live, those that died first or were looked at longest ago first. */
  readonly dead: Set<BlockRow>
  /** In the order they came: of an own lane, lane order. */
  readonly small: Set<BlockRow>
  /** Partly dead rows in the order in which cleaning takes them, made now and then; the next is the last. */
  queue: BlockRow[]
}

export const NO_SLOT = 0xffffffff

export const isSmall = (row: BlockRow): boolean => row.entries < SMALL_ENTRIES && row.bytes < SMALL_BYTES

const PAGE_BYTES = 4096
/** What a row of a page of its own holds: the storage cuts larger values into such rows. */
const PART_BYTES = 4072
/** Key and headers of a row. */
const ROW_BYTES = 80
const CHECKSUM_BYTES = 4
/** Rows that come in order leave the pages that they share about half full. */
const SHARED_TIMES = 2

/** Whole parts have a page each; the rest shares one while two of it fit in, and has one of its own otherwise. */
export const storedBytes = ({ bytes }: Pick<BlockRow, 'bytes'>): number => {
  const rest = (bytes + CHECKSUM_BYTES) % PART_BYTES
  const parts = (bytes + CHECKSUM_BYTES - rest) / PART_BYTES
  const part = PAGE_BYTES + SHARED_TIMES * ROW_BYTES
  return parts * part + (rest === 0 ? 0 : Math.min(part, SHARED_TIMES * (ROW_BYTES + rest)))
}

/** Every block that the merged view has folded, and how much of each is still needed. Row numbers are reused. */
export class BlockTable {
  readonly #rows: (BlockRow | undefined)[] = []
  readonly #free: number[] = []
  /** (doc, client) to clock to row number. */
  readonly #index = new Map<number, Map<number, number>>()
  readonly #lanes = new Map<number, LaneBlocks>()
  #logBytes = 0
  #liveBytes = 0

  /** Of all blocks that are in a lane. */
  get logBytes(): number {
    return this.#logBytes
  }

  /** Of the entries that are needed. */
  get liveBytes(): number {
    return this.#liveBytes
  }

  find(ref: BlockRef): BlockRow | undefined {
    const index = this.#index.get(clientKey(ref))?.get(ref.clock)
    return index === undefined ? undefined : this.row(index)
  }

  row(index: number): BlockRow {
    const row = this.#rows[index]
    assert(row !== undefined, `row ${index} of the block table is in use`)
    return row
  }

  /** Those that no lane has lost. */
  *inLanes(): Iterable<BlockRow> {
    for (const { rows } of this.#lanes.values()) yield* rows
  }

  lane(doc: number, origin: ReplicaId): LaneBlocks | undefined {
    return this.#lanes.get(doc * 256 + origin)
  }

  add(ref: BlockRef, seq: number, bytes: number, slots: Uint32Array, entryBytes: number): BlockRow {
    const entries = slots.length
    const index = this.#free.pop() ?? this.#rows.length
    const { doc, client, clock } = ref
    const row: BlockRow = {
      index,
      ref: { doc, client, clock },
      origin: replicaOfClient(client),
      seq,
      bytes,
      entryBytes,
      entries,
      slots,
      live: 0,
      liveBytes: 0,
      isDropped: false,
      kept: undefined,
      pinnedAt: undefined,
    }
    this.#rows[index] = row
    const key = clientKey(ref)
    const clocks = this.#index.get(key)
    if (clocks === undefined) this.#index.set(key, new Map([[clock, index]]))
    else clocks.set(clock, index)
    const lane = this.#laneOf(row)
    lane.rows.add(row)
    lane.entryBytes += entryBytes
    lane.storedBytes += storedBytes(row)
    lane.entries += entries
    lane.dead.add(row)
    if (isSmall(row)) lane.small.add(row)
    this.#logBytes += bytes
    return row
  }

  /** One more entry of the block is needed. */
  retain({ row: index, length }: EntryRef): void {
    const row = this.row(index)
    if (!row.isDropped) {
      const lane = this.#laneOf(row)
      if (row.live === 0) lane.dead.delete(row)
      lane.liveBytes += length
      lane.liveEntries++
    }
    row.live++
    row.liveBytes += length
    this.#liveBytes += length
  }

  /** One entry less is needed. Returns whether the row was freed with that. */
  release({ row: index, length }: EntryRef): boolean {
    const row = this.row(index)
    row.live--
    row.liveBytes -= length
    this.#liveBytes -= length
    if (row.isDropped) return this.#freeIfDead(row)
    const lane = this.#laneOf(row)
    lane.liveBytes -= length
    lane.liveEntries--
    if (row.live === 0) lane.dead.add(row)
    return false
  }

  /** The block left its lane. Returns whether the row was freed with that. */
  drop(row: BlockRow): boolean {
    const { ref } = row
    const clocks = this.#index.get(clientKey(ref))!
    clocks.delete(ref.clock)
    if (clocks.size === 0) this.#index.delete(clientKey(ref))
    const lane = this.#laneOf(row)
    lane.rows.delete(row)
    lane.entryBytes -= row.entryBytes
    lane.storedBytes -= storedBytes(row)
    lane.liveBytes -= row.liveBytes
    lane.entries -= row.entries
    lane.liveEntries -= row.live
    lane.dead.delete(row)
    lane.small.delete(row)
    this.#logBytes -= row.bytes
    row.isDropped = true
    return this.#freeIfDead(row)
  }

  /**
   * Whether `a` stands in for `b` when both hold the same write: the later place in (document, lane, lane order). Every replica
   * decides alike, whatever order blocks came in, so that no two owners each rely on the other's copy.
   */
  isLater(a: EntryRef, b: EntryRef): boolean {
    const x = this.row(a.row)
    const y = this.row(b.row)
    if (x.isDropped !== y.isDropped) return y.isDropped
    const order =
      x.ref.doc - y.ref.doc || x.ref.client - y.ref.client || x.ref.clock - y.ref.clock || a.offset - b.offset
    return order > 0
  }

  #freeIfDead(row: BlockRow): boolean {
    if (row.live > 0) return false
    this.#rows[row.index] = undefined
    this.#free.push(row.index)
    return true
  }

  #laneOf(row: BlockRow): LaneBlocks {
    const key = row.ref.doc * 256 + row.origin
    const known = this.#lanes.get(key)
    if (known !== undefined) return known
    const lane: LaneBlocks = {
      rows: new Set(),
      entryBytes: 0,
      liveBytes: 0,
      storedBytes: 0,
      entries: 0,
      liveEntries: 0,
      dead: new Set(),
      small: new Set(),
      queue: [],
    }
    this.#lanes.set(key, lane)
    return lane
  }
}

const clientKey = ({ doc, client }: BlockRef): number => doc * 2 ** 32 + client
