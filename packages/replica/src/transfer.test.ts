import { Catalog } from '@meridian/catalog'
import { FRAME_BYTES_MAX, parseRegionId, parseReplicaId } from '@meridian/core'
import { describe, expect, test } from 'vitest'
import { encodeMessage, type Message } from './message.js'
import { CATALOG_BYTES_MAX } from './messages/transfer-message.js'
import type { Settings } from './settings.js'
import type { TestLink } from './test-link.js'
import { CONFIG, converge, del, must, put, TestNode } from './test-node.js'
import { TestTime } from './test-time.js'

type Options = ConstructorParameters<typeof TestNode>[3]
const two = (eu: Options = {}, us: Options = {}) => {
  const time = new TestTime()
  return { time, eu: new TestNode(time, 'eu', 1, eu), us: new TestNode(time, 'us', 2, us) }
}

const TEXT = 'x'.repeat(400)
const chunks = (messages: readonly Message[]) => messages.flatMap((each) => (each.type === 'chunk' ? [each] : []))
const bytesOf = (link: TestLink): number => link.near.bytes + link.far.bytes

/** Settings with which the log soon reaches back no further. */
const SHORT_LOG = { logRetentionEntries: 5, maintenanceMs: 50, transferChunkBytes: 2000, transferWindow: 2 }

describe('catch-up from the log', () => {
  test('[RP60] after a cut less than 1.3 times the missed bytes cross the wire', () => {
    const { time, eu, us } = two()
    eu.create()
    const first = eu.link(us)
    converge(time, eu, us)
    first.cut()
    let raw = 0
    for (let i = 0; i < 200; i++) {
      eu.put(`eu${i}`, { text: TEXT, i }, [i, 1, 2, 3])
      us.put(`us${i}`, { text: TEXT, i }, [i, 1, 2, 3])
      raw += 2 * (TEXT.length + 16)
    }
    const second = us.link(eu)
    converge(time, eu, us)
    expect(us.digests()).toEqual(eu.digests())
    expect(bytesOf(second)).toBeLessThan(raw * 1.3)
    expect(eu.replica.status().counters.transfersSent).toBe(0)
  })
})

