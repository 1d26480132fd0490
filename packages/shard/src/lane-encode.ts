import { assert, ByteWriter, replicaOfClient } from '@meridian/core'
import * as Y from 'yjs'
import { type ClockRange, compactRanges, type ItemId, laneName, UPDATE_STRUCTS_MAX } from './lane.js'
import type { StoredContent } from './stored-content.js'
import { HAS_ORIGIN, REF_BINARY, REF_DELETED } from './struct-bits.js'

export interface StateChunk {
  /** A Yjs update, version 1. */
  readonly update: Uint8Array
  /** The next clock of every client of the lane once `update` is applied. */
  readonly next: Map<number, number>
  readonly done: boolean
}

/** An item of a lane, from `offset` clocks in: only a run of removed ones has more than one. */
interface Piece {
  readonly item: Y.Item
  readonly offset: number
  /** What it hangs on; `null` for the first of a lane. */
  readonly origin: ItemId | null
  /** Of a block; `undefined` for a run of removed clocks. */
  readonly block: Uint8Array | undefined
}

interface Section {
  readonly client: number
  readonly clock: number
  readonly pieces: Piece[]
}

/** Around all pieces of an update without removals, but for a second section and more. */
const FRAME_BYTES = 32

/** See `ShardDoc.encode`. */
export const encodeRanges = (
  doc: Y.Doc,
  blocks: readonly ClockRange[],
  removed: readonly ClockRange[],
): Uint8Array | undefined => {
  const sections: Section[] = []
  for (const { client, clock, length } of compactRanges(blocks)) {
    assert(sections.at(-1)?.client !== client, `blocks of client ${client} with a gap between them`)
    assert(
      clock + length <= Y.getState(doc.store, client),
      `block ${clock + length - 1} of client ${client} is unknown`,
    )
    const structs = doc.store.clients.get(client)!
    const pieces: Piece[] = []
    const first = Y.findIndexSS(structs, clock)
    for (let i = first; i < first + length; i++) {
      const struct = structs[i]
      if (struct === undefined || struct.deleted) return undefined
      pieces.push(pieceOf(struct as Y.Item, 0))
    }
    sections.push({ client, clock, pieces })
  }
  return assemble(sections, removed)
}

/** See `ShardDoc.encodeState`; `clients` are those of the lane, ascending. */
export const encodeTail = (
  doc: Y.Doc,
  clients: readonly number[],
  from: ReadonlyMap<number, number>,
  bytesMax: number,
): StateChunk => {
  assert(bytesMax >= 1, 'a chunk has room for something')
  const sections: Section[] = []
  const next = new Map(from)
  let bytes = 0
  let structsLeft = UPDATE_STRUCTS_MAX
  const isFull = (): boolean => bytes >= bytesMax || structsLeft === 0
  for (const client of clients) {
    const end = Y.getState(doc.store, client)
    let clock = from.get(client) ?? 0
    if (clock >= end) continue
    if (isFull()) return { update: assemble(sections, []), next, done: false }
    const structs = doc.store.clients.get(client)!
    const section: Section = { client, clock, pieces: [] }
    for (let i = Y.findIndexSS(structs, clock); i < structs.length && !isFull(); i++) {
      const item = structs[i] as Y.Item
      const piece = pieceOf(item, clock - item.id.clock)
      section.pieces.push(piece)
      bytes += pieceBytes(piece)
      clock = item.id.clock + item.length
      structsLeft--
    }
    sections.push(section)
    next.set(client, clock)
    if (clock < end) return { update: assemble(sections, []), next, done: false }
  }
  return { update: assemble(sections, removedOf(doc, clients)), next, done: true }
}

const removedOf = (doc: Y.Doc, clients: readonly number[]): ClockRange[] =>
  clients.flatMap((client) =>
    doc.store.clients
      .get(client)!
      .filter((struct) => struct.deleted)
      .map((struct) => ({ client, clock: struct.id.clock, length: struct.length })),
  )

const pieceOf = (item: Y.Item, offset: number): Piece => {
  const { client, clock } = item.id
  return {
    item,
    offset,
    origin: offset > 0 ? { client, clock: clock + offset - 1 } : item.origin,
    block: item.deleted ? undefined : (item.content as unknown as StoredContent).bytes,
  }
}

/** What `writePiece` writes. */
const pieceBytes = ({ item, offset, origin, block }: Piece): number => {
  const anchor =
    origin === null
      ? 2 + laneName(replicaOfClient(item.id.client)).length
      : varuintBytes(origin.client) + varuintBytes(origin.clock)
  const content = block === undefined ? varuintBytes(item.length - offset) : varuintBytes(block.length) + block.length
  return 1 + anchor + content
}

const varuintBytes = (value: number): number => {
  let count = 1
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) count++
  return count
}

/**
 * Sections and delete set by descending client, as Yjs writes them. Written here and not by the items, since Yjs copies the
 * bytes of a block four times on their way.
 */
const assemble = (sections: readonly Section[], removed: readonly ClockRange[]): Uint8Array => {
  let bytes = FRAME_BYTES
  for (const { pieces } of sections) for (const piece of pieces) bytes += pieceBytes(piece)
  const out = new ByteWriter(bytes)
  out.varuint(sections.length)
  for (const { client, clock, pieces } of [...sections].sort((a, b) => b.client - a.client)) {
    out.varuint(pieces.length).varuint(client).varuint(clock)
    for (const piece of pieces) writePiece(out, piece)
  }
  const byClient = new Map<number, ClockRange[]>()
  for (const range of compactRanges(removed)) {
    const ranges = byClient.get(range.client)
    if (ranges === undefined) byClient.set(range.client, [range])
    else ranges.push(range)
  }
  out.varuint(byClient.size)
  for (const [client, ranges] of [...byClient].sort(([a], [b]) => b - a)) {
    out.varuint(client).varuint(ranges.length)
    for (const { clock, length } of ranges) out.varuint(clock).varuint(length)
  }
  return out.peek()
}

/** As `Y.Item.write`, of an item that was appended to a lane. */
const writePiece = (out: ByteWriter, { item, offset, origin, block }: Piece): void => {
  const ref = block === undefined ? REF_DELETED : REF_BINARY
  if (origin === null)
    out
      .u8(ref)
      .varuint(1)
      .text(laneName(replicaOfClient(item.id.client)))
  else
    out
      .u8(ref | HAS_ORIGIN)
      .varuint(origin.client)
      .varuint(origin.clock)
  if (block === undefined) out.varuint(item.length - offset)
  else out.bytes(block)
}
