import { connect, createServer, type Socket } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type Log, type PeerLink, SILENT_LOG, StoreError } from '@meridian/core'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { backoffMs } from './backoff.js'
import { linkUrl, PeerDialer, type PeerDialerOptions } from './peer-dialer.js'
import { PeerServer } from './peer-server.js'
import { systemRandom, systemTimers } from './system-ports.js'
import { Cleanup, freezableProxy, listen, Recorder, SteppedTimers, Watch } from './test-kit.js'

const cleanup = new Cleanup()
afterEach(() => cleanup.run())

const ends = () => {
  const links: { link: PeerLink; handler: Recorder }[] = []
  const watch = new Watch()
  const onLink = (link: PeerLink): Recorder => {
    const handler = new Recorder()
    links.push({ link, handler })
    watch.poke()
    return handler
  }
  const linked = async (count = 1) => {
    await watch.until(() => links.length >= count)
    return links[count - 1]!
  }
  return { links, onLink, linked }
}

const serve = async (port = 0) => {
  const far = ends()
  const peers = new PeerServer({ clusterKey: 'k', timers: systemTimers, log: SILENT_LOG, onLink: far.onLink })
  const at = await listen(cleanup, [peers.route], port)
  return { ...at, ...far, peers }
}

const FAST = { minMs: 5, maxMs: 20 }

const dial = (url: string, options: Partial<PeerDialerOptions> = {}) => {
  const near = ends()
  const logged: string[] = []
  const watch = new Watch()
  const log: Log = {
    info() {},
    warn(fields) {
      logged.push(String(fields.reason))
      watch.poke()
    },
    error() {},
  }
  const dialer = new PeerDialer({
    url,
    clusterKey: 'k',
    timers: systemTimers,
    random: systemRandom,
    log,
    shouldDial: () => true,
    onLink: near.onLink,
    backoff: FAST,
    ...options,
  })
  cleanup.add(() => dialer.close())
  return { dialer, logged, watch, ...near }
}

test('[TR20] a dialer links, carries frames both ways, and links again after every loss', async () => {
  const far = await serve()
  const near = dial(far.http)
  for (let round = 1; round <= 3; round++) {
    const a = await near.linked(round)
    const b = await far.linked(round)
    expect(near.dialer.state.kind).toBe('linked')
    a.link.send(new Uint8Array([round]))
    b.link.send(new Uint8Array([round, round]))
    await Promise.all([a.handler.framesReach(1), b.handler.framesReach(1)])
    expect(b.handler.frames).toEqual([new Uint8Array([round])])
    expect(a.handler.frames).toEqual([new Uint8Array([round, round])])
    if (round === 1) b.link.close('over')
    if (round === 2) for (const socket of far.sockets) socket.destroy()
    if (round < 3) await a.handler.closedReason()
  }
})

test('[TR20] a peer that starts late, or comes back on its port, is found', async () => {
  const first = await serve()
  await first.close()
  const near = dial(first.http)
  await near.watch.until(() => near.logged.length > 0)
  expect(near.logged[0]).toMatch(/ECONNREFUSED/)
  const second = await serve(first.port)
  await Promise.all([near.linked(), second.linked()])
})

test('[TR21] waits double from the least to the most, the upper half at random', () => {
  const options = { minMs: 200, maxMs: 2_000 }
  const least = (attempt: number) => backoffMs(attempt, { uint32: () => 0 }, options)
  const most = (attempt: number) => backoffMs(attempt, { uint32: () => 0xffffffff }, options)
  expect([1, 2, 3, 4, 5, 6, 99].map(most)).toEqual([200, 400, 800, 1_600, 2_000, 2_000, 2_000])
  fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 31 }), (attempt) => least(attempt) === most(attempt) / 2))
})

