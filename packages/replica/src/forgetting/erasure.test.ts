import { HNSW_DEFAULT, parseRegionId, StoreError } from '@meridian/core'
import { expect, test, vi } from 'vitest'
import { HeldBlocks } from '../held-blocks.js'
import { POLICY_PATH } from '../conflicts/policy-setting.js'
import { converge, del, must, patch, put, TestNode } from '../test-node.js'
import { TestTime } from '../test-time.js'
import type { Erasure } from './erasure.js'
import type { TraceReport } from './trace-message.js'

const SETTINGS = { maintenanceMs: 100, heartbeatMs: 200 }

const nodes = (...regions: string[]) => {
  const time = new TestTime()
  return { time, all: regions.map((region, i) => new TestNode(time, region, i + 1, { settings: SETTINGS })) }
}

const erasureOf = (node: TestNode, id: number, timeoutMs = 1000): Erasure =>
  must(node.await<Erasure>((done) => node.replica.erasure('c', id, timeoutMs, done)))

const reportOf = (erasure: Erasure, region: string): TraceReport => {
  const found = erasure.regions.find((each) => each.region === region)
  if (found === undefined || 'unknown' in found) throw new Error(`no report of ${region}: ${JSON.stringify(found)}`)
  return found.report
}

/** The rows of a region's storage, with the text that records of these tests carry. */
const rowsWith = (node: TestNode, text: string): string[] =>
  [...node.storage.scan('')].filter(([, row]) => Buffer.from(row).includes(text)).map(([key]) => key)

test('[FG9] a live point is told to be live, everywhere, and is not erased', () => {
  const { time, all } = nodes('eu', 'us')
  const [eu, us] = all as [TestNode, TestNode]
  eu.link(us)
  eu.create()
  eu.put(1, { text: 'secret' })
  converge(time, eu, us)
  const erasure = erasureOf(us, 1)
  expect(erasure.isErased).toBe(false)
  for (const region of ['eu', 'us'])
    expect(reportOf(erasure, region)).toMatchObject({
      state: 'live',
      deletedAtMs: undefined,
      blocks: 'holds',
      log: 'holds',
      waitingFor: ['a delete: the point is live'],
    })
})

test('[FG9] of a point that nobody knows nothing is held, and it counts as erased', () => {
  const { time, all } = nodes('eu', 'us')
  const [eu, us] = all as [TestNode, TestNode]
  eu.link(us)
  eu.create()
  converge(time, eu, us)
  const erasure = erasureOf(eu, 1)
  expect([erasure.isErased, reportOf(erasure, 'eu').state, reportOf(erasure, 'us').state]).toEqual([
    true,
    'absent',
    'absent',
  ])
})

test('[FG10] what a report calls clear has no byte of the point on its disk, at every step of its forgetting', () => {
  const { time, all } = nodes('eu', 'us', 'ap')
  const [eu, us, ap] = all as [TestNode, TestNode, TestNode]
  const links = [eu.link(us), eu.link(ap), us.link(ap)]
  eu.create()
  eu.put(1, { text: 'secret' })
  eu.put(2, { text: 'public' })
  converge(time, ...all)
  us.write([patch(1, { more: 'secret too' })])
  converge(time, ...all)
  // ap does not hear of the delete: its disk, and those of the others, keep what the delete is of.
  for (const link of links.slice(1)) link.cut()
  us.write([del(1)])
  time.run(5000)
  const cut = erasureOf(us, 1)
  expect(cut.isErased).toBe(false)
  expect(reportOf(cut, 'us')).toMatchObject({ state: 'deleted', blocks: 'holds', log: 'holds' })
  expect(reportOf(cut, 'us').waitingFor).toEqual([
    'region ap (replica 3) to have the delete, and what it deleted, on its disk',
  ])
  expect(cut.regions.find(({ region }) => region === 'ap')).toMatchObject({ unknown: 'there is no link with it' })
  expect(rowsWith(us, 'secret').length).toBeGreaterThan(0)
  eu.link(ap)
  us.link(ap)
  let clear = 0
  time.until(() => {
    for (const node of all) {
      const erasure = erasureOf(node, 1)
      for (const trace of erasure.regions) {
        if ('unknown' in trace || trace.report.blocks !== 'clear') continue
        clear++
        expect(rowsWith(all.find(({ region }) => region === trace.region)!, 'secret')).toEqual([])
      }
      if (erasure.isErased) expect(all.flatMap((each) => rowsWith(each, 'secret'))).toEqual([])
    }
    return all.every((node) => erasureOf(node, 1).isErased)
  }, 'the point is erased')
  expect(clear).toBeGreaterThan(3)
  expect(all.flatMap((each) => rowsWith(each, 'public'))).not.toEqual([])
})

