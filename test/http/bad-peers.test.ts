import { once } from 'node:events'
import { ByteWriter, parseRegionId, parseReplicaId } from '@meridian/core'
import { frameOf } from '@meridian/core/testing'
import { encodeMessage, PROTOCOL_VERSION, type Sent } from '@meridian/replica'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { until } from '../e2e/kit/until.js'
import { DOORS, farewell, upgraded, Visitor } from './kit/doors.js'
import { type DiskRegion, openRegion } from './kit/region.js'
import { dial, exchange, heard, statuses } from './kit/wire.js'

/* Rows W1-W12, N12-N14 of docs/spec/bad-peers.md, over real sockets, against a region with an honest peer beside it. */

const EU = parseReplicaId(1)
const STRANGER = parseReplicaId(99)
let eu: DiskRegion
let us: DiskRegion
let next = 1000

beforeAll(async () => {
  eu = await openRegion({ 'replica-number': '1', 'first-message-ms': '1000', 'rooms-per-address-max': '20' })
  us = await openRegion({ region: 'us', 'replica-number': '2', peer: `eu=http://127.0.0.1:${eu.port}` })
  await eu.send('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' }, shard_number: 1 })
  const points = Array.from({ length: 50 }, (_, id) => ({ id, vector: [id, 1], payload: { text: 'x'.repeat(100) } }))
  await eu.send('PUT', '/collections/c/points', { points })
  await until('us has all', () => us.server.replica.collections().some(({ liveCount }) => liveCount === 50))
})
afterAll(async () => {
  await us[Symbol.asyncDispose]()
  await eu[Symbol.asyncDispose]()
})

const digest = ({ server }: DiskRegion): string => JSON.stringify(server.replica.collection('c').digests())

const counted = async (door: string, reason: string): Promise<number> => {
  const { text } = await eu.send('GET', '/metrics')
  return Number(new RegExp(`connections_refused_total\\{door="${door}",reason="${reason}"\\} (\\d+)`).exec(text)?.[1])
}

/** Plays an attack; after it nothing has changed, and clients of HTTP and of rooms, and the peer, are served. */
const unharmed = async (attack: () => Promise<unknown>): Promise<void> => {
  const before = digest(eu)
  await attack()
  expect(digest(eu)).toBe(before)
  const id = next++
  expect((await eu.send('PUT', '/collections/c/points', { points: [{ id, vector: [1, 2] }] })).status).toBe(200)
  await until('the peer has the next write', () => digest(us) === digest(eu))
  const reader = await Visitor.open(eu.port, 'room')
  reader.ws.send(Uint8Array.of(0, 0, 1, 0))
  await until('a reader has all', () => reader.got.some((message) => message[0] === 0 && message[1] === 1))
  reader.ws.terminate()
}

const update = (seq: number, bytes: Uint8Array): Sent => ({
  type: 'update',
  origin: STRANGER,
  seq,
  atMs: Date.now(),
  parts: [{ kind: 'shard', uid: eu.server.replica.collection('c').uid, shard: 0, update: bytes }],
})

const varuints = (...values: number[]): Uint8Array => {
  const out = new ByteWriter()
  for (const value of values) out.varuint(value)
  return out.finish()
}
/** One struct of one client, its content as given, and no deletions. */
const struct = (client: number, clock: number, ...rest: number[]): Uint8Array =>
  varuints(1, 1, client, clock, ...rest, 0)
const room = (type: number, content: Uint8Array): Uint8Array =>
  new ByteWriter().varuint(0).varuint(type).bytes(content).finish()