test('[TR21] a link that is refused as soon as it is up counts as a failure, one that lasted does not', async () => {
  const timers = new SteppedTimers()
  const far = await serve()
  const near = dial(far.http, { timers, random: { uint32: () => 0xffffffff }, backoff: { minMs: 200, maxMs: 5_000 } })
  const waits: number[] = []
  for (let round = 1; round <= 4; round++) {
    const { handler } = await near.linked(round)
    if (round === 4) timers.advance(5_000)
    ;(await far.linked(round)).link.close('no')
    await handler.closedReason()
    await near.watch.until(() => near.dialer.state.kind === 'waiting')
    const { state } = near.dialer
    if (state.kind !== 'waiting') throw new Error(`state is ${state.kind}`)
    expect(state.reason).toBe('closed by the peer: 1000 no')
    waits.push(state.retryAtMs - timers.elapsedMs())
    timers.advance(waits.at(-1)!)
  }
  expect(waits).toEqual([200, 400, 800, 200])
})

test('[TR22] while the peer is linked the other way round nobody dials; it is asked again every second', async () => {
  const timers = new SteppedTimers()
  const far = await serve()
  let needed = false
  let asked = 0
  const near = dial(far.http, { timers, shouldDial: () => ++asked > 0 && needed })
  expect(near.dialer.state).toEqual({ kind: 'idle' })
  timers.advance(3_000)
  expect(asked).toBe(4)
  expect(far.sockets.size).toBe(0)
  needed = true
  timers.advance(1_000)
  expect(near.dialer.state.kind).toBe('dialing')
  await near.linked()
})

test('[TR22] a link that comes up after the peer has linked the other way round is dropped unused', async () => {
  const far = await serve()
  let asked = 0
  const near = dial(far.http, { shouldDial: () => ++asked === 1 })
  const { handler } = await far.linked()
  await handler.closedReason()
  expect(asked).toBeGreaterThan(1)
  expect(near.dialer.state).toEqual({ kind: 'idle' })
  expect(near.links).toEqual([])
  expect(near.logged).toEqual([])
})

test('[TR23] a peer that accepts and says nothing is given up after the dial timeout', async () => {
  const accepted: Socket[] = []
  const mute = createServer((socket) => accepted.push(socket))
  mute.listen(0, '127.0.0.1')
  await once(mute, 'listening')
  cleanup.add(() => {
    for (const socket of accepted) socket.destroy()
    mute.close()
  })
  const timers = new SteppedTimers()
  const near = dial(`http://127.0.0.1:${(mute.address() as AddressInfo).port}`, { timers })
  await once(mute, 'connection')
  timers.advance(2_999)
  expect(near.dialer.state).toEqual({ kind: 'dialing', attempt: 1, sinceMs: 0 })
  timers.advance(1)
  await near.watch.until(() => near.logged.length > 0)
  expect(near.dialer.state).toMatchObject({ kind: 'waiting', attempt: 1, reason: 'no answer in time' })
})

test('[TR27] a dial that is not answered is joined by another, and the first that is answered links alone', async () => {
  const far = await serve()
  const knocks: Socket[] = []
  const deaf = createServer((socket) => {
    knocks.push(socket)
    socket.on('error', () => undefined)
    // As a cut that heals: what came before it was lost.
    if (knocks.length < 3) return
    const onward = connect(far.port, '127.0.0.1')
    onward.on('error', () => undefined)
    socket.pipe(onward).pipe(socket)
  })
  deaf.listen(0, '127.0.0.1')
  await once(deaf, 'listening')
  cleanup.add(() => {
    for (const socket of knocks) socket.destroy()
    deaf.close()
  })
  const timers = new SteppedTimers()
  const near = dial(`http://127.0.0.1:${(deaf.address() as AddressInfo).port}`, { timers })
  await once(deaf, 'connection')
  timers.advance(499)
  expect(knocks).toHaveLength(1)
  for (let knock = 2; knock <= 3; knock++) {
    const another = once(deaf, 'connection')
    timers.advance(500)
    await another
  }
  const losers = knocks.slice(0, 2).map((socket) => once(socket.resume(), 'close'))
  await near.linked()
  await Promise.all(losers)
  timers.advance(10_000)
  expect(near.dialer.state).toEqual({ kind: 'linked', sinceMs: 1499 })
  expect([near.links.length, knocks.length]).toEqual([1, 3])
  expect(near.logged).toEqual([])
})

