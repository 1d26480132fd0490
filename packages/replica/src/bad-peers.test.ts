import { type LinkEnd, type LinkHandler, parseRegionId, type PeerLink, VersionVector } from '@meridian/core'
import { MemoryContents } from '@meridian/storage'
import { describe, expect, test } from 'vitest'
import { decodeMessage, encodeMessage, type Message, PROTOCOL_VERSION, type Sent } from './message.js'
import { CATALOG_BYTES_MAX, CATALOG_PIECES_MAX } from './messages/transfer-message.js'
import { DEFAULT_SETTINGS } from './settings.js'
import { converge, TestNode } from './test-node.js'
import { TestTime } from './test-time.js'

/* Rows of docs/spec/bad-peers.md that need a clock to step, or two processes of one identity. */

/** A peer made by hand: what it was sent, and how its link ended. It reads nothing from its socket while `isStuck`. */
class Stranger implements PeerLink {
  readonly got: Message[] = []
  bufferedBytes = 0
  isStuck = false
  ended: { readonly reason: string; readonly end: LinkEnd } | undefined
  readonly #handler: LinkHandler

  constructor(
    readonly node: TestNode,
    readonly replica = 9,
  ) {
    this.#handler = node.replica.attach(this, { dialed: false })
  }

  send(frame: Uint8Array): void {
    if (this.isStuck) this.bufferedBytes += frame.length
    this.got.push(decodeMessage(frame))
  }

  close(reason: string, end: LinkEnd = 'done'): void {
    this.ended = { reason, end }
  }

  say(...messages: readonly Sent[]): void {
    for (const message of messages) this.#handler.frame(encodeMessage(message))
  }

  hello(more: Partial<Extract<Sent, { type: 'hello' }>> = {}): this {
    this.say({
      type: 'hello',
      protocol: PROTOCOL_VERSION,
      region: parseRegionId('xx'),
      replica: this.replica as never,
      storeId: '00112233445566ff',
      joins: false,
      isActive: false,
      instance: 1,
      blockBytes: 0,
      durable: VersionVector.ZERO,
      ...more,
    })
    return this
  }

  bytes(type: Message['type']): number {
    return this.got.reduce((sum, each) => sum + (each.type === type ? encodeMessage(each as Sent).length : 0), 0)
  }
}

const region = (settings: Partial<typeof DEFAULT_SETTINGS> = {}) => {
  const time = new TestTime()
  const eu = new TestNode(time, 'eu', 1, { settings })
  eu.create()
  for (let i = 0; i < 20; i++) eu.put(i, { text: 'x'.repeat(1000) })
  return { time, eu }
}

test('[W3] a peer that talks and never says hello is closed after the silence bound, and sent nothing but our hello', () => {
  const { time, eu } = region()
  const stranger = new Stranger(eu)
  for (let ms = 0; stranger.ended === undefined && ms < 60_000; ms += 500) {
    stranger.say({ type: 'acked', resync: false, durable: VersionVector.ZERO })
    time.run(500)
  }
  expect(stranger.ended).toEqual({ reason: 'no hello for 6000 ms', end: 'silent' })
  expect(stranger.got.map(({ type }) => type)).toEqual(['hello'])
})

test('[W3] a peer that asks and never reads is closed when the bound waits for it, and the others are served', () => {
  const { time, eu } = region({ linkBufferBytesMax: 200_000 })
  const us = new TestNode(time, 'us', 2)
  const stranger = new Stranger(eu).hello()
  stranger.isStuck = true
  eu.link(us)
  for (let i = 0; stranger.ended === undefined && i < 100_000; i++) stranger.say({ type: 'ask', nonce: i })
  expect(stranger.ended).toMatchObject({ end: 'slow', reason: expect.stringMatching(/does not read: \d+ bytes wait/) })
  expect(stranger.bufferedBytes).toBeLessThanOrEqual(200_000)
  eu.put('later')
  converge(time, eu, us)
})

test('[W3] for a peer that does not read no more of the log is made than a quarter of the bound and one frame', () => {
  const { time, eu } = region({ linkBufferBytesMax: 40_000 })
  const stranger = new Stranger(eu)
  stranger.isStuck = true
  stranger.hello()
  time.run(1000)
  expect(stranger.ended).toBeUndefined()
  expect(stranger.bytes('update')).toBeLessThan(15_000)
})

test('[W10] a peer that asks for everything in a loop is sent a window ten times a second at most', () => {
  const { time, eu } = region()
  const stranger = new Stranger(eu).hello()
  time.run(50)
  const once = stranger.bytes('update')
  expect(once).toBeGreaterThan(20_000)
  for (let i = 0; i < 5000; i++) {
    stranger.say({ type: 'acked', resync: true, durable: VersionVector.ZERO })
    if (i % 10 === 0) time.run(1)
  }
  // 500 ms: five more windows, and the one that the first question got.
  expect(stranger.bytes('update')).toBeLessThanOrEqual(7 * once)
  expect(stranger.bytes('update')).toBeGreaterThan(3 * once)
})