const MASK = [0, 0, 0, 0]
describe.each(['link', 'room'] as const)('the door of the %s', (door) => {
  test.each([
    ['unmasked', [0x82, 1, 0], 1002, 'malformed'],
    ['a reserved opcode', [0x83, 0x80, ...MASK], 1002, 'malformed'],
    ['reserved bits: compression that was not agreed', [0xc2, 0x80, ...MASK], 1002, 'malformed'],
    ['a fragmented ping', [0x09, 0x80, ...MASK], 1002, 'malformed'],
    ['a length of 2^63', [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], 1009, 'too-long'],
    ['bad UTF-8', [0x81, 0x81, ...MASK, 0xff], 1007, 'malformed'],
    ['a close code that may not be sent', [0x88, 0x82, ...MASK, 0x03, 0xec], 1002, 'malformed'],
    ['a continuation of nothing', [0x80, 0x80, ...MASK], 1002, 'malformed'],
  ] as const)('[W1] %s closes with its code', (_what, bytes, code, reason) =>
    unharmed(async () => {
      const before = await counted(door, reason)
      const socket = await upgraded(eu.port, door)
      const ended = farewell(socket)
      socket.write(Uint8Array.from(bytes))
      const { head, code: got } = await ended
      expect(got).toBe(code)
      expect(head).not.toMatch(/sec-websocket-extensions/i)
      expect(await counted(door, reason)).toBe(before + 1)
    }),
  )

  test('[W2] a message above the limit, by its announcement, and a million one-byte fragments are refused', () =>
    unharmed(async () => {
      const long = await upgraded(eu.port, door)
      const longEnded = farewell(long)
      long.write(Uint8Array.from([0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 1]))
      expect((await longEnded).code).toBe(1009)
      const before = process.memoryUsage().arrayBuffers
      const socket = await upgraded(eu.port, door)
      const ended = farewell(socket)
      socket.write(Uint8Array.from([0x02, 0x81, ...MASK, 1]))
      const batch = Buffer.concat(Array.from({ length: 10_000 }, () => Buffer.from([0x00, 0x81, ...MASK, 1])))
      for (let i = 0; i < 100 && socket.writable; i++)
        if (!socket.write(batch)) await Promise.race([heard(socket, 'close'), once(socket, 'drain')])
      expect((await ended).code).toBe(1008)
      expect(await counted(door, 'fragments')).toBe(1)
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 2 ** 20)
    }))

  test('[W3] who connects and says nothing is closed', () =>
    unharmed(async () => {
      const before = await counted(door, 'silent')
      expect(await (await Visitor.open(eu.port, door)).closed).toBe(1008)
      expect(await counted(door, 'silent')).toBe(before + 1)
    }))
})

