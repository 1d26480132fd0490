import { once } from 'node:events'
import { SILENT_LOG, StoreError } from '@meridian/core'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { writeSyncStep1, writeUpdate } from 'y-protocols/sync'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import type { Room } from './room.js'
import { parseRoomPath, RoomServer, type RoomServerOptions } from './room-server.js'
import { systemTimers } from './system-ports.js'
import { Cleanup, listen, SteppedTimers, Watch } from './test-kit.js'
import { yDocRoom } from './y-doc-room.js'

const cleanup = new Cleanup()
afterEach(() => cleanup.run())

const serve = async (doc: Y.Doc, options: Partial<RoomServerOptions> = {}, room: Room = yDocRoom(doc)) => {
  const rooms = new RoomServer({
    rooms: { open: (collection, shard) => (collection === 'products' && shard === 0 ? room : undefined) },
    authorize: () => true,
    timers: systemTimers,
    log: SILENT_LOG,
    ...options,
  })
  const at = await listen(cleanup, [rooms.route])
  cleanup.add(() => rooms.close())
  return { ...at, rooms }
}

/** A client of few words: what it got, and how it ended. */
const join = (base: string, room = 'products/0') => {
  const ws = new WebSocket(`${base}/sync/${room}`, { perMessageDeflate: false })
  const got: Uint8Array[] = []
  const watch = new Watch()
  let code: number | undefined
  ws.on('error', () => {})
  ws.on('message', (data) => {
    got.push(new Uint8Array(data as Buffer))
    watch.poke()
  })
  ws.on('close', (closeCode) => {
    code = closeCode
    watch.poke()
  })
  cleanup.add(() => ws.terminate())
  return {
    ws,
    got,
    open: () => once(ws, 'open'),
    sync: (type: 0 | 1 | 2 | 3) => got.filter((m) => m[0] === (type === 3 ? 2 : 0) && (type === 3 || m[1] === type)),
    until: (claim: () => boolean) => watch.until(claim),
    closeCode: async () => {
      await watch.until(() => code !== undefined)
      return code
    },
  }
}

const message = (write: (encoder: encoding.Encoder) => void): Uint8Array => {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, 0)
  write(encoder)
  return encoding.toUint8Array(encoder)
}
const step1 = (doc = new Y.Doc()): Uint8Array => message((to) => writeSyncStep1(to, doc))
const foreignWrite = (): Uint8Array => {
  const doc = new Y.Doc()
  doc.getMap('m').set('evil', true)
  return message((to) => writeUpdate(to, Y.encodeStateAsUpdate(doc)))
}
const statusOf = async (ws: WebSocket): Promise<number> => (await once(ws, 'unexpected-response'))[1].statusCode

test('[TR42] an unknown room is closed with 4404 before anything is said, whatever its name looks like', async () => {
  const { ws } = await serve(new Y.Doc())
  for (const room of [
    'products/1',
    'nothing/0',
    'products',
    'products/00',
    'products/-1',
    'products/0/',
    '%E0%A4%A/0',
    '',
  ]) {
    const client = join(ws, room)
    expect(await client.closeCode(), room).toBe(4404)
    expect(client.got).toEqual([])
  }
})

test('[TR42] the name of a room may be percent-encoded', () => {
  expect(parseRoomPath('/sync/products/0')).toEqual({ collection: 'products', shard: 0 })
  expect(parseRoomPath('/sync/products%2F12')).toEqual({ collection: 'products', shard: 12 })
  expect(parseRoomPath('/sync/caf%C3%A9%20a/b/3')).toEqual({ collection: 'café a/b', shard: 3 })
  for (const path of [
    '/sync/',
    '/sync//0',
    '/sync/a',
    '/sync/a/x',
    '/sync/a/01',
    '/sync/a/9999999999',
    '/sync/%',
    '/other/a/0',
  ]) {
    expect(parseRoomPath(path), path).toBeUndefined()
  }
})

test('[TR42] who may not read is answered 401, one too many 503', async () => {
  const allowed = (url = '') => url.endsWith('?key=right')
  const { ws, rooms } = await serve(new Y.Doc(), {
    authorize: (request) => allowed(request.url),
    limits: { connectionsMax: 1 },
  })
  expect(await statusOf(join(ws).ws)).toBe(401)
  await join(ws, 'products/0?key=right').open()
  expect(rooms.connectionCount).toBe(1)
  expect(await statusOf(join(ws, 'products/0?key=right').ws)).toBe(503)
})

