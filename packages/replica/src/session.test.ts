import { StoreError } from '@meridian/core'
import { frameOf } from '@meridian/core/testing'
import { MemoryContents } from '@meridian/storage'
import { describe, expect, test } from 'vitest'
import { encodeMessage, type Message, PROTOCOL_VERSION } from './message.js'
import { converge, put, TestNode } from './test-node.js'
import type { TestLink } from './test-link.js'
import { TestTime } from './test-time.js'

const three = (settings: ConstructorParameters<typeof TestNode>[3] = {}) => {
  const time = new TestTime()
  const [eu, us, ap] = ['eu', 'us', 'ap'].map((region, i) => new TestNode(time, region, i + 1, settings))
  return { time, eu: eu!, us: us!, ap: ap! }
}

/** Whose transactions travelled over a link, either way. */
const origins = ({ near, far }: TestLink): Set<number> =>
  new Set([...near.messages, ...far.messages].flatMap((message) => (message.type === 'update' ? [message.origin] : [])))

const count = (messages: readonly Message[], type: Message['type']): number =>
  messages.filter((message) => message.type === type).length

describe('the handshake', () => {
  /** Both ends' links are over, neither took the other for a peer, and one of them said why. */
  const expectRefused = (a: TestNode, b: TestNode, reason: RegExp): void => {
    const link = a.link(b)
    a.time.run(20)
    expect(link.isOpen).toBe(false)
    expect(a.replica.status().peers.filter(({ state }) => state === 'linked')).toEqual([])
    expect(b.replica.status().peers.filter(({ state }) => state === 'linked')).toEqual([])
    for (const side of [a, b]) expect(side.warnings.join('\n')).toMatch(reason)
  }

  test('[RP30] our own region name is refused', () => {
    const { time, eu } = three()
    expectRefused(eu, new TestNode(time, 'eu', 9), /region eu is our own name/)
  })

  test('[RP30] our own replica number is refused, with the way out', () => {
    const { time, eu } = three()
    expectRefused(eu, new TestNode(time, 'us', 1), /both have replica number 1.*--replica-number/)
  })

  test('[RP30] a region that comes back with another directory is refused', () => {
    const { time, eu, us } = three()
    const link = eu.link(us)
    converge(time, eu, us)
    link.cut()
    us.crash()
    const again = new TestNode(time, 'us', 2)
    expectRefused(eu, again, /another data directory/)
    eu.restart()
    expectRefused(eu, again, /another data directory/)
  })

  test('[RP30] a replica number that belongs to another region is refused', () => {
    const { time, eu, us } = three()
    const link = eu.link(us)
    converge(time, eu, us)
    link.cut()
    expectRefused(eu, new TestNode(time, 'sa', 2), /belongs to region us/)
  })

  test.each([
    [PROTOCOL_VERSION + 1, /protocol version 5 is not 4: upgrade the refusing side/],
    [PROTOCOL_VERSION - 1, /protocol version 3 is not 4: upgrade the other side/],
    [0, /protocol version 0 is not 4: upgrade the other side/],
  ])('[RP31] protocol version %i is refused, however the rest of its hello looks', (protocol, reason) => {
    const { time, eu, us } = three()
    const alien = frameOf(Uint8Array.from([1, protocol, 0xde, 0xad, 0xbe, 0xef, 0xff, 0xff]))
    const link = eu.link(us)
    link.far.meddle = (frame, message) => [message?.type === 'hello' ? alien : frame]
    time.run(20)
    expect(link.isOpen).toBe(false)
    // The one that refuses says so to the other, in words that every version reads.
    expect(eu.warnings.join()).toMatch(reason)
    expect(link.near.messages.find(({ type }) => type === 'refuse')).toMatchObject({ code: 'PROTOCOL' })
    expect(us.warnings.join()).toMatch(/refused us: protocol version/)
  })

  test('[RP32] a link that an operator switched off is refused, and works when it is switched on again', () => {
    const { time, eu, us } = three()
    const first = eu.link(us)
    converge(time, eu, us)
    eu.replica.setLinkEnabled(us.replica.region, false)
    expect(first.isOpen).toBe(false)
    time.run(10)
    expectRefused(us, eu, /switched off/)
    eu.replica.setLinkEnabled(us.replica.region, true)
    eu.create()
    us.link(eu)
    converge(time, eu, us)
  })

  test.each([
    [true, 0],
    [false, 0],
    [true, 3],
    [false, 3],
  ])('[RP33] of two links one stays, the same at both ends (eu first: %s, %i ms apart)', (euFirst, apartMs) => {
    const { time, eu, us } = three()
    eu.create()
    const first = euFirst ? eu.link(us) : us.link(eu)
    time.run(apartMs)
    const second = euFirst ? us.link(eu) : eu.link(us)
    time.run(50)
    expect([first.isOpen, second.isOpen].filter(Boolean)).toHaveLength(1)
    expect(eu.replica.isLinked(us.replica.region)).toBe(true)
    expect(us.replica.isLinked(eu.replica.region)).toBe(true)
    const open = first.isOpen ? first : second
    expect(open).toBe(euFirst ? first : second)
    us.put(1, { over: 'it' })
    converge(time, eu, us)
    expect(eu.read(1)).toEqual({ over: 'it' })
    // It stays so: no end closes it later.
    time.run(10_000)
    expect(open.isOpen).toBe(true)
  })

  test('[RP34] a silent peer is given up, and a dead link gives way to a fresh one', () => {
    const { time, eu, us } = three()
    const link = us.link(eu)
    converge(time, eu, us)
    link.near.meddle = () => []
    time.run(7500)
    expect(link.isOpen).toBe(false)
    expect(eu.replica.status().peers[0]!.lastError).toMatch(/nothing heard/)
    const half = us.link(eu)
    time.run(100)
    half.near.meddle = () => []
    half.far.meddle = () => []
    time.run(2500)
    const fresh = us.link(eu)
    time.run(50)
    expect(fresh.isOpen).toBe(true)
    expect(eu.replica.isLinked(us.replica.region)).toBe(true)
  })
})