describe('links', () => {
  const ends = async (code: number, say: (visitor: Visitor) => unknown): Promise<Visitor> => {
    const visitor = await Visitor.open(eu.port, 'link')
    say(visitor)
    expect(await visitor.closed).toBe(code)
    return visitor
  }

  test('[W5] [W11] an empty frame, an unknown type (awareness among them) and trailing bytes end a link with 1002', () =>
    unharmed(async () => {
      const ask = encodeMessage({ type: 'ask', nonce: 1 })
      const trailing = frameOf(Uint8Array.of(...ask.subarray(0, -4), 0))
      const before = await counted('link', 'malformed')
      const all = [new Uint8Array(), frameOf(Uint8Array.of(200)), frameOf(Uint8Array.of(99, 1, 0)), trailing]
      for (const frame of all) await ends(1002, (visitor) => visitor.hello().ws.send(frame))
      expect(await counted('link', 'malformed')).toBe(before + all.length)
    }))

  test('[W6] flipped bits and cut ends are refused by the checksum', () =>
    unharmed(async () => {
      const visitor = (await Visitor.open(eu.port, 'link')).hello()
      await until('updates come', () => visitor.messages().some(({ type }) => type === 'update'))
      const frame = visitor.got[visitor.messages().findIndex(({ type }) => type === 'update')]!
      visitor.ws.terminate()
      for (let i = 0; i < 60; i++) {
        const bad = i % 2 ? frame.slice(0, Math.floor((frame.length * i) / 60)) : frame.slice()
        if (i % 2 === 0) bad[Math.floor((frame.length * i) / 60)]! ^= 1 << (i % 8)
        await ends(1002, (each) => each.hello().ws.send(bad))
      }
    }))

  const CLIENT = 99 * 2 ** 24 + 1
  const lane = [0x63] // a root named after no lane
  test.each([
    ['[W7] a garbage struct of 2^50', struct(CLIENT, 0, 0, 2 ** 50)],
    ['[W7] a gap of 2^50', struct(CLIENT, 0, 10, 2 ** 50)],
    ['[W7] a clock of 2^50', struct(CLIENT, 2 ** 50, 0x83, CLIENT, 2 ** 50 - 1, 1, 0)],
    ['[W7] a clock that leaves a gap', struct(CLIENT, 1000, 0x83, CLIENT, 999, 1, 0)],
    ['[W7] a client id of the receiver', struct(2 ** 24 + 1, 0, 0x83, 2 ** 24 + 1, 0, 1, 0)],
    ['[W7] a client id of a third', struct(2 ** 25 + 1, 0, 0x83, 2 ** 25 + 1, 0, 1, 0)],
    ['[W7] a removal of 2^40', varuints(0, 1, CLIENT, 1, 0, 2 ** 40)],
    ['[W8] ten million items', varuints(1, 10_000_000, CLIENT, 0)],
    ['[W9] a map in place of a lane', struct(CLIENT, 0, 0x28, 1, 1, ...lane, 1, 0x6b, 1, 0x7d, 1)],
    ['[W9] a root of no lane', struct(CLIENT, 0, 0x03, 1, 1, ...lane, 1, 0)],
    ['[W12] an update of version 2', Y.encodeStateAsUpdateV2(new Y.Doc())],
  ])('%s is refused before anything of it is applied', (_what, bytes) =>
    unharmed(async () => {
      await ends(1002, (visitor) => visitor.hello().say(update(1, bytes)))
      expect(eu.server.replica.vectors.acked.get(STRANGER)).toBe(0)
    }),
  )

  test('[W8] 4,000 transactions behind a gap are dropped, not kept, and asked for again a few times', () =>
    unharmed(async () => {
      const { framesDropped, resyncs } = eu.server.replica.status().counters
      const visitor = (await Visitor.open(eu.port, 'link')).hello()
      for (let seq = 2; seq <= 4001; seq++) visitor.say(update(seq, new Uint8Array([0, 0])))
      visitor.say({ type: 'ask', nonce: 7 })
      await until('it answers', () => visitor.messages().some(({ type }) => type === 'answer'))
      const { counters } = eu.server.replica.status()
      expect(counters.framesDropped - framesDropped).toBe(4000)
      // One in 200 ms.
      expect(counters.resyncs - resyncs).toBeLessThan(100)
      visitor.ws.terminate()
    }))

  test('[N12] an old capture, in order, shuffled and repeated, has no effect', () =>
    unharmed(async () => {
      const visitor = (await Visitor.open(eu.port, 'link')).hello()
      await until('updates come', () => visitor.messages().some(({ type }) => type === 'update'))
      const capture = visitor.got.filter((_, i) => visitor.messages()[i]!.type === 'update')
      visitor.ws.terminate()
      const before = digest(us)
      for (const frames of [capture, [...capture].reverse(), [...capture, ...capture]]) {
        const replayed = (await Visitor.open(us.port, 'link')).hello()
        for (const frame of frames) replayed.ws.send(frame)
        replayed.say({ type: 'ask', nonce: 7 })
        await until('it answers', () => replayed.messages().some(({ type }) => type === 'answer'))
        replayed.ws.terminate()
      }
      expect(digest(us)).toBe(before)
    }))

  test.each([PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1])(
    '[N13] version %i is refused with 4426 and a sentence',
    (version) =>
      unharmed(async () => {
        const visitor = await ends(4426, (each) => each.hello({ protocol: version }))
        const told = visitor.messages()
        expect(told.map(({ type }) => type)).toEqual(['hello', 'refuse'])
        expect(told[1]).toMatchObject({ code: 'PROTOCOL', reason: expect.stringMatching(`version ${version} is not`) })
        const ws = new WebSocket(`ws://127.0.0.1:${eu.port}${DOORS.link}`, [`meridian.link.v${version + 100}`])
        const [, response] = await once(
          ws.on('error', () => undefined),
          'unexpected-response',
        )
        expect(response.statusCode).toBe(400)
        ws.terminate()
      }),
  )

  test.each([
    ['our own region', { region: parseRegionId('eu') }],
    ['our own replica number', { replica: EU }],
    ['a number of another region', { replica: parseReplicaId(2) }],
    ['a region with another directory', { region: parseRegionId('us'), replica: parseReplicaId(2) }],
  ])('[N14] %s is refused with 4409 before any data is sent', (_what, more) =>
    unharmed(async () => {
      const before = await counted('link', 'identity')
      const visitor = await ends(4409, (each) => each.hello(more))
      expect(visitor.messages().map(({ type }) => type)).toEqual(['hello', 'refuse'])
      expect(await counted('link', 'identity')).toBe(before + 1)
    }),
  )

  test.each(Object.values(DOORS))(
    '[N14] [W4] at %s wrong keys are answered 401, and many of them 429',
    async (path) => {
      await using guarded = await openRegion({ 'cluster-key': 'right', 'api-key': 'right' })
      const request = `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nauthorization: Bearer no\r\n\r\n`
      const seen: number[] = []
      for (let i = 0; i < 100; i++) seen.push(statuses(await exchange(guarded.port, request))[0]!)
      expect(seen.slice(0, 30)).toEqual(Array.from({ length: 30 }, () => 401))
      expect(new Set(seen)).toEqual(new Set([401, 429]))
    },
  )
})

