import { once } from 'node:events'
import { get } from 'node:http'
import { connect } from 'node:net'
import { FRAME_BYTES_MAX, type PeerLink, SILENT_LOG, StoreError } from '@meridian/core'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { PeerServer, type PeerServerOptions } from './peer-server.js'
import { LINK_PATH, LINK_PROTOCOL } from './socket-link.js'
import { systemTimers } from './system-ports.js'
import { Cleanup, listen, Recorder, SteppedTimers, Watch } from './test-kit.js'

const cleanup = new Cleanup()
afterEach(() => cleanup.run())

const serve = async (options: Partial<PeerServerOptions> = {}) => {
  const links: { link: PeerLink; handler: Recorder }[] = []
  const watch = new Watch()
  const peers = new PeerServer({
    timers: systemTimers,
    log: SILENT_LOG,
    onLink(link) {
      const handler = new Recorder()
      links.push({ link, handler })
      watch.poke()
      return handler
    },
    ...options,
  })
  const at = await listen(cleanup, [peers.route])
  cleanup.add(() => peers.close())
  const linked = async (count = 1) => {
    await watch.until(() => links.length >= count)
    return links[count - 1]!
  }
  return { ...at, peers, links, linked }
}

const dial = (base: string, headers: Record<string, string> = {}, protocol: string[] = [LINK_PROTOCOL]): WebSocket => {
  const ws = new WebSocket(base + LINK_PATH, protocol, { headers, perMessageDeflate: false })
  ws.on('error', () => {})
  cleanup.add(() => ws.terminate())
  return ws
}

const open = async (base: string): Promise<WebSocket> => {
  const ws = dial(base)
  await once(ws, 'open')
  return ws
}

const status = async (ws: WebSocket): Promise<number> => {
  const [, response] = await once(ws, 'unexpected-response')
  return response.statusCode
}

const closeCode = async (ws: WebSocket): Promise<number> => (await once(ws, 'close'))[0]

test('[TR1] only the cluster key opens a link; anything else is answered 401 before the upgrade', async () => {
  const { ws, linked, links } = await serve({ clusterKey: 'open-sesame' })
  for (const authorization of [
    '',
    'Bearer',
    'Bearer open-sesam',
    'Bearer open-sesame2',
    'Basic open-sesame',
    'open-sesame',
  ]) {
    expect(await status(dial(ws, authorization === '' ? {} : { authorization }))).toBe(401)
  }
  expect(links).toHaveLength(0)
  dial(ws, { authorization: 'bearer open-sesame' })
  await linked()
})

test('[TR1] a key that no header can carry is refused at once, and not quoted', () => {
  const bad = () =>
    new PeerServer({ clusterKey: 'two words', timers: systemTimers, log: SILENT_LOG, onLink: () => new Recorder() })
  expect(bad).toThrow(StoreError)
  expect(bad).not.toThrow(/two words/)
})

test('[TR2] a peer that speaks another version of the protocol is answered 400', async () => {
  const { ws, linked } = await serve()
  expect(await status(dial(ws, {}, ['meridian.link.v999']))).toBe(400)
  expect(await status(dial(ws, {}, []))).toBe(400)
  const both = dial(ws, {}, ['meridian.link.v999', LINK_PROTOCOL])
  await linked()
  if (both.readyState !== WebSocket.OPEN) await once(both, 'open')
  expect(both.protocol).toBe(LINK_PROTOCOL)
})

test('[TR3] links past the cap are answered 503, and a closed link makes room', async () => {
  const { ws, linked, peers } = await serve({ linksMax: 1 })
  dial(ws)
  const { link, handler } = await linked()
  expect(await status(dial(ws))).toBe(503)
  link.close('enough')
  await handler.closedReason()
  await Promise.resolve()
  expect(peers.linkCount).toBe(0)
  dial(ws)
  await linked(2)
})

test('[TR4] frames arrive whole, unchanged and in order, up to the largest', async () => {
  const { ws, linked } = await serve()
  const client = await open(ws)
  const { link, handler } = await linked()
  const sent = [0, 1, 125, 126, 65_535, 65_536, FRAME_BYTES_MAX].map((size, i) => new Uint8Array(size).fill(i + 1))
  for (const frame of sent) client.send(frame)
  await handler.framesReach(sent.length)
  expect(handler.frames.map((f) => f.length)).toEqual(sent.map((f) => f.length))
  expect(handler.frames.every((f, i) => Buffer.compare(f, sent[i]!) === 0)).toBe(true)
  expect(handler.frames[0]!.constructor).toBe(Uint8Array)

  const received: Buffer[] = []
  client.on('message', (data) => received.push(data as Buffer))
  for (const frame of sent) link.send(frame)
  expect(link.bufferedBytes).toBeGreaterThan(0)
  while (received.length < sent.length) await once(client, 'message')
  expect(received.every((f, i) => Buffer.compare(f, sent[i]!) === 0)).toBe(true)
  expect(() => link.send(new Uint8Array(FRAME_BYTES_MAX + 1))).toThrow(/assertion/)
})

test('[TR53] frames that are sent in one turn leave together, in order, at its end', async () => {
  const { ws, sockets, linked } = await serve()
  const client = await open(ws)
  const { link } = await linked()
  const [socket] = sockets
  const received: number[] = []
  client.on('message', (data) => received.push((data as Buffer)[0]!))
  for (const round of [0, 1]) {
    for (let i = 0; i < 100; i++) link.send(Uint8Array.of(round * 100 + i))
    expect(socket!.writableCorked).toBe(1)
    await new Promise((resolve) => setImmediate(resolve))
    expect(socket!.writableCorked).toBe(0)
  }
  while (received.length < 200) await once(client, 'message')
  expect(received).toEqual(Array.from({ length: 200 }, (_, i) => i))
})

