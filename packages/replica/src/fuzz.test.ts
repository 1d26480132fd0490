import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type LinkHandler, openFrame, type PeerLink } from '@meridian/core'
import { frameOf, mutations } from '@meridian/core/testing'
import { expect, test } from 'vitest'
import { decodeMessage, encodeMessage, type Message, type Sent } from './message.js'
import { converge, del, must, patch, put, TestNode } from './test-node.js'
import { TestTime } from './test-time.js'

const SLOW_MS = 50
const HEAP_BYTES_MAX = 50 * 1024 * 1024
const COUNT = process.env.MERIDIAN_TEST_FULL === '1' ? 1_000_000 : 100_000

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const heapBytes = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}

/** A live replica `us`, and frames that `eu` once sent it on two links: from the log, and as state. */
const recorded = () => {
  const time = new TestTime()
  const eu = new TestNode(time, 'eu', 1, { settings: { transferChunkBytes: 2000, maintenanceMs: 50 } })
  const us = new TestNode(time, 'us', 2)
  const frames: Uint8Array[] = []
  const kinds = new Map<Message['type'], number>()
  const keep = (message: Message): void => {
    if (message.type === 'stranger') return
    const seen = kinds.get(message.type) ?? 0
    kinds.set(message.type, seen + 1)
    if (seen < 6) frames.push(encodeMessage(message as Sent))
  }
  eu.create()
  const link = eu.link(us)
  converge(time, eu, us)
  for (let i = 0; i < 5; i++) eu.write([put(i, { text: 'some text', i }), patch(i, { more: [1, 2, 3] }), del(i + 1)])
  eu.create('other')
  must(eu.await<boolean>((done) => eu.replica.dropCollection('other', done)))
  converge(time, eu, us)
  for (const message of [...link.near.messages, ...link.far.messages]) keep(message)
  // As a newcomer would see it, from state.
  const late = new TestNode(time, 'ap', 3)
  const short = new TestNode(time, 'sa', 4, {
    settings: { logRetentionEntries: 1, maintenanceMs: 20, transferChunkBytes: 500 },
  })
  eu.link(short)
  converge(time, eu, short)
  time.run(500)
  const state = short.link(late)
  time.until(() => state.far.messages.some(({ type }) => type === 'got'), 'a state transfer')
  time.run(50)
  for (const message of [...state.near.messages, ...state.far.messages]) keep(message)
  link.cut()
  // Far from the seqs of what was recorded, so that no frame turns into a transaction that nobody has seen.
  for (let i = 0; i < 300; i++) eu.put(`later${i}`)
  const again = eu.link(us)
  converge(time, eu, us)
  again.cut()
  time.run(2000)
  expect([...kinds.keys()].sort()).toEqual(
    ['acked', 'catalog', 'chunk', 'end', 'got', 'heartbeat', 'hello', 'offer', 'pledge', 'update', 'want'].sort(),
  )
  return { time, us, frames }
}

test(
  `[RP84] ${COUNT.toLocaleString('en')} damaged frames under a right checksum end the link or are passed over: nothing is applied, nothing grows`,
  () => {
    const { time, us, frames } = recorded()
    const before = { vector: us.vector, digests: us.digests(), records: us.replica.collection('c').liveCount }
    const hello = frames[0]!
    let isOpen = false
    let handler: LinkHandler | undefined
    const port: PeerLink = {
      bufferedBytes: 0,
      send() {},
      close() {
        isOpen = false
      },
    }
    const heapBefore = heapBytes()
    let links = 0
    let fed = 0
    let slow = 0
    for (const body of mutations(
      frames.map((frame) => openFrame(frame).slice()),
      COUNT,
      84,
    )) {
      if (!isOpen) {
        isOpen = true
        links++
        handler = us.replica.attach(port, { dialed: false })
        handler.frame(hello)
      }
      const started = process.cpuUsage()
      handler!.frame(frameOf(body))
      if (++fed % 20 === 0) time.run(1)
      // Of this process, not of a busy machine.
      const { user, system } = process.cpuUsage(started)
      if ((user + system) / 1000 > SLOW_MS) slow++
    }
    time.run(5000)
    expect({
      vector: us.vector,
      digests: us.digests(),
      records: us.replica.collection('c').liveCount,
    }).toEqual(before)
    // Some were noticed as damage, some not; collecting garbage may make single calls slow.
    expect(links).toBeGreaterThan(COUNT / 100)
    expect(links).toBeLessThan(COUNT * 0.99)
    expect(slow).toBeLessThan(COUNT / 10_000)
    expect(heapBytes() - heapBefore).toBeLessThan(HEAP_BYTES_MAX)
    // What a peer says of our own history is believed: a lie about it fences. It serves on all the same.
    expect([undefined, 'IDENTITY_CONFLICT']).toContain(us.replica.readOnlyReason()?.code)
    expect(us.searched()).toHaveLength(before.records)
    us.restart()
    expect({ vector: us.vector, digests: us.digests() }).toMatchObject({
      vector: before.vector,
      digests: before.digests,
    })
  },
  COUNT * 2,
)

test('[RP85] every single flipped bit and every cut of an update, under a right checksum too, changes nothing', () => {
  const { time, us, frames } = recorded()
  const hello = frames[0]!
  const update = frames.find((frame) => {
    const message = decodeMessage(frame)
    return message.type === 'update' && message.parts[0]?.kind === 'shard' && frame.length < 400
  })!
  const body = openFrame(update).slice()
  const before = { vector: us.vector, digests: us.digests() }
  const flipped = Array.from({ length: body.length * 8 }, (_, bit) => {
    const bad = body.slice()
    bad[bit >> 3]! ^= 1 << (bit & 7)
    return bad
  })
  const bodies = [...flipped, ...Array.from({ length: body.length }, (_, length) => body.slice(0, length))]
  expect(bodies.length).toBeGreaterThan(9 * 100)
  for (let bit = 0; bit < update.length * 8; bit++) {
    const bad = update.slice()
    bad[bit >> 3]! ^= 1 << (bit & 7)
    expect(() => decodeMessage(bad)).toThrow(/checksum/)
  }
  for (let length = 0; length < update.length; length++) expect(() => decodeMessage(update.slice(0, length))).toThrow()
  for (const bad of bodies) {
    const port: PeerLink = { bufferedBytes: 0, send() {}, close() {} }
    const handler = us.replica.attach(port, { dialed: false })
    handler.frame(hello)
    handler.frame(frameOf(bad))
    handler.closed('the test goes on')
    time.run(1)
  }
  time.run(5000)
  expect({ vector: us.vector, digests: us.digests() }).toEqual(before)
})