test('[TR24] a wrong key is reported once and in the words of the peer, not at every attempt', async () => {
  const far = await serve()
  let attempts = 0
  const asked = new Watch()
  const shouldDial = (): boolean => {
    attempts++
    asked.poke()
    return true
  }
  const near = dial(far.http, { clusterKey: 'wrong', shouldDial })
  await asked.until(() => attempts >= 4)
  expect(near.logged).toEqual(['answered 401: wrong or missing cluster key'])
  expect(far.links).toHaveLength(0)
})

test('[TR24] a refusal without end is cut short, and its text is plain', async () => {
  const stranger = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.write(`HTTP/1.1 502 Bad Gateway\r\n\r\n\x1b[31m${'x'.repeat(5000)}`, 'latin1')
  })
  stranger.listen(0, '127.0.0.1')
  await once(stranger, 'listening')
  cleanup.add(() => stranger.close())
  const near = dial(`http://127.0.0.1:${(stranger.address() as AddressInfo).port}`)
  await near.watch.until(() => near.logged.length > 0)
  expect(near.logged[0]).toBe(`answered 502: ?[31m${'x'.repeat(195)}`)
})

test('[TR6] a half-open link is noticed at both ends, without a packet', async () => {
  const heartbeat = { intervalMs: 10, timeoutMs: 40 }
  const far = ends()
  const peers = new PeerServer({ timers: systemTimers, log: SILENT_LOG, onLink: far.onLink, heartbeat })
  const at = await listen(cleanup, [peers.route])
  const proxy = await freezableProxy(cleanup, at.port)
  let isLinked = false
  const near = dial(proxy.http, { heartbeat, shouldDial: () => !isLinked })
  const [a, b] = [await near.linked(), await far.linked()]
  isLinked = true
  a.link.send(new Uint8Array([1]))
  await b.handler.framesReach(1)
  proxy.freeze()
  const stuck = new Uint8Array(1024 * 1024)
  for (let i = 0; i < 8; i++) a.link.send(stuck)
  expect(await a.handler.closedReason()).toBe('nothing heard from the peer')
  expect(await b.handler.closedReason()).toBe('nothing heard from the peer')
})

test('[TR25] after close nothing is dialed, no timer is left, and the link is gone', async () => {
  const timers = new SteppedTimers()
  const far = await serve()
  const linkedOne = dial(far.http, { timers })
  const { handler } = await linkedOne.linked()
  await linkedOne.dialer.close()
  expect(handler.reasons).toEqual(['shutting down'])
  const dialing = dial(far.http, { timers })
  const idle = dial(far.http, { timers, shouldDial: () => false })
  await Promise.all([dialing.dialer.close(), idle.dialer.close(), idle.dialer.close()])
  expect([linkedOne, dialing, idle].map(({ dialer }) => dialer.state.kind)).toEqual(['idle', 'idle', 'idle'])
  expect(dialing.links).toHaveLength(0)
  expect(timers.pending).toBe(0)
})

test('[TR26] addresses of peers are plain base addresses', () => {
  expect(linkUrl('http://10.0.0.1:6343')).toBe('ws://10.0.0.1:6343/meridian/link')
  expect(linkUrl('https://us.example.org/')).toBe('wss://us.example.org/meridian/link')
  expect(linkUrl('wss://us.example.org/base/')).toBe('wss://us.example.org/base/meridian/link')
  for (const bad of ['us', 'ftp://us', 'http://u:p@us', 'http://us?x=1', 'http://us#x', '']) {
    expect(() => linkUrl(bad), bad).toThrow(StoreError)
  }
})