test('[TR5] a frame above the maximum closes its link with 1009, a text frame with 1003; other links live on', async () => {
  const { ws, linked } = await serve()
  const witness = await open(ws)
  const { handler } = await linked()
  for (const [bad, code] of [
    [new Uint8Array(FRAME_BYTES_MAX + 1), 1009],
    ['text', 1003],
  ] as const) {
    const client = await open(ws)
    client.send(bad)
    expect(await closeCode(client)).toBe(code)
  }
  witness.send(new Uint8Array([7]))
  await handler.framesReach(1)
})

test('[TR6] a peer that answers no ping is cut, one that answers stays, however quiet', async () => {
  const timers = new SteppedTimers()
  const { ws, linked, sockets } = await serve({ timers, firstFrameMs: 1e9 })
  const mute = new WebSocket(ws + LINK_PATH, [LINK_PROTOCOL], { autoPong: false })
  cleanup.add(() => mute.terminate())
  mute.on('error', () => {})
  const { handler: muteHandler } = await linked(1)
  const [muteSocket] = sockets
  dial(ws)
  const { handler } = await linked(2)
  const socket = [...sockets].find((s) => s !== muteSocket)!
  for (let beat = 1; beat <= 6; beat++) {
    const pong = once(socket, 'data')
    timers.advance(5_000)
    await pong
  }
  expect(await muteHandler.closedReason()).toBe('nothing heard from the peer')
  expect(handler.reasons).toEqual([])
})

test('[TR7] closed is told once, after the last frame, and nothing is sent or handed over after close', async () => {
  const { ws, linked } = await serve()
  const client = await open(ws)
  const { link, handler } = await linked()
  client.send(new Uint8Array([1]))
  await handler.framesReach(1)
  link.close('replaced')
  link.send(new Uint8Array([2]))
  client.send(new Uint8Array([3]))
  link.close('again')
  const got: unknown[] = []
  client.on('message', (data) => got.push(data))
  const [code, reason] = await once(client, 'close')
  expect([code, String(reason)]).toEqual([1000, 'replaced'])
  expect(await handler.closedReason()).toBe('replaced')
  expect(handler.frames).toEqual([new Uint8Array([1])])
  expect(handler.reasons).toEqual(['replaced'])
  expect(got).toEqual([])
})

test('[TR7] the reason tells what the peer said, or that it vanished', async () => {
  const { ws, linked } = await serve()
  dial(ws).once('open', function (this: WebSocket) {
    this.close(4000, 'bye')
  })
  expect(await (await linked(1)).handler.closedReason()).toBe('closed by the peer: 4000 bye')
  const client = await open(ws)
  client.terminate()
  expect(await (await linked(2)).handler.closedReason()).toBe('connection lost')
})

test('[TR8] a peer that says nothing after the upgrade is closed', async () => {
  const timers = new SteppedTimers()
  const { ws, linked } = await serve({ timers, heartbeat: { intervalMs: 1e9, timeoutMs: 1e9 } })
  const talker = await open(ws)
  const { handler } = await linked(1)
  talker.send(new Uint8Array([1]))
  await handler.framesReach(1)
  const mute = await open(ws)
  await linked(2)
  timers.advance(10_000)
  expect(await closeCode(mute)).toBe(1008)
  expect(handler.reasons).toEqual([])
})

test('[TR9] a frame or a link that the engine refuses closes that link only', async () => {
  const refuse = () => {
    throw new StoreError('DECODE_FAILED', 'nonsense')
  }
  const handler = new Recorder()
  handler.frame = refuse
  const { ws } = await serve({ onLink: () => handler })
  const client = await open(ws)
  client.send(new Uint8Array([1]))
  expect(await closeCode(client)).toBe(1008)
  expect(await handler.closedReason()).toBe('DECODE_FAILED: nonsense')
  const closed = await serve({ onLink: refuse })
  expect(await closeCode(dial(closed.ws))).toBe(1008)
})

test('[TR10] unknown paths are answered 404, plain requests are untouched, and a reset in the handshake harms nobody', async () => {
  const { ws, http, port, linked } = await serve()
  const lost = new WebSocket(`${ws}/nowhere`)
  lost.on('error', () => {})
  expect(await status(lost)).toBe(404)
  const [response] = await once(get(http), 'response')
  expect(response.statusCode).toBe(200)
  response.resume()
  for (const path of [LINK_PATH, '/nowhere']) {
    const raw = connect(port, '127.0.0.1')
    await once(raw, 'connect')
    raw.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`)
    raw.resetAndDestroy()
    await once(raw, 'close')
  }
  dial(ws)
  await linked()
})

test('[TR11] closing refuses new links, says 1001 to the ones there are, and waits for them', async () => {
  const { ws, linked, peers } = await serve()
  const client = await open(ws)
  const { handler } = await linked()
  const code = closeCode(client)
  const closing = peers.close()
  expect(peers.close()).toBe(closing)
  expect(await status(dial(ws))).toBe(503)
  await closing
  expect(await code).toBe(1001)
  expect(handler.reasons).toEqual(['shutting down'])
})
