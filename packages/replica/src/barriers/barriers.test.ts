import { type ReplicaId, StoreError, VersionVector } from '@meridian/core'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Message } from '../message.js'
import { converge, must, TestNode } from '../test-node.js'
import type { TestLink } from '../test-link.js'
import { TestTime } from '../test-time.js'
import { type Acknowledgement, Barriers } from './barriers.js'

const SETTINGS = { heartbeatMs: 1000, silenceMs: 600_000 }
let time: TestTime
let eu: TestNode
let us: TestNode
let ap: TestNode

const ends = (link: TestLink) => [link.near, link.far]
/** Nothing arrives any more, though the link looks alive. */
const mute = (link: TestLink): void => {
  for (const end of ends(link)) end.meddle = () => []
}
const dropping = (link: TestLink, type: Message['type'], count = Number.POSITIVE_INFINITY): void => {
  let left = count
  for (const end of ends(link)) end.meddle = (frame, message) => (message?.type === type && left-- > 0 ? [] : [frame])
}
const dot = (node: TestNode, seq: number) => ({ replica: node.number as ReplicaId, seq })
const member = (node: TestNode): string => node.region
const searchable = (node: TestNode): VersionVector => node.replica.vectors.indexed

let links: { euUs: TestLink; euAp: TestLink; usAp: TestLink }

beforeEach(() => {
  time = new TestTime()
  eu = new TestNode(time, 'eu', 1, { settings: SETTINGS })
  us = new TestNode(time, 'us', 2, { settings: SETTINGS })
  ap = new TestNode(time, 'ap', 3, { settings: SETTINGS })
  links = { euUs: eu.link(us), euAp: eu.link(ap), usAp: us.link(ap) }
  converge(time, eu, us, ap)
  eu.create()
  converge(time, eu, us, ap)
})

describe('write concern', () => {
  test('[GU13] a region that stopped counting since it wrote answers that its concern is not met', () => {
    let standing: StoreError | undefined
    const barriers = new Barriers({
      ...eu.replica.barriers.parts,
      uncounted: () => standing,
    })
    barriers.needed('quorum')
    const { seq } = eu.put('1')
    converge(time, eu, us, ap)
    standing = new StoreError('NOT_READY', 'region eu is retired')
    expect(() => barriers.needed('quorum')).toThrow('region eu is retired')
    const found = must(eu.await<Acknowledgement>((done) => barriers.acknowledged(dot(eu, seq), 'quorum', 300, done)))
    expect(found).toMatchObject({ isMet: false, durableIn: ['eu', 'us', 'ap'] })
  })

  test('[GU10] quorum, all and a number wait until so many regions have the write on disk', () => {
    const { seq } = eu.put('1')
    for (const level of ['quorum', 'all', 2, 3] as const) {
      const found = must(
        eu.await<Acknowledgement>((done) => eu.replica.barriers.acknowledged(dot(eu, seq), level, 500, done)),
      )
      expect(found.isMet).toBe(true)
      expect(found.durableIn.length).toBeGreaterThanOrEqual(found.needed)
    }
    for (const node of [us, ap]) expect(node.vector['1']).toBe(seq)
  })

  test('[GU11] out of time it is not failed: the answer says where the write is', () => {
    mute(links.euAp)
    mute(links.usAp)
    const { seq } = eu.put('1')
    const startedAt = time.nowMs
    const found = must(
      eu.await<Acknowledgement>((done) => eu.replica.barriers.acknowledged(dot(eu, seq), 'all', 300, done)),
    )
    expect(found).toEqual({ isMet: false, needed: 3, durableIn: [eu, us].map(member), missingIn: ['ap'] })
    expect(time.nowMs - startedAt).toBeLessThanOrEqual(302)
    const quorum = must(
      eu.await<Acknowledgement>((done) => eu.replica.barriers.acknowledged(dot(eu, seq), 'quorum', 300, done)),
    )
    expect(quorum.isMet).toBe(true)
  })

  test('[GU12] more regions than are active is refused with a sentence', () => {
    expect(() => eu.replica.barriers.needed(4)).toThrow(/4 regions were asked for and 3 are active/)
    expect(() => eu.replica.barriers.needed(0)).toThrow(/ask for 1 to 3/)
    expect([1, 'local', 'quorum', 'all', 3].map((level) => eu.replica.barriers.needed(level as 1))).toEqual([
      1, 1, 2, 3, 3,
    ])
  })
})

describe('covered', () => {
  test('[GU20] waits for the write and no longer', () => {
    dropping(links.euAp, 'update', 1)
    const { merged } = eu.put('1')
    expect(ap.read('1')).toBeUndefined()
    const covered = must(ap.await<VersionVector>((done) => ap.replica.barriers.covered(merged, 5000, done)))
    expect(covered.dominates(merged)).toBe(true)
    expect(ap.searched()).toEqual(['1'])
    expect(ap.replica.barriers.waiting).toBe(0)
  })

  test('[GU21] out of time it names the region and how much of it is missing', () => {
    mute(links.euAp)
    mute(links.usAp)
    eu.put('1')
    const { merged } = eu.put('2')
    const { error } = ap.await<VersionVector>((done) => ap.replica.barriers.covered(merged, 200, done))
    expect(error).toMatchObject({ code: 'TIMEOUT' } satisfies Partial<StoreError>)
    expect(error!.message).toMatch(/lacks 2 writes of region eu \(last heard \d+ ms ago\)/)
  })

  test('[GU22] waits for what can be found, not for what is merged', () => {
    const found: (() => void)[] = []
    const late = new TestNode(time, 'sa', 4, { settings: SETTINGS, searchable: (done) => void found.push(done) })
    const finish = (): void => {
      for (const done of found.splice(0)) done()
    }
    eu.link(late)
    time.until(() => late.read('1') === undefined && late.vector['1'] === eu.vector['1'], 'caught up')
    finish()
    const { merged } = eu.put('1')
    time.until(() => late.read('1') !== undefined, 'merged')
    let isCovered = false
    late.replica.barriers.covered(merged, 60_000, () => {
      isCovered = true
    })
    time.run(5000)
    expect(late.replica.vectors.merged.dominates(merged)).toBe(true)
    expect(searchable(late).dominates(merged)).toBe(false)
    expect(isCovered).toBe(false)
    finish()
    expect(isCovered).toBe(true)
  })

  test('[GU23] the end of the store ends what waits', () => {
    let code: string | undefined
    eu.replica.barriers.covered(VersionVector.of([[2 as ReplicaId, 1e6]]), 60_000, (outcome) => {
      if (!outcome.ok) code = outcome.error.code
    })
    eu.replica.shutDown(() => {})
    expect(code).toBe('SHUTTING_DOWN')
  })
})