describe('catch-up from state', () => {
  const behind = (count: number, settings: Partial<Settings> = SHORT_LOG) => {
    const world = two({ settings }, { settings })
    const { time, eu, us } = world
    // us is a member that is away: what it lacks is not cleaned, so that there are many small blocks.
    const link = eu.link(us)
    converge(time, eu, us)
    link.cut()
    eu.create()
    for (let i = 0; i < count; i++) eu.put(i, { text: TEXT, i }, [i, 1, 2, 3])
    eu.write([del(0), del(1)])
    time.run(1000)
    return world
  }

  test('[RP61] where the log was trimmed, the state comes in chunks and the log goes on from there', () => {
    const { time, eu, us } = behind(100)
    const link = eu.link(us)
    time.until(() => chunks(link.near.messages).length > 3, 'some chunks')
    for (let i = 0; i < 10; i++) eu.put(`live${i}`, { i })
    converge(time, eu, us)
    expect(us.digests()).toEqual(eu.digests())
    expect(us.searched()).toEqual(eu.searched())
    expect(us.read(0)).toBeUndefined()
    expect(us.read(5)).toEqual({ text: TEXT, i: 5 })
    expect(eu.replica.status().counters).toMatchObject({ transfersSent: 1 })
    expect(us.replica.status().counters).toMatchObject({ transfersReceived: 1 })
    // Live again, by the log.
    eu.put('after', { yes: 1 })
    converge(time, eu, us)
    expect(us.read('after')).toEqual({ yes: 1 })
    expect(eu.replica.status().peers[0]).toMatchObject({ transfer: 'none', inFlight: { frames: 0 } })
    us.restart()
    expect(us.digests()).toEqual(eu.digests())
  })

  test('[RP62] the vector moves with the last chunk only', () => {
    const { time, eu, us } = behind(100)
    const link = eu.link(us)
    time.until(() => (us.replica.collections()[0]?.liveCount ?? 0) > 20, 'part of the records')
    expect(us.vector[1]).toBeLessThan(5)
    link.cut()
    us.restart()
    expect(us.vector[1]).toBeLessThan(5)
    expect(us.replica.collection('c').liveCount).toBeGreaterThan(20)
  })

  test('[RP63] interrupted ten times it resumes, and no chunk that was received is sent twice', () => {
    const { time, eu, us } = behind(600)
    /** By content: chunks that are durable there. */
    const taken = new Set<string>()
    const contentOf = ({ update }: { readonly update: Uint8Array }): string => Buffer.from(update).toString('base64')
    for (let round = 0; round < 10; round++) {
      const link = eu.link(us)
      const lastGot = (): number =>
        Math.max(0, ...link.far.messages.flatMap((each) => (each.type === 'got' ? [each.number] : [])))
      time.until(() => lastGot() >= 6, 'chunks are durable there', 5000)
      const isGot = lastGot()
      for (const chunk of chunks(link.near.messages)) expect(taken.has(contentOf(chunk))).toBe(false)
      for (const chunk of chunks(link.near.messages)) if (chunk.number <= isGot) taken.add(contentOf(chunk))
      expect(us.vector[1]).toBeLessThan(5)
      link.cut()
      if (round % 2 === 0) us.restart()
      else eu.restart()
      time.run(5)
    }
    expect(taken.size).toBeGreaterThanOrEqual(50)
    const last = eu.link(us)
    converge(time, eu, us)
    for (const chunk of chunks(last.near.messages)) expect(taken.has(contentOf(chunk))).toBe(false)
    expect(us.digests()).toEqual(eu.digests())
  })

  test('[RP64] at most the window of chunks is under way', () => {
    const { time, eu, us } = behind(100)
    const link = eu.link(us)
    link.far.meddle = (frame, message) => (message?.type === 'got' ? [] : [frame])
    time.run(1500)
    expect(chunks(link.near.messages)).toHaveLength(SHORT_LOG.transferWindow)
    link.far.meddle = (frame) => [frame]
    converge(time, eu, us)
    expect(us.digests()).toEqual(eu.digests())
  })

  test('[RP65] a transfer whose last acknowledgement was lost ends all the same, and the log goes on', () => {
    const { time, eu, us } = behind(30)
    const link = eu.link(us)
    link.far.meddle = (frame, message) => {
      const end = link.near.messages.find((each) => each.type === 'end')
      return message?.type === 'got' && end !== undefined && message.number >= end.number ? [] : [frame]
    }
    converge(time, eu, us)
    eu.put('after', { yes: 1 })
    converge(time, eu, us)
    expect(us.read('after')).toEqual({ yes: 1 })
    time.run(2000)
    expect(eu.replica.status().peers[0]!.transfer).toBe('none')
  })

  test('[RP65] an offer that comes twice, or a chunk that is lost, stalls nothing for good', () => {
    const { time, eu, us } = behind(60)
    const link = eu.link(us)
    let lose = 2
    link.near.meddle = (frame, message) => {
      if (message?.type === 'offer') {
        time.at(500, () => link.near.handler?.frame(frame))
        time.at(9000, () => link.near.handler?.frame(frame))
      }
      return message?.type === 'chunk' && message.number > 5 && lose-- > 0 ? [] : [frame]
    }
    converge(time, eu, us)
    time.run(20_000)
    expect(us.replica.status().peers[0]!.transfer).toBe('none')
    eu.put('after', { yes: 1 })
    converge(time, eu, us)
    expect(us.digests()).toEqual(eu.digests())
  })

  test('[RP65] a want that comes twice does not renumber what is under way', () => {
    const { time, eu, us } = behind(100)
    eu.create('second')
    eu.write([put(1, { in: 'second' })], 'second')
    time.run(500)
    const link = eu.link(us)
    link.far.meddle = (frame, message) => {
      if (message?.type === 'want') time.at(30, () => link.far.handler?.frame(frame))
      return [frame]
    }
    time.until(() => chunks(link.near.messages).length > 3, 'some chunks')
    // Other numbers than in the first run.
    must(eu.await<boolean>((done) => eu.replica.dropCollection('second', done)))
    converge(time, eu, us)
    expect(us.digests()).toEqual(eu.digests())
  })

  test('[RP66] a collection that is made during a transfer arrives with it', () => {
    const { time, eu, us } = behind(100)
    const link = eu.link(us)
    time.until(() => chunks(link.near.messages).length > 3, 'some chunks')
    eu.create('second')
    eu.write([put(1, { in: 'second' })], 'second')
    must(eu.await<boolean>((done) => eu.replica.dropCollection('c', done)))
    converge(time, eu, us)
    expect(us.replica.collections().map(({ name }) => name)).toEqual(['second'])
    expect(us.read(1, 'second')).toEqual({ in: 'second' })
    expect(us.replica.status().counters.framesRefused).toBe(0)
    us.restart()
    expect(us.read(1, 'second')).toEqual({ in: 'second' })
  })

  test('[RP68] a catalog goes in pieces that fit a frame, and is one again at the other end', () => {
    const { time, eu, us } = behind(100, { ...SHORT_LOG, catalogPieceBytes: 100 })
    for (let i = 0; i < 5; i++) eu.create(`more${i}`)
    const link = eu.link(us)
    converge(time, eu, us)
    const pieces = link.near.messages.flatMap((each) => (each.type === 'catalog' ? [each] : []))
    expect(pieces.filter(({ isLast }) => !isLast).length).toBeGreaterThan(5)
    expect(pieces.every(({ saved }) => saved.length <= 100)).toBe(true)
    expect(us.replica.collections().map(({ name }) => name)).toEqual(eu.replica.collections().map(({ name }) => name))
    expect(us.digests()).toEqual(eu.digests())
  })

  test('[RP69] a catalog that has not changed goes once in a transfer: links need not hold two of the largest', () => {
    const { time, eu, us } = two({ settings: SHORT_LOG }, { settings: SHORT_LOG })
    const first = eu.link(us)
    converge(time, eu, us)
    first.cut()
    for (let i = 0; i < 10; i++) eu.create(`only-in-the-catalog${i}`)
    time.run(1000)
    const link = eu.link(us)
    converge(time, eu, us)
    const sent = link.near.messages.filter(({ type }) => type === 'catalog' || type === 'end')
    expect(sent.map(({ type }) => type)).toEqual(['catalog', 'end'])
    expect(us.replica.collections()).toHaveLength(10)
  })

  test('[RP69] one that gained a change since it was sent goes again before the end, though nothing of it shows yet', () => {
    const { time, eu, us } = behind(100)
    const link = eu.link(us)
    time.until(() => chunks(link.near.messages).length > 3, 'some chunks')
    const author = Catalog.open({ actor: '09000001' })
    const changes = [7, 9].map((number) => {
      const member = {
        replica: parseReplicaId(number),
        region: parseRegionId(`x${number}`),
        storeId: '00112233445566ff',
      }
      const mutation = { type: 'putMember', member: { ...member, status: 'active', sinceMs: 1 }, nowMs: 1 } as const
      const draft = author.propose(mutation)
      draft.commit()
      return draft.changes[0]!
    })
    // The second builds on the first, which is missing: it is kept, and waits.
    link.far.handler!.frame(encodeMessage({ type: 'changes', saved: changes[1]! }))
    converge(time, eu, us)
    const sent = link.near.messages.filter(({ type }) => type === 'catalog' || type === 'end')
    expect(sent.map(({ type }) => type)).toEqual(['catalog', 'catalog', 'end'])
  })

  test('[RP72] a catalog whose changes no log brings is handed over in pieces, however large it is', () => {
    const settings = { catalogPieceBytes: 300 }
    const { time, eu, us } = two({ settings }, { settings })
    const link = eu.link(us)
    converge(time, eu, us)
    const author = Catalog.open({ actor: '09000001' })
    const changes = Array.from({ length: 12 }, (_, i) => {
      const member = { replica: parseReplicaId(50 + i), region: parseRegionId(`x${i}`), storeId: '00112233445566ff' }
      const mutation = { type: 'putMember', member: { ...member, status: 'joining', sinceMs: 1 }, nowMs: 1 } as const
      const draft = author.propose(mutation)
      draft.commit()
      return draft.changes[0]!
    })
    const membersOf = ({ replica }: TestNode) => replica.regions.status().members.filter(({ replica: of }) => of >= 50)
    link.far.handler!.frame(encodeMessage({ type: 'changes', saved: Buffer.concat(changes) }))
    time.run(50)
    expect([membersOf(eu).length, membersOf(us).length]).toEqual([12, 0])
    time.until(() => membersOf(us).length === 12, 'us knows all')
    const pieces = link.near.messages.flatMap((each) => (each.type === 'changes' ? [each.saved.length] : []))
    expect(pieces.length).toBeGreaterThan(3)
    expect(Math.max(...pieces)).toBeLessThanOrEqual(300)
    us.restart()
    expect(membersOf(us)).toHaveLength(12)
  })

  test('[RP68] one that no peer would take is refused in words, and no frame is larger than links carry', () => {
    const { time, eu, us } = behind(100)
    const { save } = Catalog.prototype
    let largest = 0
    const linked = () => {
      const link = eu.link(us)
      link.near.meddle = (frame) => {
        largest = Math.max(largest, frame.length)
        return [frame]
      }
    }
    try {
      for (const bytes of [CATALOG_BYTES_MAX + 1, 17 << 20]) {
        Catalog.prototype.save = () => new Uint8Array(bytes)
        linked()
        time.run(10_000)
      }
    } finally {
      Catalog.prototype.save = save
    }
    expect(eu.warnings.filter((line) => line.includes('cannot be handed over')).length).toBeGreaterThan(0)
    expect(largest).toBeGreaterThan(4 << 20)
    expect(largest).toBeLessThanOrEqual(FRAME_BYTES_MAX)
    // What was sent is no catalog: the receiver ended the link, and takes the right one on the next.
    linked()
    converge(time, eu, us)
    expect(us.digests()).toEqual(eu.digests())
  })

  test('[RP67] lag in seconds and bytes stays sensible where the log was trimmed', () => {
    const { time, eu, us } = behind(50)
    const link = eu.link(us)
    converge(time, eu, us)
    link.cut()
    time.run(10_000)
    for (let i = 0; i < 30; i++) eu.put(i, { again: TEXT })
    time.run(2000)
    const { behind: lag } = eu.replica.status().peers[0]!
    expect(lag.writes).toBeGreaterThanOrEqual(30)
    expect(lag.seconds).toBeLessThan(20)
    expect(lag.seconds).toBeGreaterThan(1.9)
    expect(lag.bytes).toBeGreaterThan(0)
  })
})

