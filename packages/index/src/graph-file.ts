import { createHash } from 'node:crypto'
import { fstatSync, readSync } from 'node:fs'
import { malformed } from '@meridian/core'
import type { GraphShape } from './graph.js'
import { packedBytes } from './number-form.js'

/*
 * Layout of a file that hnswlib 0.8 writes on a 64-bit little-endian machine:
 *
 *   head   96 bytes, all u64 but four: offset of level 0 · capacity · slots · bytes a slot · offset of the label in a slot
 *          · offset of the vector · top level (i32) · entry point (u32) · maxM · maxM0 · M · mult (f64) · efConstruct
 *   slots  links of level 0 (u16 count, u16 flags, maxM0 * u32) · vector (dims * f32, or i8 of codes, or packed numbers) · label (u64)
 *   upper  for every slot: byte length u32, links of its upper levels
 *
 * Reading it ourselves gives back the vectors of a snapshot without a second copy on disk.
 */
const HEAD_BYTES = 96
const PIECE_BYTES = 4 * 1024 * 1024

/**
 * Checks that the file is, to its last byte, a graph of this shape with labels 0, 1, 2 ...: finds what a full disk or another
 * version of the library would leave. Damage inside takes a checksum.
 * @throws StoreError `DECODE_FAILED`.
 */
export const checkGraphFile = (fd: number, shape: GraphShape, slots: number): void => {
  const head = read(fd, 0, HEAD_BYTES)
  const linkBytes = 4 + shape.hnsw.m * 2 * 4
  const slotBytes = slotBytesOf(shape)
  const u64 = (offset: number): number => Number(head.readBigUInt64LE(offset))
  const isSame =
    u64(0) === 0 &&
    u64(8) >= slots &&
    u64(16) === slots &&
    u64(24) === slotBytes &&
    u64(32) === slotBytes - 8 &&
    u64(40) === linkBytes &&
    u64(56) === shape.hnsw.m &&
    u64(64) === shape.hnsw.m * 2 &&
    u64(72) === shape.hnsw.m
  if (!isSame) throw malformed('graph file of another shape')
  const size = fstatSync(fd).size
  const upperAt = HEAD_BYTES + slots * slotBytes
  if (size < upperAt) throw malformed('graph file is cut short')
  const upper = read(fd, upperAt, size - upperAt)
  let at = 0
  for (let slot = 0; slot < slots; slot++) {
    if (at + 4 > upper.length) throw malformed('graph file is cut short')
    at += 4 + upper.readUInt32LE(at)
  }
  if (at !== upper.length) throw malformed('graph file is of another length')
}

/**
 * Hands over each label's vector, ascending; the view is valid during the call, and empty where the graph holds no floats. Returns the digest of the whole file, which is read
 * once: until the caller has compared it, what was handed over may be damaged. For a file that was checked.
 * @throws StoreError `DECODE_FAILED`.
 */
export const eachVector = (
  fd: number,
  shape: GraphShape,
  slots: number,
  visit: (label: number, vector: Float32Array) => void,
): Uint8Array => {
  const hash = createHash('sha256').update(read(fd, 0, HEAD_BYTES))
  const slotBytes = slotBytesOf(shape)
  const vectorAt = slotBytes - 8 - vectorBytesOf(shape)
  const perPiece = Math.max(1, Math.floor(PIECE_BYTES / slotBytes))
  // One for all: what waits for the collector counts as used memory until then.
  const room = Buffer.allocUnsafeSlow(Math.max(PIECE_BYTES, slotBytes))
  const isWhole = !shape.bytes && !shape.packed
  const vector = new Float32Array(isWhole ? shape.dims : 0)
  const bytes = new Uint8Array(vector.buffer)
  for (let first = 0; first < slots; first += perPiece) {
    const count = Math.min(perPiece, slots - first)
    const piece = read(fd, HEAD_BYTES + first * slotBytes, count * slotBytes, room)
    hash.update(piece)
    for (let i = 0; i < count; i++) {
      const start = i * slotBytes
      if (Number(piece.readBigUInt64LE(start + slotBytes - 8)) !== first + i) throw malformed('labels out of order')
      if (isWhole) bytes.set(piece.subarray(start + vectorAt, start + slotBytes - 8))
      visit(first + i, vector)
    }
  }
  const size = fstatSync(fd).size
  for (let at = HEAD_BYTES + slots * slotBytes; at < size; at += PIECE_BYTES)
    hash.update(read(fd, at, Math.min(PIECE_BYTES, size - at), room))
  return hash.digest()
}

const slotBytesOf = (shape: GraphShape): number => 4 + shape.hnsw.m * 2 * 4 + vectorBytesOf(shape) + 8

const vectorBytesOf = ({ dims, bytes, packed }: GraphShape): number =>
  packed ? packedBytes(packed, dims - packed.floats) : bytes ? dims : dims * 4

/** `into`, which is long enough, is used where it is given. */
const read = (fd: number, at: number, length: number, into = Buffer.allocUnsafe(length)): Buffer => {
  const bytes = into.subarray(0, length)
  for (let done = 0; done < length; ) {
    const count = readSync(fd, bytes, done, length - done, at + done)
    if (count === 0) throw malformed('graph file is cut short')
    done += count
  }
  return bytes
}
