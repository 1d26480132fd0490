import { parseRegionId, StoreError } from '@meridian/core'
import { describe, expect, test } from 'vitest'
import { encodeMessage, PROTOCOL_VERSION } from '../message.js'
import { converge, must, put, TestNode } from '../test-node.js'
import { TestTime } from '../test-time.js'
import type { DegradationCode } from './degradation.js'
import { HealthBook } from './health-book.js'

/** Within which everything must show. */
const SHOWS_MS = 15_000

/** A region whose health is looked at once a second of virtual time, as the server does. */
class Watched {
  readonly lines: string[] = []
  readonly book: HealthBook

  constructor(
    readonly time: TestTime,
    readonly node: TestNode,
  ) {
    const line = (_: unknown, message: string): void => void this.lines.push(message)
    const timers = { elapsedMs: () => time.nowMs, after: () => ({ [Symbol.dispose]() {} }) }
    this.book = new HealthBook(timers, { info: line, warn: line, error: line })
    const look = (): void => {
      this.book.step(node.replica.degradations())
      time.at(1000, look)
    }
    time.at(1000, look)
  }

  messages(code: DegradationCode): string[] {
    return this.book
      .list()
      .filter((each) => each.code === code)
      .map(({ message }) => message)
  }

  get codes(): string[] {
    return this.book.list().map(({ code, peer }) => (peer === undefined ? code : `${code} ${peer}`))
  }

  /** Until it is listed and logged; the sentence. */
  shows(code: DegradationCode): string {
    this.time.until(() => this.messages(code).length > 0, `${code} shows: ${this.codes}`, SHOWS_MS)
    const [message] = this.messages(code)
    expect(this.lines).toContainEqual(expect.stringMatching(/^degraded: /))
    return message!
  }

  isOver(code: DegradationCode): void {
    this.time.until(() => this.messages(code).length === 0, `${code} is over: ${this.codes}`, 45_000)
  }
}

const world = (...names: string[]) => {
  const time = new TestTime()
  const nodes = names.map((name, i) => new TestNode(time, name, i + 1))
  return { time, nodes, watched: nodes.map((node) => new Watched(time, node)) }
}

const pair = () => {
  const { time, nodes, watched } = world('eu', 'us')
  const [eu, us] = nodes as [TestNode, TestNode]
  const link = eu.link(us)
  eu.create()
  converge(time, eu, us)
  return { time, eu, us, link, atEu: watched[0]!, atUs: watched[1]! }
}

const trio = () => {
  const { time, nodes, watched } = world('eu', 'us', 'ap')
  const [eu, us, ap] = nodes as [TestNode, TestNode, TestNode]
  const links = { euUs: eu.link(us), euAp: eu.link(ap), usAp: us.link(ap) }
  eu.create()
  converge(time, eu, us, ap)
  time.run(3000)
  return { time, eu, us, ap, links, atEu: watched[0]!, atUs: watched[1]!, atAp: watched[2]! }
}

const peer = (node: TestNode, region: string) => {
  const found = node.replica.status().peers.find((each) => each.region === region)
  if (found === undefined) throw new Error(`no peer ${region}`)
  return found
}
const onlyHere = (node: TestNode) => node.replica.status().onlyHere