describe('collections across regions', () => {
  test('[RP70] created alike in two regions they become one, with the records of both', () => {
    const { time, eu, us } = two()
    eu.create()
    us.create()
    eu.put(1, { by: 'eu' })
    us.put(2, { by: 'us' })
    eu.put(3, { first: true })
    time.run(5)
    us.put(3, { second: true })
    const held = eu.replica.collection('c')
    eu.link(us)
    converge(time, eu, us)
    for (const each of [eu, us]) {
      expect([each.read(1), each.read(2), each.read(3)]).toEqual([{ by: 'eu' }, { by: 'us' }, { second: true }])
      expect(each.searched()).toEqual([1, 2, 3])
      expect(each.replica.incarnationsOf('c')).toHaveLength(2)
      expect(each.replica.catalogConflicts()).toEqual([])
    }
    expect(us.digests()).toEqual(eu.digests())
    // Whoever still holds the former state does not spoil the new one.
    for (const ordinal of held.ordinals()) held.payload(ordinal)
    expect([eu.read(1), eu.read(2), eu.read(3)]).toEqual([{ by: 'eu' }, { by: 'us' }, { second: true }])
    eu.write([del(2)])
    us.put(1, { by: 'both' })
    converge(time, eu, us)
    expect([us.read(2), eu.read(1)]).toEqual([undefined, { by: 'both' }])
    us.restart()
    expect(us.digests()).toEqual(eu.digests())
    expect(must(us.await<boolean>((done) => us.replica.dropCollection('c', done)))).toBe(true)
    us.link(eu)
    converge(time, eu, us)
    expect(eu.replica.collections()).toEqual([])
  })

  test('[RP71] created differently both are kept, the younger as name~uid, and the same everywhere', () => {
    const { time, eu, us } = two()
    eu.create()
    time.run(10)
    us.create('c', { ...CONFIG, shards: 3 })
    eu.put(1, { by: 'eu' })
    us.put(1, { by: 'us' })
    const younger = us.replica.collection('c').uid
    eu.link(us)
    converge(time, eu, us)
    for (const each of [eu, us]) {
      expect(each.replica.collections().map(({ name }) => name)).toEqual(['c', `c~${younger}`])
      expect(each.read(1)).toEqual({ by: 'eu' })
      expect(each.read(1, `c~${younger}`)).toEqual({ by: 'us' })
      expect(each.searched(`c~${younger}`)).toEqual([1])
      expect(each.replica.catalogConflicts()).toHaveLength(1)
    }
    us.write([put(2, { later: true })], `c~${younger}`)
    converge(time, eu, us)
    expect(eu.read(2, `c~${younger}`)).toEqual({ later: true })
  })

  test('[RP20] a dropped collection is purged when every member has acknowledged it, not before', () => {
    const { time, eu, us } = two()
    eu.create()
    const link = eu.link(us)
    converge(time, eu, us)
    eu.put(1)
    converge(time, eu, us)
    const rows = (each: TestNode) =>
      [...each.storage.keys('')].filter((key) => key.includes(uid) && !key.startsWith('purged/'))
    const { uid } = eu.replica.collection('c')
    link.cut()
    must(eu.await<boolean>((done) => eu.replica.dropCollection('c', done)))
    us.put(2, { late: true })
    time.run(10_000)
    expect(rows(eu).length).toBeGreaterThan(0)
    eu.link(us)
    converge(time, eu, us)
    time.run(10_000)
    expect(rows(eu)).toEqual([])
    expect(rows(us)).toEqual([])
    expect(us.replica.collections()).toEqual([])
    eu.create()
    converge(time, eu, us)
    us.put(1, { anew: true })
    converge(time, eu, us)
    expect(eu.read(1)).toEqual({ anew: true })
    expect(eu.replica.collection('c').liveCount).toBe(1)
  })
})

