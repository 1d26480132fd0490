import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import type { Room } from './room.js'
import { type RoomBatch, RoomTransfer } from './room-transfer.js'
import { encodeDocState, yDocRoom } from './y-doc-room.js'

const MIB = 1024 * 1024
const writer = (client: number): Y.Doc => {
  const doc = new Y.Doc()
  doc.clientID = client
  return doc
}
const copyOf = (updates: Iterable<Uint8Array>): Y.Doc => {
  const copy = new Y.Doc()
  for (const update of updates) Y.applyUpdate(copy, update)
  return copy
}
const sameState = (a: Y.Doc, b: Y.Doc): void => {
  expect(a.store.pendingStructs).toBe(null)
  expect(a.getArray('a').length).toBe(b.getArray('a').length)
  expect(Buffer.compare(Y.encodeStateAsUpdate(a), Y.encodeStateAsUpdate(b))).toBe(0)
}

/** Edits by several clients at places that depend on each other's, with deletions. */
const edited = (edits: readonly (readonly [client: number, at: number, size: number])[]): Y.Doc => {
  const doc = new Y.Doc({ gc: true })
  for (const [client, at, size] of edits) {
    doc.clientID = client
    const list = doc.getArray<unknown>('a')
    if (size < 0) list.delete(at % (list.length + 1), Math.min(1, list.length - (at % (list.length + 1))))
    else list.insert(at % (list.length + 1), [new Uint8Array(size).fill(client), 'text'])
  }
  return doc
}

const edit = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(40), fc.integer({ min: -20, max: 60 }))

test('[TR51] the chunks of a document add up to it, from any earlier state, at any chunk size', () =>
  fc.assert(
    fc.property(
      fc.array(edit, { maxLength: 60 }),
      fc.nat(60),
      fc.integer({ min: 1, max: 400 }),
      (edits, known, chunk) => {
        const older = edited(edits.slice(0, known))
        const doc = copyOf([Y.encodeStateAsUpdate(older)])
        for (const [i, [client, at, size]] of edits.slice(known).entries()) {
          doc.clientID = client + 10 + i
          doc.getArray('a').insert(at % (doc.getArray('a').length + 1), [size])
        }
        sameState(copyOf(encodeDocState(doc, Uint8Array.of(0), chunk)), doc)
        const copy = copyOf([Y.encodeStateAsUpdate(older)])
        for (const update of encodeDocState(doc, Y.encodeStateVector(older), chunk)) Y.applyUpdate(copy, update)
        sameState(copy, doc)
      },
    ),
  ))

const big = (mebibytes: number, doc = writer(1)): Y.Doc => {
  for (let i = 0; i < mebibytes * 4; i++) doc.getArray('a').push([new Uint8Array(MIB / 4).fill(i)])
  return doc
}

test('[TR51] chunks are about a mebibyte; a small state is one', () => {
  const sizes = [...encodeDocState(big(5), Uint8Array.of(0))].map((update) => update.length)
  expect(sizes.length).toBeGreaterThanOrEqual(5)
  for (const size of sizes) expect(size).toBeLessThan(1.3 * MIB)
  expect([...encodeDocState(edited([[1, 0, 9]]), Uint8Array.of(0))]).toHaveLength(1)
  expect([...encodeDocState(new Y.Doc(), Uint8Array.of(0))]).toEqual([Uint8Array.of(0, 0)])
})

/** Takes a copy of everything at the first pull, and shows nothing that came later. */
const snapshotRoom = (doc: Y.Doc): Room => ({
  ...yDocRoom(doc),
  *encodeState(stateVector) {
    const frozen = copyOf([Y.encodeStateAsUpdate(doc)])
    yield* encodeDocState(frozen, stateVector)
  },
})

for (const [name, roomOf] of [
  ['reads the document as it streams', yDocRoom],
  ['streams a snapshot', snapshotRoom],
] as const) {
  test(`[TR44] with a room that ${name}, the last batch completes the copy in its own tick, whatever was written meanwhile`, () => {
    const doc = big(6)
    const transfer = new RoomTransfer(roomOf(doc), Uint8Array.of(0))
    const copy = new Y.Doc()
    let batches = 0
    for (let batch: RoomBatch | undefined; batch?.last !== true; batches++) {
      // Writes fall between batches, deletions among them, while the first rounds run.
      if (batches > 0 && batches < 12) {
        doc.clientID = 2 + batches
        doc.getArray('a').insert(0, [new Uint8Array(MIB / 8)])
        doc.getArray('a').delete(3, 1)
      }
      batch = transfer.next()
      for (const update of batch.updates) Y.applyUpdate(copy, update)
    }
    sameState(copy, doc)
    expect(batches).toBeGreaterThan(4)
  })
}

test('[TR44] a small state goes in one batch', () => {
  const doc = edited([[1, 0, 100]])
  const batch = new RoomTransfer(yDocRoom(doc), Uint8Array.of(0)).next()
  expect(batch.last).toBe(true)
  sameState(copyOf(batch.updates), doc)
})

test('[TR44] a transfer that is given up lets go of the room', () => {
  let released = false
  const room: Room = {
    ...yDocRoom(big(4)),
    *encodeState() {
      try {
        for (;;) yield new Uint8Array(MIB)
      } finally {
        released = true
      }
    },
  }
  const transfer = new RoomTransfer(room, Uint8Array.of(0))
  expect(transfer.next().last).toBe(false)
  transfer.close()
  expect(released).toBe(true)
})
