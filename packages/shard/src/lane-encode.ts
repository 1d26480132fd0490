import { assert } from '@meridian/core'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import { type ClockRange, compactRanges, UPDATE_STRUCTS_MAX } from './lane.js'

export interface StateChunk {
  /** A Yjs update, version 1. */
  readonly update: Uint8Array
  /** The next clock of every client of the lane once `update` is applied. */
  readonly next: Map<number, number>
  readonly done: boolean
}

interface Section {
  readonly client: number
  readonly clock: number
  readonly structs: Y.UpdateEncoderV1
  count: number
}

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
    const section: Section = { client, clock, structs: new Y.UpdateEncoderV1(), count: length }
    const first = Y.findIndexSS(structs, clock)
    for (let i = first; i < first + length; i++) {
      const struct = structs[i]
      if (struct === undefined || struct.deleted) return undefined
      ;(struct as Y.Item).write(section.structs, 0)
    }
    sections.push(section)
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
    const section: Section = { client, clock, structs: new Y.UpdateEncoderV1(), count: 0 }
    for (let i = Y.findIndexSS(structs, clock); i < structs.length && !isFull(); i++) {
      const struct = structs[i] as Y.Item
      const before = encoding.length(section.structs.restEncoder)
      struct.write(section.structs, clock - struct.id.clock)
      bytes += encoding.length(section.structs.restEncoder) - before
      clock = struct.id.clock + struct.length
      section.count++
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

/** Sections and delete set by descending client, as Yjs writes them. */
const assemble = (sections: readonly Section[], removed: readonly ClockRange[]): Uint8Array => {
  const out = encoding.createEncoder()
  encoding.writeVarUint(out, sections.length)
  for (const { client, clock, structs, count } of [...sections].sort((a, b) => b.client - a.client)) {
    encoding.writeVarUint(out, count)
    encoding.writeVarUint(out, client)
    encoding.writeVarUint(out, clock)
    encoding.writeUint8Array(out, structs.toUint8Array())
  }
  const byClient = new Map<number, ClockRange[]>()
  for (const range of compactRanges(removed)) {
    const ranges = byClient.get(range.client)
    if (ranges === undefined) byClient.set(range.client, [range])
    else ranges.push(range)
  }
  encoding.writeVarUint(out, byClient.size)
  for (const [client, ranges] of [...byClient].sort(([a], [b]) => b - a)) {
    encoding.writeVarUint(out, client)
    encoding.writeVarUint(out, ranges.length)
    for (const { clock, length } of ranges) {
      encoding.writeVarUint(out, clock)
      encoding.writeVarUint(out, length)
    }
  }
  return encoding.toUint8Array(out)
}
