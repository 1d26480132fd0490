import { SILENT_LOG } from '@meridian/core'
import { afterEach, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { RoomServer } from './room-server.js'
import { systemTimers } from './system-ports.js'
import { Cleanup, listen } from './test-kit.js'
import { yDocRoom } from './y-doc-room.js'

const cleanup = new Cleanup()
afterEach(() => cleanup.run())

const serve = async (doc: Y.Doc, port = 0) => {
  const rooms = new RoomServer({
    rooms: { open: (collection, shard) => (`${collection}/${shard}` === 'products/0' ? yDocRoom(doc) : undefined) },
    authorize: () => true,
    timers: systemTimers,
    log: SILENT_LOG,
  })
  const at = await listen(cleanup, [rooms.route], port)
  return { ...at, rooms }
}

const provide = (base: string, room = 'products/0') => {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`${base}/sync`, room, doc, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  cleanup.add(() => provider.destroy())
  return { doc, provider }
}

const synced = (provider: WebsocketProvider): Promise<void> =>
  new Promise((resolve) => {
    if (provider.synced) resolve()
    else provider.once('sync', () => resolve())
  })

/** Resolves at the update after which `claim` is true. */
const until = (doc: Y.Doc, claim: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    const check = (): void => {
      if (!claim()) return
      doc.off('update', check)
      resolve()
    }
    doc.on('update', check)
    check()
  })

const lane = (doc: Y.Doc): Y.Array<Uint8Array> => doc.getArray('lane')
const filled = (blocks: number, bytes: number): Y.Doc => {
  const doc = new Y.Doc()
  for (let i = 0; i < blocks; i++) lane(doc).push([new Uint8Array(bytes).fill(i)])
  return doc
}
const equal = (a: Y.Doc, b: Y.Doc): boolean => Buffer.compare(Y.encodeStateAsUpdate(a), Y.encodeStateAsUpdate(b)) === 0

test('[TR40] a stock provider is synced when it has everything, not before, and follows live writes', async () => {
  const source = filled(24, 512 * 1024)
  lane(source).delete(3, 2)
  const { ws } = await serve(source)
  const { doc, provider } = provide(ws)
  await synced(provider)
  expect(equal(doc, source)).toBe(true)
  lane(source).push([Uint8Array.of(1, 2, 3)])
  lane(source).delete(0, 1)
  await until(doc, () => equal(doc, source))
  expect(lane(doc).length).toBe(22)
})

test('[TR40] the name of the room may come percent-encoded, with parameters', async () => {
  const source = filled(1, 10)
  const { ws } = await serve(source)
  for (const room of ['products%2F0', 'products/0?key=x']) {
    const { doc, provider } = provide(ws, room)
    await synced(provider)
    expect(equal(doc, source)).toBe(true)
  }
})

test('[TR41] its write is refused: source and other clients are unchanged, and it keeps following', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  cleanup.add(() => warn.mockRestore())
  const source = filled(2, 100)
  const { ws } = await serve(source)
  const [writer, reader] = [provide(ws), provide(ws)]
  await Promise.all([synced(writer.provider), synced(reader.provider)])
  const before = Y.encodeStateAsUpdate(source)
  const denied = new Promise<void>((resolve) => {
    warn.mockImplementation((text) => {
      if (/read-only/.test(String(text))) resolve()
    })
  })
  lane(writer.doc).delete(0, 1)
  writer.doc.getMap('m').set('evil', true)
  await denied
  expect(Buffer.compare(Y.encodeStateAsUpdate(source), before)).toBe(0)
  lane(source).push([Uint8Array.of(9)])
  await Promise.all([
    until(writer.doc, () => lane(writer.doc).length === 2),
    until(reader.doc, () => equal(reader.doc, source)),
  ])
  expect(reader.doc.getMap('m').size).toBe(0)
  expect(source.getMap('m').size).toBe(0)
})

test('[TR41] what was written before connecting stays with the writer', async () => {
  const source = filled(2, 100)
  const { ws } = await serve(source)
  const doc = new Y.Doc()
  doc.getMap('m').set('mine', true)
  const provider = new WebsocketProvider(`${ws}/sync`, 'products/0', doc, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  cleanup.add(() => provider.destroy())
  await synced(provider)
  expect(lane(doc).length).toBe(2)
  expect(source.getMap('m').size).toBe(0)
})

test('[TR40] after the server was away it goes on from where it was', async () => {
  const source = filled(4, 1000)
  const first = await serve(source)
  const { doc, provider } = provide(first.ws)
  await synced(provider)
  const away = new Promise<void>((resolve) => provider.once('connection-close', () => resolve()))
  await first.rooms.close()
  await first.close()
  await away
  lane(source).delete(1, 1)
  lane(source).push([Uint8Array.of(1)])
  await serve(source, first.port)
  await until(doc, () => equal(doc, source))
})

test('[TR42] it gives up on a room that does not exist', async () => {
  const { ws } = await serve(new Y.Doc())
  const { provider } = provide(ws, 'nothing/0')
  const closed = await new Promise((resolve) => provider.once('closed', resolve))
  expect(closed).toMatchObject({ code: 4404 })
  expect(provider.shouldConnect).toBe(false)
})