describe('lost history', () => {
  /** eu writes, us hears of it, eu's directory is replaced by an older copy. */
  const restored = () => {
    const { time, eu, us, ap } = three()
    eu.create()
    eu.put(1)
    const copy = new MemoryContents()
    copy.apply([...eu.storage.scan('')].map(([key, value]) => ({ type: 'put', key, value })))
    const link = eu.link(us)
    converge(time, eu, us)
    eu.put(2)
    converge(time, eu, us)
    link.cut()
    eu.crash()
    return { time, us, ap, old: new TestNode(time, 'eu', 1, { contents: copy }), copy }
  }

  test('[RP35] a directory restored from an old copy is fenced at the first link, refuses writes, and stays so', () => {
    const { time, us, old, copy } = restored()
    const link = old.link(us)
    time.run(20)
    expect(link.isOpen).toBe(false)
    expect(old.replica.readOnlyReason()).toMatchObject({ code: 'IDENTITY_CONFLICT' })
    expect(() => old.put(3)).toThrow(/restored from an old copy; retire it, then start with an empty directory/)
    expect(old.read(1)).toEqual({})
    old.restart()
    expect(() => old.put(3)).toThrow(/restored from an old copy/)
    expect(old.contents).toBe(copy)
  })

  test('[RP35] it is fenced too when it learns the truth from a third region', () => {
    const { time, us, old } = restored()
    const ap = new TestNode(time, 'ap', 3, { commitMs: 100 })
    const link = us.link(ap)
    // What us relays of eu is still on its way to ap's disk when ap greets eu.
    time.until(() => link.near.messages.some((each) => each.type === 'update' && each.origin === 1), 'a relay')
    old.link(ap)
    time.run(50)
    expect(old.replica.isLinked(ap.replica.region)).toBe(true)
    expect(old.replica.readOnlyReason()).toBeUndefined()
    time.run(1500)
    expect(old.replica.readOnlyReason()).toMatchObject({ code: 'IDENTITY_CONFLICT' })
  })
})