describe('frontier', () => {
  test('[GU30] sees what a quorum acknowledged before it began, though no heartbeat told of it', () => {
    // Only us can tell.
    links.euAp.cut()
    const { seq, merged } = eu.put('1')
    must(eu.await<Acknowledgement>((done) => eu.replica.barriers.acknowledged(dot(eu, seq), 'quorum', 900, done)))
    expect(ap.read('1')).toBeUndefined()
    const { value } = ap.await<VersionVector>((done) => ap.replica.barriers.frontier('quorum', 20_000, done))
    expect(value?.dominates(merged)).toBe(true)
    expect(ap.read('1')).toBeDefined()
  })

  test('[GU31] asks again when question or answer is lost', () => {
    dropping(links.euAp, 'ask', 2)
    dropping(links.usAp, 'answer', 2)
    expect(must(ap.await<VersionVector>((done) => ap.replica.barriers.frontier('all', 5000, done)))).toBeDefined()
  })

  test('[GU32] an answer to an earlier question does not count', () => {
    const kept: Uint8Array[] = []
    links.euAp.near.meddle = (frame, message) => {
      if (message?.type === 'answer') kept.push(frame)
      return [frame]
    }
    must(ap.await<VersionVector>((done) => ap.replica.barriers.frontier('all', 5000, done)))
    expect(kept).toHaveLength(1)
    // From now on eu says only what it said then.
    mute(links.euAp)
    mute(links.usAp)
    const { merged } = eu.put('new')
    links.euAp.near.handler!.frame(kept[0]!)
    const { value, error } = ap.await<VersionVector>((done) => {
      ap.replica.barriers.frontier('quorum', 500, done)
      links.euAp.near.handler!.frame(kept[0]!)
    })
    expect(value).toBeUndefined()
    expect(error?.message).toMatch(/no answer from region eu .*, region us/)
    expect(ap.replica.vectors.merged.dominates(merged)).toBe(false)
  })

  test('[GU33] a minority cannot answer at quorum; a majority can', () => {
    mute(links.euUs)
    mute(links.euAp)
    const cut = eu.await<VersionVector>((done) => eu.replica.barriers.frontier('quorum', 300, done))
    expect(cut.error?.code).toBe('TIMEOUT')
    expect(must(us.await<VersionVector>((done) => us.replica.barriers.frontier('quorum', 300, done)))).toBeDefined()
  })
})

describe('staleness', () => {
  test('[GU40] what was heard in time is enough; else it asks, and only who does not answer makes it late', () => {
    time.run(3000)
    let asked = 0
    for (const link of [links.euAp, links.usAp])
      for (const end of ends(link))
        end.meddle = (frame, message) => {
          if (message?.type === 'ask') asked++
          return [frame]
        }
    must(ap.await<VersionVector>((done) => ap.replica.barriers.fresherThan(2500, 300, done)))
    expect(asked).toBe(0)
    must(ap.await<VersionVector>((done) => ap.replica.barriers.fresherThan(0, 300, done)))
    expect(asked).toBe(2)
    mute(links.euAp)
    time.run(10)
    const { error } = ap.await<VersionVector>((done) => ap.replica.barriers.fresherThan(0, 300, done))
    expect(error?.message).toMatch(/no answer from region eu \(last heard/)
    time.run(5000)
    expect(ap.await<VersionVector>((done) => ap.replica.barriers.fresherThan(4000, 300, done)).error?.code).toBe(
      'TIMEOUT',
    )
  })

  test('[GU41] what a peer had by then must be found here too', () => {
    time.run(3000)
    for (const link of [links.euAp, links.usAp]) dropping(link, 'update')
    eu.put('1')
    // Its heartbeats go on telling of a write that does not arrive.
    time.run(5000)
    const { error } = ap.await<VersionVector>((done) => ap.replica.barriers.fresherThan(1500, 300, done))
    expect(error?.message).toMatch(/lacks 1 writes of region eu/)
  })
})

test('[GU50] a receipt tells by region where a write has got to', () => {
  mute(links.euAp)
  mute(links.usAp)
  const { merged } = eu.put('1')
  time.run(1500)
  expect(eu.replica.receipt(merged)).toMatchObject([
    { region: 'eu', logged: true, merged: true, searchable: true, heardMsAgo: 0 },
    { region: 'us', logged: true, merged: true, searchable: true },
    { region: 'ap', logged: false, merged: false, searchable: false },
  ])
})

test('[GU5] a token of one region is read by another', () => {
  const { merged } = eu.put('1')
  const token = eu.replica.token(merged)
  expect(ap.replica.parseToken(token).equals(merged)).toBe(true)
  const stranger = new TestNode(time, 'eu', 1)
  expect(() => stranger.replica.parseToken(token)).toThrow(/another cluster/)
})
