import { ByteWriter, malformed } from '@meridian/core'
import { fuzzDecoder } from '@meridian/core/testing'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { expect, test } from 'vitest'
import { Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness'
import { readAuthMessage } from 'y-protocols/auth'
import { readSyncMessage, writeSyncStep1, writeSyncStep2, writeUpdate } from 'y-protocols/sync'
import * as Y from 'yjs'
import { deniedMessage, roomMessage, STATE_VECTOR_CLIENTS_MAX, step2Message, updateMessage } from './room-message.js'

const encode = (type: number, write: (encoder: encoding.Encoder) => void = () => {}): Uint8Array => {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, type)
  write(encoder)
  return encoding.toUint8Array(encoder)
}

const filled = (): Y.Doc => {
  const doc = new Y.Doc()
  doc.getMap('m').set('k', 'v')
  doc.getArray('a').push([1, 2, 3])
  return doc
}

const awareness = new Awareness(new Y.Doc())
awareness.destroy()

/** What stock clients send. */
const stock = {
  step1: encode(0, (e) => writeSyncStep1(e, filled())),
  emptyStep1: encode(0, (e) => writeSyncStep1(e, new Y.Doc())),
  step2: encode(0, (e) => writeSyncStep2(e, filled())),
  emptyStep2: encode(0, (e) => writeSyncStep2(e, new Y.Doc())),
  update: encode(0, (e) => writeUpdate(e, Y.encodeStateAsUpdate(filled()))),
  awareness: encode(1, (e) => encoding.writeVarUint8Array(e, encodeAwarenessUpdate(awareness, [awareness.clientID]))),
  queryAwareness: encode(3),
}

test('[TR41] every message of a stock client is answered, ignored or denied', () => {
  const kinds = Object.fromEntries(Object.entries(stock).map(([name, bytes]) => [name, roomMessage(bytes).kind]))
  expect(kinds).toEqual({
    step1: 'answer',
    emptyStep1: 'answer',
    step2: 'deny',
    emptyStep2: 'ignore',
    update: 'deny',
    awareness: 'ignore',
    queryAwareness: 'ignore',
  })
})

test('[TR43] a state vector names at most 10,000 clients', () => {
  const vector = (clients: number) => {
    const writer = new ByteWriter().varuint(clients)
    for (let i = 0; i < clients; i++) writer.varuint(0xffff0000 + i).varuint(i)
    return new ByteWriter().u8(0).u8(0).bytes(writer.finish()).finish()
  }
  const most = roomMessage(vector(STATE_VECTOR_CLIENTS_MAX))
  expect(most.kind).toBe('answer')
  if (most.kind === 'answer') expect(Y.decodeStateVector(most.stateVector).size).toBe(STATE_VECTOR_CLIENTS_MAX)
  expect(roomMessage(vector(STATE_VECTOR_CLIENTS_MAX + 1)).kind).toBe('violation')
})

test('[TR43] empty, unknown, truncated and over-long messages are violations', () => {
  const withTail = (bytes: Uint8Array) => Uint8Array.of(...bytes, 0)
  const bad = [
    new Uint8Array(),
    Uint8Array.of(0),
    Uint8Array.of(0, 3, 0),
    Uint8Array.of(0, 0, 5, 1),
    Uint8Array.of(0, 0, 3, 1, 1, 0x80),
    Uint8Array.of(0x80, 0x00, 0),
    encode(2, (e) => encoding.writeVarUint(e, 0)),
    encode(4),
    encode(100),
    ...Object.values(stock).map(withTail),
    ...Object.values(stock).map((bytes) => bytes.subarray(0, bytes.length - 1)),
  ]
  for (const bytes of bad) expect(roomMessage(bytes).kind, Buffer.from(bytes).toString('hex')).toBe('violation')
})

test('[TR40] what the room sends is what y-protocols reads', () => {
  const source = filled()
  for (const [wrap, type] of [
    [step2Message, 1],
    [updateMessage, 2],
  ] as const) {
    const copy = new Y.Doc()
    const decoder = decoding.createDecoder(wrap(Y.encodeStateAsUpdate(source)))
    expect(decoding.readVarUint(decoder)).toBe(0)
    const fail = (error: Error) => {
      throw error
    }
    expect(readSyncMessage(decoder, encoding.createEncoder(), copy, 'test', fail)).toBe(type)
    expect(copy.getMap('m').toJSON()).toEqual({ k: 'v' })
    expect(decoding.hasContent(decoder)).toBe(false)
  }
  const decoder = decoding.createDecoder(deniedMessage('no'))
  expect(decoding.readVarUint(decoder)).toBe(2)
  let heard = ''
  readAuthMessage(decoder, new Y.Doc(), (_, reason) => {
    heard = reason
  })
  expect(heard).toBe('no')
})

test('[TR48] 100,000 damaged messages: each is decided in time, and what is to be answered can be', () => {
  const doc = filled()
  const before = Y.encodeStateAsUpdate(doc)
  const seen = new Set<string>()
  const { refused, accepted } = fuzzDecoder({
    name: 'roomMessage',
    samples: Object.values(stock),
    count: 100_000,
    decode(bytes) {
      const decision = roomMessage(bytes)
      seen.add(decision.kind)
      if (decision.kind === 'answer') Y.encodeStateAsUpdate(doc, decision.stateVector)
      if (decision.kind === 'violation') throw malformed(decision.reason)
    },
  })
  expect(refused + accepted).toBe(100_000)
  expect([...seen].sort()).toEqual(['answer', 'deny', 'ignore', 'violation'])
  expect(Y.encodeStateAsUpdate(doc)).toEqual(before)
})