test('[TR43] a client that breaks the protocol is closed with the code for it, and nobody else notices', async () => {
  const doc = new Y.Doc()
  const { ws } = await serve(doc)
  const witness = join(ws)
  await witness.open()
  witness.ws.send(step1())
  await witness.until(() => witness.sync(1).length === 1)
  const cases: [Uint8Array | string, number][] = [
    [new Uint8Array(), 1002],
    [Uint8Array.of(9), 1002],
    [Uint8Array.of(...step1(), 0), 1002],
    [Uint8Array.of(0, 0, 3, 1, 1, 0x80), 1002],
    ['hello', 1003],
    [new Uint8Array(1024 * 1024 + 1), 1009],
  ]
  for (const [bad, code] of cases) {
    const client = join(ws)
    await client.open()
    client.ws.send(bad)
    client.ws.send(step1())
    expect(await client.closeCode()).toBe(code)
    expect(client.got).toEqual([])
  }
  doc.getMap('m').set('k', 1)
  await witness.until(() => witness.sync(2).length === 1)
})

test('[TR41] a write is answered with a denial and changes nothing; too many of them end with 4403', async () => {
  const doc = new Y.Doc()
  doc.getMap('m').set('k', 1)
  const before = Y.encodeStateAsUpdate(doc)
  const { ws, rooms } = await serve(doc, { limits: { denialsMax: 3 } })
  const [writer, witness] = [join(ws), join(ws)]
  await Promise.all([writer.open(), witness.open()])
  witness.ws.send(step1())
  await witness.until(() => witness.sync(1).length === 1)
  for (let i = 1; i <= 3; i++) {
    writer.ws.send(foreignWrite())
    await writer.until(() => writer.sync(3).length === i)
  }
  writer.ws.send(step1())
  await writer.until(() => writer.sync(1).length === 1)
  writer.ws.send(foreignWrite())
  expect(await writer.closeCode()).toBe(4403)
  expect(rooms.counters).toEqual({ answered: 2, denied: 4, violations: 0, cut: 0 })
  expect(Y.encodeStateAsUpdate(doc)).toEqual(before)
  doc.getMap('m').set('k', 2)
  await witness.until(() => witness.sync(2).length === 1)
  expect(witness.got).toHaveLength(2)
})

test('[TR44] a large state comes in pieces, step 2 last, and what is written meanwhile is not missed', async () => {
  const doc = new Y.Doc()
  const list = doc.getArray<Uint8Array>('a')
  for (let i = 0; i < 48; i++) list.push([new Uint8Array(256 * 1024).fill(i)])
  const { ws } = await serve(doc)
  const client = join(ws)
  await client.open()
  client.ws.send(step1())
  let writes = 0
  client.ws.on('message', () => {
    if (writes++ >= 30) return
    list.insert(0, [new Uint8Array(1024).fill(writes)])
    list.delete(20, 1)
  })
  await client.until(() => client.sync(1).length === 1 && writes > 30)
  expect(client.got.findIndex((m) => m[1] === 1)).toBeGreaterThanOrEqual(8)
  list.push([Uint8Array.of(1, 2, 3)])
  const copy = new Y.Doc()
  await client.until(() => {
    for (const message of client.got.splice(0)) Y.applyUpdate(copy, payload(message))
    return Buffer.compare(Y.encodeStateVector(copy), Y.encodeStateVector(doc)) === 0
  })
  expect(Buffer.compare(Y.encodeStateAsUpdate(copy), Y.encodeStateAsUpdate(doc))).toBe(0)
})

/** The update inside a sync message. */
const payload = (m: Uint8Array): Uint8Array => {
  let at = 2
  while (m[at]! >= 0x80) at++
  return m.subarray(at + 1)
}

test('[TR45] a client that does not read is closed with 1013 at the bound; the others keep up', async () => {
  const doc = new Y.Doc()
  const bufferBytesMax = 8 * 1024 * 1024
  const { ws, rooms } = await serve(doc, { limits: { bufferBytesMax } })
  const [slow, witness] = [join(ws), join(ws)]
  await Promise.all([slow.open(), witness.open()])
  for (const client of [slow, witness]) client.ws.send(step1())
  await Promise.all([slow, witness].map((client) => client.until(() => client.sync(1).length === 1)))
  slow.ws.pause()
  const mebibyte = new Uint8Array(1024 * 1024)
  let written = 0
  while (rooms.counters.cut === 0) {
    doc.getArray('a').push([mebibyte])
    written++
    await witness.until(() => witness.sync(2).length === written)
    expect(written).toBeLessThan(64)
  }
  expect(written).toBeGreaterThan(8)
  slow.ws.resume()
  expect(await slow.closeCode()).toBe(1013)
  expect(slow.sync(2).length).toBeLessThan(written)
  doc.getMap('m').set('k', 1)
  await witness.until(() => witness.sync(2).length === written + 1)
})