describe('lag and loss', () => {
  test('[HE1] an idle cluster lags by nothing, however long it idles, and nothing is wrong', () => {
    const { time, eu, atEu, atUs } = pair()
    eu.put(1)
    time.run(600_000)
    expect(peer(eu, 'us')).toMatchObject({ behind: { seconds: 0, writes: 0, bytes: 0 }, hearsUs: true })
    expect(peer(eu, 'us').heardMsAgo).toBeLessThan(1500)
    expect(onlyHere(eu)).toEqual({ seconds: 0, writes: 0, bytes: 0, unheard: [] })
    expect([atEu.codes, atUs.codes]).toEqual([[], []])
  })

  test('[HE2] what a peer lacks counts from its oldest write; what any other has is not lost with this region', () => {
    const { time, eu, us, ap, links } = trio()
    links.euUs.cut()
    links.usAp.cut()
    const before = eu.vector
    eu.put(1)
    time.run(2000)
    eu.put(2)
    time.run(3000)
    expect(peer(eu, 'us').behind).toMatchObject({ writes: 2 })
    expect(peer(eu, 'us').behind.seconds).toBeCloseTo(5, 0)
    expect(peer(eu, 'us').behind.bytes).toBeGreaterThan(0)
    expect(peer(eu, 'ap').behind).toEqual({ seconds: 0, writes: 0, bytes: 0 })
    expect(onlyHere(eu)).toMatchObject({ seconds: 0, writes: 0, bytes: 0 })
    links.euAp.cut()
    eu.put(3)
    time.run(4000)
    expect(onlyHere(eu)).toMatchObject({ writes: 1, unheard: [] })
    expect(onlyHere(eu).seconds).toBeCloseTo(4, 0)
    expect(onlyHere(eu).bytes).toBeLessThan(peer(eu, 'us').behind.bytes)
    expect(onlyHere(us)).toMatchObject({ writes: 0 })
    eu.link(us)
    eu.link(ap)
    converge(time, eu, us, ap)
    time.run(1000)
    expect(onlyHere(eu)).toMatchObject({ seconds: 0, writes: 0, bytes: 0 })
    expect(before).not.toEqual(eu.vector)
  })

  test('[HE2] what a peer wrote itself is not counted as missing there', () => {
    const { time, eu, us, link } = pair()
    // Its heartbeats and acknowledgements are lost, its updates are not.
    link.far.meddle = (frame, message) => (message?.type === 'update' ? [frame] : [])
    us.put(1)
    time.run(500)
    expect(eu.read(1)).toEqual({})
    expect(peer(eu, 'us').behind.writes).toBe(0)
  })

  test('[HE3] a peer that was not heard since the start is listed, and its holdings count as nothing', () => {
    const { time, eu, us, link } = pair()
    eu.put(1)
    converge(time, eu, us)
    link.cut()
    us.crash()
    eu.restart()
    expect(peer(eu, 'us')).toMatchObject({ state: 'down', heardMsAgo: undefined, behind: { writes: eu.vector['1'] } })
    expect(onlyHere(eu)).toMatchObject({ writes: eu.vector['1'], unheard: ['us'] })
  })

  test('[HE4] seconds are of our clock, whatever the clock of the writer says', () => {
    const { time, eu, us, ap, links } = trio()
    us.clock.offsetMs = 400
    time.run(12_000)
    links.euAp.cut()
    links.usAp.cut()
    us.put(1)
    time.run(3000)
    expect(peer(eu, 'ap').behind.seconds).toBeGreaterThan(2.9)
    expect(peer(eu, 'ap').behind.seconds).toBeLessThan(3.2)
    expect(peer(eu, 'ap').behind.writes).toBe(1)
    ap.crash()
  })
})