describe('clocks across regions', () => {
  test('[RP51] a region whose clock is off the median of its peers refuses writes, and takes them when it is right', () => {
    const time = new TestTime()
    const [eu, us, ap] = ['eu', 'us', 'ap'].map((region, i) => new TestNode(time, region, i + 1)) as [
      TestNode,
      TestNode,
      TestNode,
    ]
    eu.create()
    ap.clock.offsetMs = 5000
    eu.link(us)
    us.link(ap)
    eu.link(ap)
    time.run(4000)
    expect(() => ap.put(1)).toThrow(/5000 ms off the median/)
    expect(ap.replica.readOnlyReason()?.code).toBe('CLOCK_SKEW')
    eu.put(2)
    us.put(3)
    ap.clock.offsetMs = 0
    time.run(12_000)
    ap.put(1)
    converge(time, eu, us, ap)
    expect(eu.replica.collection('c').liveCount).toBe(3)
  })

  test('[RP52] a stamp of the future is kept and replicated but waits; it wins when its time has come, over a restart too', () => {
    const { time, eu, us } = two()
    eu.create()
    eu.link(us)
    converge(time, eu, us)
    eu.put(1, { from: 'now' })
    converge(time, eu, us)
    us.clock.offsetMs = 4000
    us.put(1, { from: 'the future' })
    converge(time, eu, us)
    expect(eu.read(1)).toEqual({ from: 'now' })
    expect(eu.replica.status().deferred).toBe(1)
    eu.put(1, { from: 'meanwhile' })
    expect(eu.read(1)).toEqual({ from: 'meanwhile' })
    eu.restart()
    time.run(1000)
    expect(eu.read(1)).toEqual({ from: 'meanwhile' })
    expect(eu.replica.status().deferred).toBe(1)
    time.run(4000)
    expect(eu.replica.status().deferred).toBe(0)
    expect(eu.read(1)).toEqual({ from: 'the future' })
    eu.restart()
    expect(eu.read(1)).toEqual({ from: 'the future' })
  })

  test('[RP53] a write wins over everything that its writer could see, a released stamp of the future included', () => {
    const { time, eu, us } = two()
    eu.create()
    eu.link(us)
    converge(time, eu, us)
    us.clock.offsetMs = 2000
    us.put(1, { from: 'the future' })
    converge(time, eu, us)
    time.until(() => eu.read(1) !== undefined, 'the release')
    eu.put(1, { seen: true })
    expect(eu.read(1)).toEqual({ seen: true })
  })

  test('[RP54] a peer whose clock runs away by small steps does not take ours along', () => {
    const { time, eu, us } = two()
    eu.create()
    eu.link(us)
    converge(time, eu, us)
    for (let i = 0; i < 30; i++) {
      us.clock.offsetMs += 100
      us.put(1, { i })
      time.run(20)
    }
    expect(eu.replica.readOnlyReason()).toBeUndefined()
    expect(eu.replica.status().deferred).toBeGreaterThan(10)
    eu.put(2)
  })
})
