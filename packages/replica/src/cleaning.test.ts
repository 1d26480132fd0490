import { expect, test } from 'vitest'
import { restMs } from './cleaning-pace.js'
import { converge, put, TestNode } from './test-node.js'
import { TestTime } from './test-time.js'

test('[RP93] cleaning rests by how much is left to do and how long it takes', () => {
  expect(restMs(0.5, 100)).toBeUndefined()
  expect(restMs(0.74, 100)).toBeUndefined()
  expect([restMs(0.75, 10), restMs(1.25, 10), restMs(9, 10)]).toEqual([200, 10, 10])
  expect([restMs(9, 0), restMs(0.8, 500)]).toEqual([5, 1000])
  const rests = [0.75, 0.8, 0.9, 1, 1.1, 1.2, 1.3].map((debt) => restMs(debt, 20)!)
  expect(rests).toEqual([...rests].sort((a, b) => b - a))
})

test('[RP93] under writes that never end the log stays within its bound, and requests are answered in between', () => {
  const time = new TestTime()
  const eu = new TestNode(time, 'eu', 1, { commitMs: 5 })
  eu.create()
  const text = 'x'.repeat(500)
  const count = 4000
  let longestMs = 0
  let most = 0
  for (let round = 0; round < 8; round++) {
    for (let n = 0; n < count; n += 50) {
      const startedAt = time.nowMs
      eu.write(Array.from({ length: 50 }, (_, i) => put(((n + i) * 1237 + round) % count, { text, round })))
      longestMs = Math.max(longestMs, time.nowMs - startedAt)
      time.run(15)
    }
    const { blockBytes } = eu.replica.status().storage
    if (round === 0) most = blockBytes * 2.5
    expect(blockBytes).toBeLessThan(most)
  }
  expect(eu.replica.collection('c').liveCount).toBe(count)
  expect(longestMs).toBeLessThanOrEqual(25)
})

test('[RP93] a store that is closed begins no more cleaning: nothing is written after the mark of a clean stop', async () => {
  const time = new TestTime()
  // The mark takes longer to write than cleaning rests.
  const eu = new TestNode(time, 'eu', 1, { commitMs: 500, settings: { maintenanceMs: 100_000 } })
  eu.create()
  const text = 'x'.repeat(2000)
  for (let round = 0; round < 6; round++) eu.write(Array.from({ length: 1000 }, (_, n) => put(n, { text, round })))
  time.until(() => eu.replica.status().counters.blocksCleaned > 0, 'cleaning', 200_000)
  time.run(800)
  const { commits } = eu.storage
  const closed = eu.replica.close()
  time.run(10_000)
  await closed
  expect(eu.storage.commits).toBe(commits + 1)
})

test('[RP126] while a peer is sent what it missed nothing is moved that can wait', () => {
  const time = new TestTime()
  const [eu, us] = [new TestNode(time, 'eu', 1), new TestNode(time, 'us', 2)]
  const link = eu.link(us)
  eu.create()
  converge(time, eu, us)
  // Single writes, each a block of its own: so many of a shard are merged.
  for (let n = 0; n < 400; n++) eu.put(n)
  converge(time, eu, us)
  const cleaned = (): number => eu.replica.status().counters.blocksCleaned
  const before = cleaned()
  link.near.meddle = (frame, message) => (message?.type === 'update' ? [] : [frame])
  const text = 'x'.repeat(20_000)
  for (let n = 0; n < 60; n++) eu.put(1000 + n, { text })
  const held = cleaned()
  time.run(4000)
  expect(link.isOpen).toBe(true)
  expect(cleaned()).toBe(held)
  link.near.meddle = (frame) => [frame]
  converge(time, eu, us)
  time.until(() => cleaned() >= before + 128, 'cleaning', 20_000)
})