describe('what is wrong', () => {
  test('[HE10] N1, N8, P3: a peer that went silent, with what it lacks; and that it is over', () => {
    const { eu, us, link, atEu, time } = pair()
    // No byte arrives any more and nobody says so: half open, or frozen.
    link.near.meddle = () => []
    link.far.meddle = () => []
    eu.put(1)
    const message = atEu.shows('PEER_SILENT')
    expect(message).toMatch(/^region us has not been heard for \d+ s: it lacks 1 writes \(\d+ bytes, [\d.]+ s\)$/)
    time.run(10_000)
    expect(atEu.messages('PEER_SILENT')[0]).toContain('(nothing heard for 6000 ms)')
    eu.link(us)
    atEu.isOver('PEER_SILENT')
    time.run(6000)
    expect(atEu.lines.filter((line) => line.startsWith('over: region us has not been heard'))).toHaveLength(1)
    expect(atEu.codes).toEqual([])
  })

  test('[HE10] N2: one way only: both sides say so', () => {
    const { link, atEu, atUs } = pair()
    link.near.meddle = () => []
    expect(atUs.shows('PEER_SILENT')).toContain('region eu has not been heard')
    expect(atEu.shows('PEER_SILENT')).toContain('region us has not been heard')
  })

  test('[HE11] a peer that is heard and does not hear us', () => {
    const { time, eu, us, atEu } = pair()
    const own = us.replica.identity
    // A link on which it tells of no link with us.
    const heartbeat = () =>
      encodeMessage({
        ...{ type: 'heartbeat', wallMs: us.clock.nowMs(), echoMs: 0, heldMs: 0 },
        ...{ durable: us.replica.vectors.acked, indexed: us.replica.vectors.indexed, sent: us.replica.vectors.acked },
        links: [],
        catalog: '',
      })
    us.crash()
    time.run(5)
    const handler = eu.replica.attach({ bufferedBytes: 0, send() {}, close() {} }, { dialed: true })
    handler.frame(
      encodeMessage({
        ...{
          type: 'hello',
          protocol: PROTOCOL_VERSION,
          region: own.region,
          replica: own.replica,
          storeId: own.storeId,
        },
        ...{ joins: false, isActive: true, instance: 1, blockBytes: 0, durable: us.replica.vectors.acked },
      }),
    )
    const beat = (): void => {
      handler.frame(heartbeat())
      time.at(1000, beat)
    }
    beat()
    expect(atEu.shows('PEER_DEAF')).toBe('region us is heard and says that it does not hear us')
  })

  test('[HE10] N3: two that are apart name the third that carries their writes', () => {
    const { links, atEu, atUs, atAp } = trio()
    links.euUs.cut()
    expect(atEu.shows('PEER_SILENT')).toContain('writes go through ap')
    expect(atUs.shows('PEER_SILENT')).toContain('writes go through ap')
    expect(atAp.codes).toEqual([])
  })

  test('[HE12] N6: a linked peer that falls behind', () => {
    const { time, eu, link, atEu } = pair()
    // Too slow for data: heartbeats pass, updates wait.
    link.near.meddle = (frame, message) => (message?.type === 'update' ? [] : [frame])
    const write = (): void => {
      eu.replica.write({ collection: 'c', ops: [put(1)] }, () => {})
      time.at(500, write)
    }
    write()
    expect(atEu.shows('PEER_BEHIND')).toMatch(/^region us is linked and \d+ writes \(\d+ bytes, [89]\.\d s\) behind$/)
    expect(atEu.codes).toEqual(['PEER_BEHIND us'])
    link.near.meddle = (frame) => [frame]
    atEu.isOver('PEER_BEHIND')
  })

  test('[HE13] N10: damaged frames', () => {
    const { eu, us, link, atUs } = pair()
    link.near.meddle = (frame) => [frame.map((byte, i) => (i === 3 ? byte ^ 1 : byte))]
    expect(atUs.shows('FRAMES_REFUSED')).toBe('1 damaged or wrong frames of peers were refused lately')
    eu.link(us)
    atUs.isOver('FRAMES_REFUSED')
  })

  test('[HE14] N13, N14, N15: refused links, on both sides', () => {
    const { time, eu, atEu } = pair()
    const twin = new TestNode(time, 'eu', 9)
    const atTwin = new Watched(time, twin)
    eu.link(twin)
    expect(atEu.shows('PEER_REFUSED')).toContain('region eu is our own name: two nodes run as one region')
    expect(atTwin.shows('PEER_REFUSED')).toContain('region eu is our own name')
    atEu.isOver('PEER_REFUSED')
    const stranger = eu.replica.attach({ bufferedBytes: 0, send() {}, close() {} }, { dialed: false })
    const hello = encodeMessage({
      ...{
        type: 'hello',
        protocol: PROTOCOL_VERSION + 1,
        region: parseRegionId('ap'),
        replica: twin.replica.identity.replica,
      },
      ...{ storeId: 's', joins: false, isActive: true, instance: 1, blockBytes: 0, durable: eu.replica.vectors.acked },
    })
    stranger.frame(hello)
    expect(atEu.shows('PEER_REFUSED')).toContain(`protocol version ${PROTOCOL_VERSION + 1} is not ${PROTOCOL_VERSION}`)
  })

  test('[HE15] C1, C2: a clock that is off, seen by itself and by the others; stamps from the future', () => {
    const { time, eu, us, ap, atEu, atUs } = trio()
    eu.clock.offsetMs = 3_600_000
    // Before its own heartbeats tell it so, it takes a write.
    must(eu.await((done) => eu.replica.write({ collection: 'c', ops: [put(1)] }, done)))
    converge(time, eu, us, ap)
    expect(atEu.shows('CLOCK_OFF')).toMatch(/^no writes: this region's clock is 3600\d{3} ms off the median/)
    expect(atUs.shows('PEER_CLOCK_OFF')).toMatch(/^the clock of region eu is 3600 s ahead of ours/)
    expect(atUs.messages('FUTURE_STAMPS')).toEqual(['1 writes are stamped in the future and wait for their time'])
    expect(eu.replica.status().clock.ownOffsetMs).toBeGreaterThan(3_599_000)
    eu.clock.offsetMs = 0
    // Its newest stamp is still ahead: no write would be newer in truth.
    time.run(15_000)
    expect(atEu.messages('CLOCK_OFF')[0]).toMatch(/went back/)
    expect(atUs.messages('PEER_CLOCK_OFF')).toEqual([])
  })

  test('[HE16] D5: a flush that failed', () => {
    const { eu, atEu } = pair()
    eu.storage.fault = new StoreError('STORAGE_FAILED', 'EIO: the disk refused the flush')
    expect(atEu.shows('DISK_FAILED')).toBe('no writes until a restart: EIO: the disk refused the flush')
    expect(eu.replica.status().readOnly).toContain('EIO')
  })

  test('[HE16] D7: a full disk, and that there is room again', () => {
    const { eu, atEu } = pair()
    eu.storage.fault = new StoreError('STORAGE_FULL', 'No space left')
    expect(atEu.shows('DISK_FULL')).toBe('no writes until there is room: No space left')
    eu.storage.fault = undefined
    atEu.isOver('DISK_FULL')
    eu.put(1)
  })

  test('[HE16] D10: a flush that takes long', () => {
    const time = new TestTime()
    const eu = new Watched(time, new TestNode(time, 'eu', 1, { commitMs: 4000 }))
    expect(eu.shows('DISK_STALLED')).toMatch(/^the disk has been flushing for [234] s$/)
  })

  test('[HE17] a member that keeps deletes from being forgotten', () => {
    const { time, eu, link, atEu } = pair()
    link.cut()
    eu.write([{ kind: 'delete', id: 1 }])
    time.run(30_000)
    expect(atEu.shows('PURGE_BLOCKED')).toContain('deletes cannot be forgotten: region us has not acknowledged')
  })

  test('[HE18] a configured region that was never heard of, and one that joins', () => {
    const time = new TestTime()
    const eu = new Watched(time, new TestNode(time, 'eu', 1, { expects: [parseRegionId('us')] }))
    expect(eu.shows('PEER_SILENT')).toBe('region us has never been heard of')
    const joining = new Watched(time, new TestNode(time, 'ap', 3, { joins: true }))
    expect(joining.shows('JOINING')).toBe('this region is joining: 0 of 0 transactions and 0 of about 0 bytes are here')
    joining.node.link(eu.node)
    time.until(() => joining.messages('JOINING').some((each) => each.includes('waits to be added')), 'it caught up')
  })

  test('[HE19] whole state on its way', () => {
    const time = new TestTime()
    const settings = { logRetentionEntries: 0, transferChunkBytes: 64, transferWindow: 1 }
    const eu = new Watched(time, new TestNode(time, 'eu', 1, { settings }))
    const us = new Watched(time, new TestNode(time, 'us', 2, { settings }))
    eu.node.create()
    for (let id = 0; id < 50; id++) eu.node.put(id)
    time.run(3000)
    const link = eu.node.link(us.node)
    link.far.meddle = (frame, message) => (message?.type === 'got' ? [] : [frame])
    expect(eu.shows('TRANSFER')).toBe('whole state is being sent to region us')
    expect(us.shows('TRANSFER')).toBe('whole state is being received from region eu')
    link.far.meddle = (frame) => [frame]
    eu.isOver('TRANSFER')
  })
})

describe('the book', () => {
  test('[HE20] what comes and goes is logged once, what lasts every ten minutes', () => {
    const time = new TestTime()
    const lines: string[] = []
    const log = (_: unknown, message: string): void => void lines.push(message)
    const timers = { elapsedMs: () => time.nowMs, after: () => ({ [Symbol.dispose]() {} }) }
    const book = new HealthBook(timers, { info: log, warn: log, error: log })
    const bad = { code: 'DISK_LOW', message: 'little room' } as const
    for (let second = 0; second < 60; second++) {
      book.step(second % 2 === 0 ? [bad] : [])
      expect(book.list()).toHaveLength(second % 2 === 0 ? 1 : 0)
      time.run(1000)
    }
    expect(lines).toEqual(['degraded: little room'])
    time.run(10_000)
    book.step([])
    expect(lines).toEqual(['degraded: little room', 'over: little room'])
    for (let second = 0; second <= 1200; second++) {
      book.step([bad])
      time.run(1000)
    }
    expect(lines.slice(2)).toEqual(['degraded: little room', 'degraded: little room', 'degraded: little room'])
    expect(book.list()[0]!.forSeconds).toBe(1200)
  })
})