test('[TR45] a transfer waits for its client: about a mebibyte is ahead of it, not the document', async () => {
  const doc = new Y.Doc()
  for (let i = 0; i < 64; i++) doc.getArray('a').push([new Uint8Array(1024 * 1024)])
  let pulled = 0
  const plain = yDocRoom(doc)
  const room: Room = {
    ...plain,
    *encodeState(vector) {
      for (const update of plain.encodeState(vector)) {
        pulled++
        yield update
      }
    },
  }
  const { ws, sockets } = await serve(doc, {}, room)
  const client = join(ws)
  await client.open()
  const [socket] = sockets
  client.ws.pause()
  client.ws.send(step1())
  // Long enough to pull the whole document many times over, were it not for the client.
  const witness = join(ws)
  await witness.open()
  for (let round = 0; round < 300; round++) {
    witness.ws.ping()
    await once(witness.ws, 'pong')
  }
  expect(pulled).toBeGreaterThan(0)
  expect(pulled).toBeLessThan(40)
  expect(socket!.writableLength).toBeLessThan(4 * 1024 * 1024)
  client.ws.resume()
  await client.until(() => client.sync(1).length === 1)
  expect(pulled).toBeGreaterThanOrEqual(64)
})

test('[TR46] answers to one client keep their distance, and of early questions the newest is answered', async () => {
  const timers = new SteppedTimers()
  const doc = new Y.Doc()
  doc.getMap('m').set('k', 1)
  const asked: Uint8Array[] = []
  const plain = yDocRoom(doc)
  const room: Room = {
    ...plain,
    encodeState: (vector) => {
      asked.push(vector)
      return plain.encodeState(vector)
    },
  }
  const { ws } = await serve(doc, { timers }, room)
  const client = join(ws)
  await client.open()
  for (let i = 0; i < 50; i++) client.ws.send(step1())
  client.ws.send(step1(doc))
  client.ws.send(foreignWrite())
  await client.until(() => client.sync(3).length === 1)
  expect(asked).toHaveLength(1)
  timers.advance(999)
  expect(asked).toHaveLength(1)
  timers.advance(1)
  expect(asked).toHaveLength(2)
  expect(asked[1]).toEqual(Y.encodeStateVector(doc))
  await client.until(() => client.sync(1).length === 2)
  timers.advance(5_000)
  expect(asked).toHaveLength(2)
})

test('[TR47] a quiet room says something with every ping, and cuts a client that answers none', async () => {
  const timers = new SteppedTimers()
  const { ws, sockets } = await serve(new Y.Doc(), { timers, limits: { firstStepMs: 1e9 } })
  const client = join(ws)
  await client.open()
  const [socket] = sockets
  for (let beat = 1; beat <= 4; beat++) {
    const pong = once(socket!, 'data')
    timers.advance(10_000)
    await pong
    await client.until(() => client.got.length === beat)
    expect(client.got.at(-1)).toEqual(Uint8Array.of(1, 1, 0))
  }
  client.ws.pause()
  for (let beat = 0; beat < 4; beat++) timers.advance(10_000)
  client.ws.resume()
  expect(await client.closeCode()).toBe(1006)
})

test('[TR49] dropping a collection ends its rooms with 4404, closing the server with 1001', async () => {
  const { ws, rooms } = await serve(new Y.Doc())
  const first = join(ws)
  await first.open()
  rooms.dropCollection('other')
  rooms.dropCollection('products')
  expect(await first.closeCode()).toBe(4404)
  const second = join(ws)
  await second.open()
  const closing = rooms.close()
  expect(rooms.close()).toBe(closing)
  expect(await statusOf(join(ws).ws)).toBe(503)
  await closing
  expect(await second.closeCode()).toBe(1001)
  expect(rooms.connectionCount).toBe(0)
})

test('[TR50] a room that cannot be read closes with 1011', async () => {
  const broken: Room = {
    ...yDocRoom(new Y.Doc()),
    encodeState() {
      throw new StoreError('STORAGE_CORRUPT', 'block 7 is damaged')
    },
  }
  const { ws } = await serve(new Y.Doc(), {}, broken)
  const client = join(ws)
  await client.open()
  client.ws.send(step1())
  expect(await client.closeCode()).toBe(1011)
})

test('[TR49] a client that leaves in the middle takes its subscription and its transfer along', async () => {
  const doc = new Y.Doc()
  let listeners = 0
  let transfers = 0
  const gone = new Watch()
  const plain = yDocRoom(doc)
  const room: Room = {
    ...plain,
    *encodeState(vector) {
      transfers++
      try {
        if (vector.length > 1) for (;;) yield new Uint8Array([0, 0, ...new Uint8Array(1024 * 1024)])
        yield* plain.encodeState(vector)
      } finally {
        transfers--
        gone.poke()
      }
    },
    subscribe(listener) {
      const stop = plain.subscribe(listener)
      listeners++
      return () => {
        stop()
        listeners--
        gone.poke()
      }
    },
  }
  const { ws } = await serve(doc, {}, room)
  const known = new Y.Doc()
  known.getMap('m').set('k', 1)
  const [live, busy] = [join(ws), join(ws)]
  await Promise.all([live.open(), busy.open()])
  live.ws.send(step1())
  busy.ws.send(step1(known))
  await Promise.all([live.until(() => live.got.length > 0), busy.until(() => busy.got.length > 3)])
  expect([listeners, transfers]).toEqual([1, 1])
  live.ws.terminate()
  busy.ws.terminate()
  await gone.until(() => listeners === 0 && transfers === 0)
})
