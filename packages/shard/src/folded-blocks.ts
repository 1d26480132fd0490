import { assert } from '@meridian/core'
import { BlockCache } from './block-cache.js'
import { type BlockRef, type BlockRow, BlockTable } from './block-table.js'
import type { EntryRef } from './slot-columns.js'

/** A few blocks: neighbours are read together. A larger cache stands behind `read`, shared by all views. */
const CACHE_BYTES = 256 * 1024

/**
 * The table of all blocks that were folded, and their bytes wherever those are: held here, in a small cache, or with whoever
 * gave them. Bytes are views on memory that others see too: nobody changes them.
 */
export class FoldedBlocks extends BlockTable {
  readonly #read: (ref: BlockRef) => Uint8Array
  readonly #cache = new BlockCache(CACHE_BYTES)

  /** `read` gives the bytes of a block that is in a lane. */
  constructor(read: (ref: BlockRef) => Uint8Array) {
    super()
    this.#read = read
  }

  /** A block that is not known yet. `bytes` are kept while there is room; `slots` as in `BlockRow`. */
  take(ref: BlockRef, seq: number, bytes: Uint8Array, slots: Uint32Array, entryBytes: number): BlockRow {
    const own = ownBytes(bytes)
    const row = this.add(ref, seq, own.length, slots, entryBytes)
    this.#cache.set(row.index, own)
    return row
  }

  /** @throws what `read` throws. */
  bytes(row: BlockRow): Uint8Array {
    const known = row.kept ?? this.#cache.get(row.index)
    if (known !== undefined) return known
    const bytes = this.#read(row.ref)
    assert(bytes.length === row.bytes, `block ${row.ref.client}:${row.ref.clock} has the length it was folded with`)
    this.#cache.set(row.index, bytes)
    return bytes
  }

  /** @throws what `read` throws. */
  entry({ row, offset, length }: EntryRef): Uint8Array {
    return this.bytes(this.row(row)).subarray(offset, offset + length)
  }

  /** From now on the bytes are here, if anything in the block is needed: the answer. */
  hold(row: BlockRow): boolean {
    if (row.live === 0) return false
    row.kept ??= this.bytes(row).slice()
    return true
  }

  override release(ref: EntryRef): boolean {
    const isFreed = super.release(ref)
    if (isFreed) this.#cache.delete(ref.row)
    return isFreed
  }

  override drop(row: BlockRow): boolean {
    const isFreed = super.drop(row)
    if (isFreed) this.#cache.delete(row.index)
    return isFreed
  }
}

/** A small view would keep the whole frame that it came in alive. */
const ownBytes = (bytes: Uint8Array): Uint8Array => (bytes.buffer.byteLength > bytes.length * 2 ? bytes.slice() : bytes)