test('[FG10] a superseded value counts: overwritten before it was deleted, or deleted and put again', () => {
  const { all } = nodes('eu')
  const eu = all[0]!
  eu.create()
  // Others in its blocks keep them from being dropped.
  const others = (from: number) => Array.from({ length: 8 }, (_, i) => put(from + i))
  must(
    eu.await((done) => eu.replica.write({ collection: 'c', ops: [put(1, { text: 'secret' }), ...others(10)] }, done)),
  )
  must(eu.await((done) => eu.replica.write({ collection: 'c', ops: [put(1, { n: 2 }), ...others(20)] }, done)))
  eu.write([del(1)])
  eu.time.run(5000)
  const report = reportOf(erasureOf(eu, 1), 'eu')
  expect(rowsWith(eu, 'secret').length).toBeGreaterThan(0)
  expect(report).toMatchObject({ state: 'deleted', blocks: 'holds' })
  expect(report.waitingFor).toEqual([expect.stringContaining('region eu (replica 1) to clean its blocks')])
})

test('[FG11] a listed conflict holds both of its values, and is told', () => {
  const { time, all } = nodes('eu', 'us')
  const [eu, us] = all as [TestNode, TestNode]
  const link = eu.link(us)
  eu.create()
  converge(time, eu, us)
  link.cut()
  eu.put(1, { text: 'secret of eu' })
  us.put(1, { text: 'secret of us' })
  eu.link(us)
  converge(time, eu, us)
  time.run(1000)
  eu.write([del(1)])
  converge(time, eu, us)
  time.until(() => reportOf(erasureOf(eu, 1), 'us').blocks === 'clear', 'the blocks are clear')
  const erasure = erasureOf(eu, 1)
  expect(erasure.isErased).toBe(false)
  for (const region of ['eu', 'us']) expect(reportOf(erasure, region)).toMatchObject({ conflicts: 'holds' })
  expect(rowsWith(eu, 'secret').every((key) => key.startsWith('conflict/'))).toBe(true)
})

test('[FG12] a region that does not answer, or was never heard of, is unknown, and nothing counts as erased', () => {
  const time = new TestTime()
  const eu = new TestNode(time, 'eu', 1, { settings: SETTINGS, expects: [parseRegionId('ap')] })
  const us = new TestNode(time, 'us', 2, { settings: SETTINGS })
  const link = eu.link(us)
  eu.create()
  converge(time, eu, us)
  link.far.meddle = (frame, message) => (message?.type === 'traced' ? [] : [frame])
  const { isErased, regions } = erasureOf(eu, 1, 300)
  expect(isErased).toBe(false)
  expect(regions.filter((each) => 'unknown' in each)).toEqual([
    { region: 'ap', replica: undefined, unknown: 'it was never heard of, though it is configured' },
    { region: 'us', replica: 2, unknown: 'it did not answer in 300 ms' },
  ])
})

test('[FG12] copies outside of the engine are looked for by each region, and count', () => {
  const time = new TestTime()
  const eu = new TestNode(time, 'eu', 1, { settings: SETTINGS })
  const asked: unknown[] = []
  const us = new TestNode(time, 'us', 2, {
    settings: SETTINGS,
    copies: ({ name }, id, done) => {
      asked.push([name, id])
      const snapshots = [{ name: 'c-us.snapshot', createdAt: '2024-01-02T03:04:05' }]
      time.at(5, () => done({ graph: 'holds', files: 'unknown', snapshots, unread: 1 }))
    },
  })
  eu.link(us)
  eu.create()
  converge(time, eu, us)
  const erasure = erasureOf(eu, 1)
  expect([erasure.isErased, asked]).toEqual([false, [['c', 1]]])
  expect(reportOf(erasure, 'us')).toMatchObject({
    ...{ state: 'absent', blocks: 'clear', graph: 'holds', files: 'unknown', unread: 1 },
    snapshots: [{ name: 'c-us.snapshot', createdAt: '2024-01-02T03:04:05' }],
  })
  expect(reportOf(erasure, 'us').waitingFor).toHaveLength(4)
})

test('[FG13] what was found clear once is asked again: a region that hears of the point meanwhile is not overlooked', () => {
  const { time, all } = nodes('eu', 'us')
  const [eu, us] = all as [TestNode, TestNode]
  const link = eu.link(us)
  eu.create()
  converge(time, eu, us)
  let answers = 0
  link.far.meddle = (frame, message) => {
    if (message?.type === 'traced' && answers++ === 0) us.write([put(1, { text: 'secret' })])
    return [frame]
  }
  const erasure = erasureOf(eu, 1)
  expect([erasure.isErased, answers, reportOf(erasure, 'us').state]).toEqual([false, 2, 'live'])
})

