import { ByteReader, ByteWriter, malformed } from './bytes.js'
import { checkEntry, type EntryHead } from './entry-codec.js'
import { VersionVector } from './version-vector.js'

/** A block is closed at this many entries or bytes, whichever comes first; a single larger entry has a block of its own. */
export const BLOCK_ENTRIES_MAX = 1024
export const BLOCK_BYTES_TARGET = 64 * 1024
const FORMAT = 1
const FLAG_MOVED = 1

/**
 * A run of entries that one replica wrote in one transaction: the unit of a lane, and one Yjs item.
 *
 * Layout: format u8 · flags u8 (1 = moved) · seq v · seen (version vector) · count v · count * (length v, entry bytes)
 */
export interface Block {
  /** The writer's transaction that carried it. */
  readonly seq: number
  /** What the writer had merged when it wrote: tells, for two writes, whether one had seen the other. */
  readonly seen: VersionVector
  /** Its entries are survivors of cleaned blocks: older than `seq`, and not written with knowledge of `seen`. */
  readonly moved: boolean
  /** Encoded entries; views on the block's bytes when decoded. */
  readonly entries: readonly Uint8Array[]
}

export const encodeBlock = (block: Block): Uint8Array => {
  const size = block.entries.reduce((sum, entry) => sum + entry.length + 4, 64)
  const out = new ByteWriter(size)
  out
    .u8(FORMAT)
    .u8(block.moved ? FLAG_MOVED : 0)
    .varuint(block.seq)
  block.seen.write(out)
  out.varuint(block.entries.length)
  for (const entry of block.entries) out.bytes(entry)
  return out.finish()
}

/** What a block says of all its entries. */
export type BlockHead = Pick<Block, 'seq' | 'seen' | 'moved'>

const readHead = (input: ByteReader): BlockHead => {
  const format = input.u8()
  if (format !== FORMAT) throw malformed(`block format ${format}`)
  const flags = input.u8()
  if (flags > FLAG_MOVED) throw malformed(`block flags ${flags}`)
  const seq = input.varuint()
  if (seq === 0) throw malformed('block with seq 0')
  return { seq, seen: VersionVector.read(input), moved: flags === FLAG_MOVED }
}

/** As `decodeBlock`, without the entries. For bytes that were checked. */
export const decodeBlockHead = (bytes: Uint8Array): BlockHead => readHead(new ByteReader(bytes))

/** Entries are split but not decoded. @throws StoreError `DECODE_FAILED`. */
export const decodeBlock = (bytes: Uint8Array): Block => {
  const input = new ByteReader(bytes)
  const head = readHead(input)
  const count = input.varuint(BLOCK_ENTRIES_MAX)
  if (count === 0) throw malformed('empty block')
  const entries: Uint8Array[] = []
  for (let i = 0; i < count; i++) entries.push(input.bytes())
  input.end()
  return { ...head, entries }
}

/** With what each entry says, but for values. */
export interface CheckedBlock extends Block {
  /** One an entry. */
  readonly heads: readonly EntryHead[]
}

/** Decodes a block from outside and every entry in it. @throws StoreError `DECODE_FAILED` if any byte of it is unsound. */
export const checkBlock = (bytes: Uint8Array): CheckedBlock => {
  const block = decodeBlock(bytes)
  return { ...block, heads: block.entries.map(checkEntry) }
}

/** Splits encoded entries, in order, into runs that fit a block each. */
export const packEntries = (entries: readonly Uint8Array[]): Uint8Array[][] => {
  const runs: Uint8Array[][] = []
  let run: Uint8Array[] = []
  let bytes = 0
  for (const entry of entries) {
    if (run.length > 0 && (run.length >= BLOCK_ENTRIES_MAX || bytes + entry.length > BLOCK_BYTES_TARGET)) {
      runs.push(run)
      run = []
      bytes = 0
    }
    run.push(entry)
    bytes += entry.length
  }
  if (run.length > 0) runs.push(run)
  return runs
}
