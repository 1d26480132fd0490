import { type ByteReader, type ByteWriter, malformed, type ReplicaId } from '@meridian/core'
import { type DocName, LIST_MAX, readDocName, readReplica, readSeq, writeDocName } from './fields.js'

/** Of a whole catalog that goes with a state transfer, in pieces; both ends hold it in memory. */
export const CATALOG_BYTES_MAX = 48 * 1024 * 1024
export const CATALOG_PIECES_MAX = 4096
const CATALOG_GOES_ON = 1
const CLIENTS_MAX = 100_000

/** Resume cursor of one shard document: next clock by Yjs client id. */
export interface DocCursor extends DocName {
  readonly clocks: ReadonlyMap<number, number>
}

/**
 * State that takes the place of transactions: of one origin, when the log no longer reaches back, and of the catalog.
 * `transfer` is drawn by the receiver for each attempt; catalog, chunks and end carry it and are numbered 1, 2, 3 …
 */
export type TransferMessage =
  | { readonly type: 'offer'; readonly origin: ReplicaId }
  | {
      readonly type: 'want'
      readonly transfer: number
      readonly origin: ReplicaId
      readonly cursors: readonly DocCursor[]
    }
  | {
      readonly type: 'catalog'
      readonly transfer: number
      readonly number: number
      /** A piece of it: what follows in the next `catalog` belongs to it unless this is the last. */
      readonly saved: Uint8Array
      readonly isLast: boolean
    }
  | ({
      readonly type: 'chunk'
      readonly transfer: number
      readonly number: number
      readonly update: Uint8Array
    } & DocName)
  | { readonly type: 'end'; readonly transfer: number; readonly number: number; readonly seq: number }
  | { readonly type: 'got'; readonly transfer: number; readonly number: number }
  /** All catalog changes that the sender holds: for long, the receiver's digest was another. */
  | { readonly type: 'changes'; readonly saved: Uint8Array }

/** Everything after the type byte. */
export const writeTransferMessage = (out: ByteWriter, message: TransferMessage): void => {
  switch (message.type) {
    case 'offer':
      out.u8(message.origin)
      break
    case 'want':
      out.u32(message.transfer).u8(message.origin).varuint(message.cursors.length)
      for (const cursor of message.cursors) writeCursor(out, cursor)
      break
    case 'catalog':
      out.u32(message.transfer).varuint(message.number).bytes(message.saved)
      if (!message.isLast) out.u8(CATALOG_GOES_ON)
      break
    case 'chunk':
      out.u32(message.transfer).varuint(message.number)
      writeDocName(out, message)
      out.bytes(message.update)
      break
    case 'end':
      out.u32(message.transfer).varuint(message.number).varuint(message.seq)
      break
    case 'got':
      out.u32(message.transfer).varuint(message.number)
      break
    case 'changes':
      out.bytes(message.saved)
      break
  }
}

/** @throws StoreError `DECODE_FAILED`. */
export const readTransferMessage = (type: TransferMessage['type'], input: ByteReader): TransferMessage => {
  switch (type) {
    case 'offer':
      return { type, origin: readReplica(input) }
    case 'want': {
      const transfer = input.u32()
      const origin = readReplica(input)
      const cursors: DocCursor[] = []
      for (let left = input.varuint(LIST_MAX); left > 0; left--) cursors.push(readCursor(input))
      return { type, transfer, origin, cursors }
    }
    case 'catalog':
      return { type, ...readNumber(input), saved: input.bytes(), isLast: readIsLast(input) }
    case 'chunk':
      return { type, ...readNumber(input), ...readDocName(input), update: input.bytes() }
    case 'end':
      return { type, ...readNumber(input), seq: input.varuint() }
    case 'got':
      return { type, ...readNumber(input) }
    case 'changes':
      return { type, saved: input.bytes() }
  }
}

const readNumber = (input: ByteReader): { transfer: number; number: number } => ({
  transfer: input.u32(),
  number: readSeq(input),
})

/** Nothing more is said of a catalog that is whole. */
const readIsLast = (input: ByteReader): boolean => {
  if (input.remaining === 0) return true
  if (input.u8() !== CATALOG_GOES_ON) throw malformed('a piece of a catalog')
  return false
}

const writeCursor = (out: ByteWriter, cursor: DocCursor): void => {
  writeDocName(out, cursor)
  out.varuint(cursor.clocks.size)
  for (const [client, clock] of cursor.clocks) out.u32(client).varuint(clock)
}

const readCursor = (input: ByteReader): DocCursor => {
  const name = readDocName(input)
  const clocks = new Map<number, number>()
  for (let left = input.varuint(CLIENTS_MAX); left > 0; left--) clocks.set(input.u32(), input.varuint())
  return { ...name, clocks }
}