test('[FG12] a dropped collection that is not gone everywhere is not told to be clear', () => {
  const { time, all } = nodes('eu', 'us')
  const [eu, us] = all as [TestNode, TestNode]
  const link = eu.link(us)
  const vectors = { '': { size: 4, metric: 'Dot' as const, hnsw: HNSW_DEFAULT } }
  eu.create('c', { vectors, shards: 1 })
  eu.put(1, { text: 'secret' })
  converge(time, eu, us)
  // us has dropped it, eu has not heard of that: its question goes through.
  link.far.meddle = (frame, message) => (message?.type === 'update' ? [] : [frame])
  must(us.await<boolean>((done) => us.replica.dropCollection('c', done)))
  const erasure = erasureOf(eu, 1)
  expect(reportOf(erasure, 'us')).toMatchObject({ blocks: 'unknown', log: 'unknown' })
})

/** A region that looks for copies for so long, and one that asks it. */
const slow = (searchMs: number) => {
  const time = new TestTime()
  const eu = new TestNode(time, 'eu', 1, { settings: SETTINGS })
  const us = new TestNode(time, 'us', 2, {
    settings: SETTINGS,
    copies: (_, __, done) =>
      time.at(searchMs, () => done({ graph: 'clear', files: 'clear', snapshots: [], unread: 0 })),
  })
  const link = eu.link(us)
  eu.create()
  eu.put(1, { text: 'secret' })
  converge(time, eu, us)
  return { time, eu, us, link }
}

/** What both regions are answered when both ask. */
const asked = ({ time, eu, us }: ReturnType<typeof slow>, meanwhile: () => void): Erasure[] => {
  const answers: Erasure[] = []
  for (const node of [eu, us])
    node.replica.erasure('c', 1, 20_000, (outcome) =>
      answers.push(must({ value: undefined, error: undefined, ...outcome })),
    )
  time.run(50)
  meanwhile()
  time.until(() => answers.length === 2, 'both answers')
  return answers
}

test('[FG14] a collection that is dropped and purged while copies are searched is unknown, and does not end the process', () => {
  const all = slow(5000)
  const { time, eu, us } = all
  const answers = asked(all, () => {
    must(eu.await<boolean>((done) => eu.replica.dropCollection('c', done)))
    time.until(() => [...us.storage.keys('block/')].length === 0, 'us has purged it')
  })
  for (const answer of answers) {
    expect(answer.isErased).toBe(false)
    expect(reportOf(answer, 'us')).toMatchObject({
      state: 'absent',
      log: 'unknown',
      blocks: 'unknown',
      graph: 'unknown',
    })
  }
})

test('[FG14] a collection that is folded anew while copies are searched is not reported as it was', () => {
  const all = slow(1000)
  const { time, eu, us } = all
  eu.write([del(1)])
  converge(time, eu, us)
  const [answer] = asked(all, () => {
    const before = us.replica.collection('c')
    const value = { kind: 'content-model', models: { m: 1 } }
    must(eu.await((done) => eu.replica.changeSettings('c', () => [{ path: POLICY_PATH, value }], done)))
    converge(time, eu, us)
    expect(us.replica.collection('c')).not.toBe(before)
  })
  expect(reportOf(answer!, 'us')).toMatchObject({ blocks: 'unknown', log: 'unknown', files: 'unknown' })
  expect(reportOf(answer!, 'us').waitingFor).toEqual([expect.stringContaining('loaded anew')])
})

test('[FG14] a region that is stopped, or whose search fails, meanwhile answers once and reads nothing more', () => {
  const stopping = slow(1000)
  let reads = 0
  const stopped = asked(stopping, () => {
    stopping.us.crash()
    stopping.us.storage.unreadable = () => {
      reads++
      return new StoreError('STORAGE_FAILED', 'the storage is closed')
    }
  })
  expect([stopped.map(({ isErased }) => isErased), reads]).toEqual([[false, false], 0])
  const time = new TestTime()
  const eu = new TestNode(time, 'eu', 1, {
    settings: SETTINGS,
    copies: () => {
      throw new RangeError('no such thing')
    },
  })
  eu.create()
  for (let i = 0; i < 100; i++) expect(erasureOf(eu, 1).isErased).toBe(false)
  expect(reportOf(erasureOf(eu, 1), 'eu').waitingFor).toEqual([expect.stringContaining('the search to succeed')])
  expect(eu.warnings.at(-1)).toContain('no such thing')
})

test('[FG10] while a removed block is held, an id that the view does not know is not called clear', () => {
  const { all } = nodes('eu')
  const eu = all[0]!
  eu.create()
  expect(erasureOf(eu, 1).isErased).toBe(true)
  const isHolding = vi.spyOn(HeldBlocks.prototype, 'isHolding').mockReturnValue(true)
  try {
    const erasure = erasureOf(eu, 1)
    expect([erasure.isErased, reportOf(erasure, 'eu').blocks]).toEqual([false, 'unknown'])
    expect(reportOf(erasure, 'eu').waitingFor).toEqual(['the time of a write that is stamped in the future'])
  } finally {
    isHolding.mockRestore()
  }
})