describe('updates and acknowledgements', () => {
  test('[RP40] a lost frame is noticed as a gap, and everything after it is sent again', () => {
    const { time, eu, us } = three()
    eu.create()
    const link = eu.link(us)
    converge(time, eu, us)
    let drop = 1
    link.near.meddle = (frame, message) => (message?.type === 'update' && drop-- > 0 ? [] : [frame])
    for (let i = 0; i < 5; i++) eu.put(i)
    converge(time, eu, us)
    expect(us.digests()).toEqual(eu.digests())
    expect(us.replica.status().counters.resyncs).toBe(1)
  })

  test('[RP59] what was lost is asked for from what has come of each origin, by relay and not on the disk yet included', () => {
    const time = new TestTime()
    const [eu, ap] = [new TestNode(time, 'eu', 1), new TestNode(time, 'ap', 3)]
    const us = new TestNode(time, 'us', 2, { commitMs: 5000 })
    eu.create()
    ap.link(eu)
    converge(time, eu, ap)
    for (let i = 0; i < 10; i++) ap.put(i)
    converge(time, eu, ap)
    const last = ap.vector[3]!
    const lost = last - 3
    const link = us.link(eu)
    let drop = 1
    link.far.meddle = (frame, message) =>
      message?.type === 'update' && message.origin === 3 && message.seq === lost && drop-- > 0 ? [] : [frame]
    const asked = () =>
      link.near.messages.flatMap((each) => (each.type === 'acked' && each.resync ? [each.durable.toJSON()[3]] : []))
    time.until(() => asked().length > 0, 'us asks again')
    expect(us.vector[3]).toBeUndefined()
    expect(asked()[0]).toBe(lost - 1)
    converge(time, eu, us)
    const sent = link.far.messages.flatMap((each) => (each.type === 'update' && each.origin === 3 ? [each.seq] : []))
    const twice = sent.filter((seq, i) => sent.indexOf(seq) < i)
    expect(twice.filter((seq) => seq < lost)).toEqual([])
    expect(us.digests()).toEqual(eu.digests())
  })

  test('[RP40] a lost last frame is noticed with the next heartbeat', () => {
    const { time, eu, us } = three()
    eu.create()
    const link = eu.link(us)
    converge(time, eu, us)
    let drop = 1
    link.near.meddle = (frame, message) => (message?.type === 'update' && drop-- > 0 ? [] : [frame])
    eu.put(1)
    converge(time, eu, us)
    expect(us.read(1)).toEqual({})
  })

  test('[RP41] duplicates are dropped and acknowledged again', () => {
    const { time, eu, us } = three()
    eu.create()
    const link = eu.link(us)
    converge(time, eu, us)
    time.run(100)
    link.near.meddle = (frame, message) => (message?.type === 'update' ? [frame, frame, frame] : [frame])
    // Its acknowledgement is lost.
    let lose = 1
    link.far.meddle = (frame, message) => (message?.type === 'acked' && lose-- > 0 ? [] : [frame])
    eu.put(1)
    const digests = eu.digests()
    time.run(20)
    expect(us.digests()).toEqual(digests)
    expect(us.replica.status().counters.framesDropped).toBe(2)
    expect(eu.replica.status().peers[0]).toMatchObject({ inFlight: { frames: 0, bytes: 0 } })
    expect(eu.replica.status().peers[0]!.acked.toJSON()).toEqual(eu.vector)
  })

  test('[RP42] an acknowledgement means durable there', () => {
    const time = new TestTime()
    const eu = new TestNode(time, 'eu', 1)
    const us = new TestNode(time, 'us', 2, { commitMs: 50 })
    eu.create()
    const link = eu.link(us)
    converge(time, eu, us)
    time.run(200)
    const acked = eu.replica.status().peers[0]!.acked
    eu.put(1)
    time.run(40)
    expect(count(link.near.messages, 'update')).toBeGreaterThan(0)
    expect(eu.replica.status().peers[0]!.acked.equals(acked)).toBe(true)
    us.restart()
    time.run(5)
    expect(us.read(1)).toBeUndefined()
    eu.link(us)
    converge(time, eu, us)
    expect(us.read(1)).toEqual({})
  })

  test('[RP43] data that comes before the creation of its collection from another origin waits for it', () => {
    const { time, eu, us, ap } = three()
    eu.link(ap)
    eu.create()
    converge(time, eu, ap)
    ap.put(1, { by: 'ap' })
    // The creation is eu's, and eu is out of reach.
    us.link(ap)
    time.run(100)
    expect(us.replica.status().peers[0]!.state).toBe('linked')
    expect(us.replica.collections()).toEqual([])
    expect(us.replica.status().counters.framesRefused).toBe(0)
    eu.link(us)
    converge(time, eu, us, ap)
    expect(us.read(1)).toEqual({ by: 'ap' })
    expect(us.digests()).toEqual(ap.digests())
  })

  test('[RP44] two peers that cannot reach each other are served by a third; when they can, nothing travels twice', () => {
    const { time, eu, us, ap } = three()
    const viaEu = eu.link(us)
    const toAp = us.link(ap)
    eu.create()
    converge(time, eu, us, ap)
    eu.put(1, { by: 'eu' })
    converge(time, eu, us, ap)
    expect(ap.read(1)).toEqual({ by: 'eu' })
    eu.link(ap)
    time.run(3000)
    const relayed = count(toAp.near.messages, 'update')
    for (let i = 0; i < 20; i++) eu.put(i, { i })
    converge(time, eu, us, ap)
    time.run(3000)
    expect(count(toAp.near.messages, 'update')).toBe(relayed)
    expect(ap.replica.status().counters.framesDropped).toBe(0)
    expect(count(viaEu.near.messages, 'update')).toBeGreaterThan(0)
  })

  test('[RP44] one that was away gets time to link with all: nothing is relayed meanwhile', () => {
    const { time, eu, us, ap } = three()
    eu.link(us)
    const away = [eu.link(ap), us.link(ap)]
    eu.create()
    converge(time, eu, us, ap)
    for (const link of away) link.cut()
    time.run(10_000)
    for (let i = 0; i < 20; i++) for (const [n, node] of [eu, us, ap].entries()) node.put(100 * n + i)
    const viaEu = eu.link(ap)
    time.run(1500)
    expect(origins(viaEu)).toEqual(new Set([eu.number, ap.number]))
    const viaUs = us.link(ap)
    converge(time, eu, us, ap)
    time.run(3000)
    expect(origins(viaEu)).toEqual(new Set([eu.number, ap.number]))
    expect(origins(viaUs)).toEqual(new Set([us.number, ap.number]))
    for (const { replica } of [eu, us, ap]) expect(replica.status().counters.framesDropped).toBe(0)
  })

  test("[RP44] the origin may say that it reaches the peer while the peer's own word is under way", () => {
    const { time, eu, us, ap } = three()
    eu.link(us)
    const toAp = us.link(ap)
    eu.create()
    converge(time, eu, us, ap)
    time.run(3000)
    // What ap says of its links comes no more: it is stuck behind what it sends.
    toAp.far.meddle = (frame, message) => (message?.type === 'heartbeat' ? [] : [frame])
    eu.link(ap)
    time.run(100)
    const relayed = count(toAp.near.messages, 'update')
    for (let i = 0; i < 20; i++) eu.put(i, { i })
    converge(time, eu, us, ap)
    expect(count(toAp.near.messages, 'update')).toBe(relayed)
  })

  test('[RP44] a link that takes the place of another goes on where that one was, however old its hello is', () => {
    const { time, eu, us } = three()
    const first = us.link(eu)
    eu.create()
    converge(time, eu, us)
    const second = eu.link(us)
    const held: (() => void)[] = []
    for (const end of [second.near, second.far])
      end.meddle = (frame, message) => {
        if (message?.type !== 'hello') return [frame]
        held.push(() => end.handler?.frame(frame))
        return []
      }
    for (let i = 0; i < 20; i++) eu.put(i, { i })
    converge(time, eu, us)
    time.run(100)
    expect(first.isOpen).toBe(true)
    for (const deliver of held) deliver()
    time.run(3000)
    expect([first.isOpen, second.isOpen]).toEqual([false, true])
    expect(count(second.near.messages, 'update')).toBe(0)
    eu.put(100)
    converge(time, eu, us)
    expect(count(second.near.messages, 'update')).toBe(1)
  })

  test('[RP45] what a stuck peer has under way is bounded, and it catches up when it moves again', () => {
    const { time, eu, us } = three({ settings: { windowBytes: 10_000 } })
    eu.create()
    const link = eu.link(us)
    converge(time, eu, us)
    time.run(100)
    link.far.meddle = (frame, message) =>
      message?.type === 'acked' ? [] : message?.type === 'heartbeat' ? [] : [frame]
    let most = 0
    for (let i = 0; i < 100; i++) {
      eu.put(i, { text: 'x'.repeat(500) })
      most = Math.max(most, eu.replica.status().peers[0]!.inFlight.bytes)
    }
    expect(most).toBeGreaterThan(9_000)
    expect(most).toBeLessThan(11_000)
    const [peer] = eu.replica.status().peers
    expect(peer!.behind.writes).toBe(100)
    expect(peer!.behind.bytes).toBeGreaterThan(50_000)
    expect(peer!.behind.seconds).toBeGreaterThan(0)
    link.far.meddle = (frame) => [frame]
    converge(time, eu, us)
    time.run(1100)
    expect(eu.replica.status().peers[0]!.behind).toEqual({ seconds: 0, writes: 0, bytes: 0 })
  })

  test('[RP46] frames of no version, of a wrong checksum, or nonsense end the link and change nothing', () => {
    const { time, eu, us } = three()
    eu.create()
    for (const bytes of [new Uint8Array(0), new Uint8Array(100), frameOf(Uint8Array.from([99]))]) {
      const link = eu.link(us)
      time.run(50)
      const { vector } = us
      let isSent = false
      link.near.meddle = (frame) => {
        if (isSent) return [frame]
        isSent = true
        return [bytes]
      }
      time.run(1100)
      expect(link.isOpen).toBe(false)
      expect(us.vector).toEqual(vector)
    }
    expect(us.replica.status().counters.framesRefused).toBe(3)
  })

  test("[RP47] a transaction with a part that is not its origin's is refused whole", () => {
    const { time, eu, us, ap } = three()
    eu.create()
    eu.link(us)
    us.link(ap)
    converge(time, eu, us, ap)
    const link = eu.link(ap)
    time.run(50)
    const { vector } = ap
    // As us: the lane in it is eu's.
    link.near.meddle = (frame, message) =>
      message?.type === 'update'
        ? [encodeMessage({ ...message, origin: us.replica.identity.replica, seq: us.vector[2]! + 1 })]
        : [frame]
    eu.put(1)
    time.run(20)
    expect(link.isOpen).toBe(false)
    expect(ap.vector[2]).toBe(vector[2])
    expect(ap.replica.status().counters.framesRefused).toBe(1)
  })

  test('[RP48] a clean stop and a crash of a peer cost nothing that was acknowledged', () => {
    const { time, eu, us } = three()
    eu.create()
    eu.link(us)
    converge(time, eu, us)
    for (let round = 0; round < 5; round++) {
      us.write([put(`us-${round}`, { round })])
      eu.write([put(`eu-${round}`, { round })])
      eu.restart()
      time.run(10)
      us.restart()
      us.link(eu)
      converge(time, eu, us)
    }
    expect(eu.digests()).toEqual(us.digests())
    expect(eu.replica.collection('c').liveCount).toBe(10)
  })

  test('[RP49] a block that became unreadable does not hold up its own removal', () => {
    const time = new TestTime()
    const eu = new TestNode(time, 'eu', 1, { settings: { maintenanceMs: 50, amplificationMax: 1.1 } })
    const us = new TestNode(time, 'us', 2, { settings: { blockCacheBytes: 0 } })
    eu.create()
    eu.link(us)
    const text = 'x'.repeat(20_000)
    eu.write(Array.from({ length: 60 }, (_, i) => put(i, { text, i })))
    converge(time, eu, us)
    us.storage.unreadable = (key) =>
      key.startsWith('block/') ? new StoreError('STORAGE_CORRUPT', `${key}: checksum does not match`) : undefined
    eu.write(Array.from({ length: 60 }, (_, i) => i).flatMap((i) => (i % 3 === 0 ? [] : [put(i, { small: i })])))
    time.run(5000)
    expect(eu.replica.status().counters.blocksCleaned).toBeGreaterThan(5)
    converge(time, eu, us)
    expect(us.warnings.join()).toContain('a removed block is unreadable')
    us.storage.unreadable = undefined
    expect(us.digests()).toEqual(eu.digests())
    expect(us.read(3)).toEqual({ text, i: 3 })
  })
})