test('[W10] a peer that wants the state anew in a loop is sent it once per half a stall', () => {
  const { time, eu } = region({ logRetentionEntries: 1, maintenanceMs: 20 })
  time.run(500)
  const stranger = new Stranger(eu).hello()
  time.run(50)
  expect(stranger.got.map(({ type }) => type)).toContain('offer')
  for (let i = 1; i <= 3000; i++) {
    stranger.say({ type: 'want', transfer: i, origin: 1 as never, cursors: [] })
    if (i % 3 === 0) time.run(1)
  }
  expect(stranger.got.filter(({ type }) => type === 'end').length).toBe(1)
  time.run(DEFAULT_SETTINGS.transferStallMs / 2)
  stranger.say({ type: 'want', transfer: 9999, origin: 1 as never, cursors: [] })
  // Chunks are made one in a turn.
  time.run(50)
  expect(stranger.got.filter(({ type }) => type === 'end').length).toBe(2)
})

test.each([
  ['empty ones', 0, 1, 'an empty piece of a catalog'],
  ['tiny ones', 1, CATALOG_PIECES_MAX + 1, `a catalog of more than ${CATALOG_PIECES_MAX} pieces`],
  ['large ones', 4 << 20, 13, `a catalog of more than ${CATALOG_BYTES_MAX} bytes`],
])(
  '[W13] a peer that sends pieces of a catalog without end, %s, is refused at the bound',
  (_, bytes, count, reason) => {
    const { time, eu } = region()
    const stranger = new Stranger(eu).hello()
    stranger.say({ type: 'offer', origin: stranger.replica as never })
    time.run(50)
    const want = stranger.got.find((each) => each.type === 'want')!
    const saved = new Uint8Array(bytes)
    for (let number = 1; number <= count; number++) {
      expect(stranger.ended).toBeUndefined()
      stranger.say({ type: 'catalog', transfer: want.transfer, number, saved, isLast: false })
    }
    expect(stranger.ended?.reason).toContain(reason)
  },
)

describe('two processes with one identity', () => {
  /** `us` is linked with `eu`, writing; `copy` runs from a copy of its directory. */
  const twins = (writesMeanwhile: boolean) => {
    const { time, eu } = region()
    const us = new TestNode(time, 'us', 2)
    const link = us.link(eu)
    converge(time, eu, us)
    us.put('before')
    converge(time, eu, us)
    const contents = new MemoryContents()
    contents.apply([...us.storage.scan('')].map(([key, value]) => ({ type: 'put', key, value })))
    const copy = new TestNode(time, 'us', 2, { contents })
    if (writesMeanwhile) copy.put('from the copy')
    return { time, eu, us, copy, link, contents }
  }
  /** As a dialer would, for 10 s. */
  const dialOnAndOn = (time: TestTime, copy: TestNode, eu: TestNode): void => {
    for (let i = 0; i < 20; i++) {
      copy.link(eu)
      time.run(500)
    }
  }

  test('[N15] the second is refused as long as the first is heard, both sides say why, and it takes no writes', () => {
    const { time, eu, us, copy, link } = twins(false)
    const before = { eu: eu.digests(), vector: eu.vector }
    dialOnAndOn(time, copy, eu)
    expect(link.isOpen).toBe(true)
    expect(() => copy.put('x')).toThrow(/two processes run as region us/)
    for (const side of [eu, copy])
      expect(side.warnings.join('\n')).toMatch(/two processes run as region us \(replica 2\)/)
    expect({ eu: eu.digests(), vector: eu.vector }).toEqual(before)
    us.put('after')
    converge(time, eu, us)
    expect(eu.digests()).toEqual(us.digests())
    expect(us.replica.readOnlyReason()).toBeUndefined()
    // It had written nothing: once it is alone, it goes on where the first stopped, or would have if that had not written.
    copy.restart()
    expect(copy.replica.readOnlyReason()).toBeUndefined()
  })

  test('[N15] a second one that has written already gives its directory up: its writes carry numbers of the first', () => {
    const { time, eu, us, copy, link } = twins(true)
    dialOnAndOn(time, copy, eu)
    expect(copy.replica.readOnlyReason()).toMatchObject({ code: 'IDENTITY_CONFLICT' })
    expect(eu.read('from the copy')).toBeUndefined()
    // For good, also when the first is gone.
    us.crash()
    link.cut()
    time.run(5000)
    copy.restart()
    expect(() => copy.put('x')).toThrow(/directory is given up/)
  })

  test('[N15] a region that was started again while its old link looks alive is let in as soon as that falls silent', () => {
    const { time, eu, us, link } = twins(false)
    link.near.meddle = () => []
    link.far.meddle = () => []
    us.restart()
    us.put('since')
    for (let i = 0; i < 8 && !us.replica.isLinked(eu.replica.region); i++) {
      us.link(eu)
      time.run(500)
    }
    converge(time, eu, us)
    expect(eu.read('since')).toEqual({})
    expect(us.replica.readOnlyReason()).toBeUndefined()
  })
})
