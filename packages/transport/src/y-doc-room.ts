import { assert } from '@meridian/core'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import type { Room } from './room.js'

const CHUNK_BYTES = 1024 * 1024

/** Structs of one client, from `clock` on, as an update carries them. */
interface Section {
  readonly client: number
  readonly clock: number
  readonly endClock: number
  readonly count: number
  readonly bytes: Uint8Array
}

/** As many whole structs as fit into `room` bytes, one at least; nothing if the document has none from `clock` on. */
const takeSection = (doc: Y.Doc, client: number, clock: number, room: number): Section | undefined => {
  if (clock >= Y.getState(doc.store, client)) return undefined
  const structs = doc.store.clients.get(client)
  assert(structs !== undefined, 'a client with a state has structs')
  const encoder = new Y.UpdateEncoderV1()
  let endClock = clock
  let count = 0
  for (let i = Y.findIndexSS(structs, clock); i < structs.length; i++) {
    if (count > 0 && encoding.length(encoder.restEncoder) >= room) break
    const struct = structs[i]!
    struct.write(encoder, endClock - struct.id.clock)
    endClock = struct.id.clock + struct.length
    count++
  }
  return { client, clock, endClock, count, bytes: encoding.toUint8Array(encoder.restEncoder) }
}

const joinSections = (sections: readonly Section[]): Uint8Array => {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, sections.length)
  for (const { client, clock, count, bytes } of sections) {
    encoding.writeVarUint(encoder, count)
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, clock)
    encoding.writeUint8Array(encoder, bytes)
  }
  encoding.writeVarUint(encoder, 0) // deletions come last
  return encoding.toUint8Array(encoder)
}

const encodeVector = (vector: ReadonlyMap<number, number>): Uint8Array => {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, vector.size)
  for (const [client, clock] of vector) {
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, clock)
  }
  return encoding.toUint8Array(encoder)
}

/**
 * What the document holds beyond `stateVector`, in updates of about `chunkBytes` (a single larger item is one update of its
 * own). The last one is taken from the document as it then is: it has everything that the others do not, and all deletions.
 */
export function* encodeDocState(
  doc: Y.Doc,
  stateVector: Uint8Array,
  chunkBytes: number = CHUNK_BYTES,
): Generator<Uint8Array> {
  const sent = Y.decodeStateVector(stateVector)
  let sections: Section[] = []
  let bytes = 0
  for (const client of [...doc.store.clients.keys()].sort((a, b) => b - a)) {
    let clock = sent.get(client) ?? 0
    for (;;) {
      const section = takeSection(doc, client, clock, chunkBytes - bytes)
      if (section === undefined) break
      clock = section.endClock
      sections.push(section)
      bytes += section.bytes.length
      if (bytes < chunkBytes) break
      for (const { client, endClock } of sections) sent.set(client, endClock)
      yield joinSections(sections)
      sections = []
      bytes = 0
    }
  }
  yield Y.encodeStateAsUpdate(doc, encodeVector(sent))
}

/** A room over a plain document in memory. */
export const yDocRoom = (doc: Y.Doc): Room => ({
  encodeStateVector: () => Y.encodeStateVector(doc),
  encodeState: (stateVector) => encodeDocState(doc, stateVector),
  subscribe(listener) {
    const onUpdate = (update: Uint8Array): void => listener(update)
    doc.on('update', onUpdate)
    return () => doc.off('update', onUpdate)
  },
})