describe('rooms', () => {
  test('[W5] [W7] [W12] whatever a client writes, before step 1 or after, is denied undecoded, and 4403 ends it', () =>
    unharmed(async () => {
      const visitor = await Visitor.open(eu.port, 'room')
      const bad = [
        struct(2 ** 24 + 1, 0, 0, 2 ** 50),
        varuints(0, 1, 5, 1, 0, 2 ** 40),
        Y.encodeStateAsUpdateV2(new Y.Doc()),
      ]
      for (let i = 0; i < 17; i++) visitor.ws.send(room(1 + (i % 2), bad[i % 3]!))
      expect(await visitor.closed).toBe(4403)
    }))

  test('[W10] a state vector of 100,000 clients is refused, of a million too long; step 1 in a loop is answered once a second', () =>
    unharmed(async () => {
      const vector = (clients: number): Uint8Array => {
        const out = new ByteWriter().varuint(clients)
        for (let i = 0; i < 2 * clients; i++) out.varuint(i)
        return out.finish()
      }
      for (const [clients, code] of [
        [100_000, 1002],
        [1_000_000, 1009],
      ] as const) {
        const visitor = await Visitor.open(eu.port, 'room')
        visitor.ws.send(room(0, vector(clients)))
        expect(await visitor.closed).toBe(code)
      }
      const visitor = await Visitor.open(eu.port, 'room')
      const start = performance.now()
      for (let i = 0; i < 5000; i++) visitor.ws.send(room(0, Uint8Array.of(0)))
      const pong = once(visitor.ws, 'pong')
      visitor.ws.ping()
      await pong
      const answers = visitor.got.filter((message) => message[0] === 0 && message[1] === 1).length
      expect(answers).toBeGreaterThan(0)
      expect(answers).toBeLessThanOrEqual(2 + (performance.now() - start) / 1000)
      visitor.ws.terminate()
    }))

  test('[W11] awareness of a million states, of clock 2^53, of a megabyte reaches nobody', () =>
    unharmed(async () => {
      const witness = await Visitor.open(eu.port, 'room')
      const visitor = await Visitor.open(eu.port, 'room')
      for (const ws of [witness.ws, visitor.ws]) ws.send(room(0, Uint8Array.of(0)))
      const awareness = (content: Uint8Array): Uint8Array => new ByteWriter().varuint(1).bytes(content).finish()
      visitor.ws.send(awareness(varuints(1_000_000, 1, 1, 0)))
      visitor.ws.send(awareness(varuints(1, 1, Number.MAX_SAFE_INTEGER, 0)))
      visitor.ws.send(awareness(new Uint8Array(1_000_000)))
      const pong = once(visitor.ws, 'pong')
      visitor.ws.ping()
      await pong
      expect(witness.got.filter((message) => message[0] === 1)).toEqual([])
      witness.ws.terminate()
      visitor.ws.terminate()
    }))

  test('[W4] of a thousand rooms one address opens as many as it may, another is served, and unknown names make nothing', () =>
    unharmed(async () => {
      const before = await counted('room', 'connections')
      const opened: Visitor[] = []
      for (let i = 0; i < 1000; i++)
        await Visitor.open(eu.port, 'room').then(
          (each) => opened.push(each),
          () => 0,
        )
      expect(opened.length).toBeLessThanOrEqual(20 * 20)
      expect((await counted('room', 'connections')) - before).toBe(1000 - opened.length)
      const other = new WebSocket(`ws://127.0.0.1:${eu.port}${DOORS.room}`, { localAddress: '127.0.0.2' })
      await once(other, 'open')
      other.terminate()
      const gone = opened.map(({ closed }) => closed)
      for (const { ws } of opened) ws.terminate()
      await Promise.all(gone)
      await until('they are gone', () => exchangeable())
      for (const name of ['..%2f..%2fetc/0', '%00/0', 'nowhere/0', 'c/1', 'c/-1', 'c/1e9', 'x'.repeat(300)])
        expect(await (await Visitor.open(eu.port, 'room', `/sync/${name}`)).closed).toBe(4404)
      expect(eu.server.replica.collections().map((each) => each.name)).toEqual(['c'])
      expect(eu.filesOutside()).toEqual([])
    }))
  const exchangeable = async (): Promise<boolean> =>
    Visitor.open(eu.port, 'room').then(
      ({ ws }) => {
        ws.terminate()
        return true
      },
      () => false,
    )
})

test('[W4] [W3] 10,000 connections: as many are taken as may be; the peer goes on meanwhile; the mute are cut', async () => {
  await using small = await openRegion({ 'connections-max': '100', 'header-timeout-ms': '1500' })
  await using peer = await openRegion({
    region: 'us',
    'replica-number': '7',
    peer: `eu=http://127.0.0.1:${small.port}`,
  })
  await until('linked', () => peer.server.replica.status().peers.some(({ state }) => state === 'linked'))
  let closed = 0
  for (let wave = 0; wave < 40; wave++)
    await Promise.all(
      Array.from({ length: 250 }, async () => {
        const socket = await dial(small.port)
        socket.resume().once('close', () => closed++)
      }),
    )
  expect((await peer.send('PUT', '/collections/d', { vectors: { size: 2, distance: 'Dot' } })).status).toBe(200)
  await until('the flooded one follows', () => small.server.replica.collections().length === 1)
  await until('all are cut', () => closed === 10_000)
  expect((await small.send('GET', '/collections')).status).toBe(200)
})
