import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Feed } from './feed.js'
import { IndexHost } from './index-host.js'
import { clustered, paramsOf } from './testing/data.js'
import type { Changes, IndexReply, IndexRequest } from './worker-protocol.js'

const VECTORS = clustered(6000, 8, 1)
let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'meridian-index-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

/** A host without a thread; each look at its clock takes a millisecond. */
const hosted = (isShared = false) => {
  const replies: IndexReply[] = []
  let heard: (reply: IndexReply) => void = () => {}
  let ms = 0
  const host = new IndexHost(
    directory,
    (reply) => {
      replies.push(reply)
      heard(reply)
    },
    () => ++ms,
    isShared,
  )
  const next = (type: IndexReply['type']): Promise<IndexReply> =>
    new Promise((resolve) => {
      heard = (reply) => {
        if (reply.type === type) resolve(reply)
      }
    })
  const advance = (byMs: number): void => {
    ms += byMs
  }
  return { host, replies, next, advance }
}

const all: Changes = {
  ordinals: Uint32Array.from(VECTORS.keys()),
  ids: VECTORS.map((_, i) => `id-${i}`),
  versions: VECTORS.map(() => 'v1'),
  vectors: Float32Array.from(VECTORS.flatMap((vector) => [...vector])),
}

test('[IX25] a slice of building ends on time, and a search between two slices is answered in full', () => {
  const { host, replies } = hosted()
  const ref = { collection: 'c', vector: '' }
  const bringsWork = host.serve([
    { type: 'open', space: 1, ref, params: paramsOf(8, 'Euclid'), fresh: false },
    { type: 'settle', space: 1 },
    { type: 'change', space: 1, changes: all },
  ])
  expect(bringsWork).toBe(true)
  for (let slice = 1; slice <= 20; slice++) {
    expect(host.work(10)).toBe(0)
    const inGraph = 6000 - replies.findLast((reply) => reply.type === 'stats')!.stats.pending
    expect(inGraph).toBeGreaterThanOrEqual(slice)
    expect(inGraph).toBeLessThanOrEqual(slice * 10)
    const ask = { type: 'search', id: slice, space: 1, query: { vector: VECTORS[slice * 200]!, limit: 1 } } as const
    expect(host.serve([ask])).toBe(false)
    const hits = replies.findLast((reply) => reply.type === 'hits')!
    expect([hits.id, ...hits.ordinals]).toEqual([slice, slice * 200])
  }
})

test('[IX26] a graph that has changed much is snapshotted without being asked', async () => {
  const { host, next } = hosted()
  const ref = { collection: 'c', vector: '' }
  host.serve([
    { type: 'open', space: 1, ref, params: paramsOf(8, 'Euclid'), fresh: false },
    { type: 'change', space: 1, changes: all },
    { type: 'settle', space: 1 },
  ])
  while (host.work(1000) === 0) expect(readdirSync(directory)).toEqual([])
  const closed = next('closed')
  host.serve([{ type: 'close' }])
  await closed
  expect(readdirSync(directory)).toHaveLength(2)

  const again = hosted()
  const { ordinals, ids, versions } = all
  again.host.serve([
    { type: 'open', space: 9, ref, params: paramsOf(8, 'Euclid'), fresh: false },
    { type: 'offer', space: 9, offer: { ordinals, ids: ids as string[], versions } },
    { type: 'settle', space: 9 },
  ])
  expect(again.replies.find((reply) => reply.type === 'wanted')!.wanted).toHaveLength(0)
  expect(again.replies.findLast((reply) => reply.type === 'stats')!.stats).toMatchObject({ live: 6000, pending: 0 })
})

test('[IX30] whose vectors graph and files hold is asked of the worker, and a graph built anew holds them no more', async () => {
  const { host, next } = hosted()
  const ref = { collection: 'c', vector: '' }
  const traces = async (record: string) => {
    const answer = next('traces')
    host.serve([{ type: 'traces', id: 1, space: 1, record }])
    const reply = await answer
    return reply.type === 'traces' ? reply.traces : undefined
  }
  const removed = (count: number): Changes => ({
    ordinals: Uint32Array.from({ length: count }, (_, i) => i),
    ids: Array.from({ length: count }, () => undefined),
    versions: Array.from({ length: count }, () => ''),
    vectors: new Float32Array(0),
  })
  const flushed = async () => {
    const done = next('done')
    host.serve([{ type: 'flush', id: 2 }])
    await done
  }
  host.serve([
    { type: 'open', space: 1, ref, params: paramsOf(8, 'Euclid'), fresh: false },
    { type: 'change', space: 1, changes: all },
  ])
  expect(await traces('id-3')).toEqual({ graph: 'unknown', files: 'unknown' })
  host.serve([{ type: 'settle', space: 1 }])
  while (host.work(1000) === 0) {}
  await flushed()
  host.serve([{ type: 'change', space: 1, changes: removed(10) }])
  expect(await traces('id-3')).toEqual({ graph: 'holds', files: 'holds' })
  expect(await traces('id-none')).toEqual({ graph: 'clear', files: 'clear' })
  host.serve([
    { type: 'change', space: 1, changes: removed(3000) },
    { type: 'rebuild', space: 1, pace: 1 },
  ])
  while (host.work(1000) === 0) {}
  expect((await traces('id-3'))?.graph).toBe('clear')
  await flushed()
  expect(await traces('id-3')).toEqual({ graph: 'clear', files: 'clear' })
})

const opening = (space: number, collection: string, changes = all): IndexRequest[] => [
  { type: 'open', space, ref: { collection, vector: '' }, params: paramsOf(8, 'Euclid'), fresh: false },
  { type: 'settle', space },
  { type: 'change', space, changes },
]

test('[IX50] slices are shorter while searches keep coming', () => {
  const { host, replies } = hosted()
  host.serve(opening(1, 'c'))
  const pending = (): number => replies.findLast((reply) => reply.type === 'stats')!.stats.pending
  // Each look at the clock takes as long as an insertion may.
  host.work()
  const idle = 6000 - pending()
  host.serve([{ type: 'search', id: 1, space: 1, query: { vector: VECTORS[0]!, limit: 1 } }])
  host.work()
  expect(6000 - pending() - idle).toBeLessThan(idle)
})

test('[IX50] a slice takes as long as the searches since the last one, 2 ms at most', () => {
  const { host, replies } = hosted()
  host.serve(opening(1, 'c'))
  host.work(500)
  const pending = (): number => replies.findLast((reply) => reply.type === 'stats')!.stats.pending
  /** Vectors that one slice brings in after so many searches; each takes a look at the clock, as an insertion does. */
  const after = (searches: number): number => {
    const before = pending()
    for (let i = 0; i < searches; i++)
      host.serve([{ type: 'search', id: i, space: 1, query: { vector: VECTORS[0]!, limit: 1 } }])
    host.work()
    return before - pending()
  }
  expect([1, 2, 3, 20].map(after)).toEqual([1, 2, 2, 2])
  // What was taken once does not count again.
  expect(after(1)).toBe(1)
})

test('[IX51] spaces of one worker take turns', () => {
  const { host, replies } = hosted()
  host.serve([...opening(1, 'a'), ...opening(2, 'b'), ...opening(3, 'c')])
  for (let slice = 0; slice < 30; slice++) host.work(10)
  const built = [1, 2, 3].map((space) => {
    const last = replies.findLast((reply) => reply.type === 'stats' && reply.space === space)
    return 6000 - (last?.type === 'stats' ? last.stats.pending : 6000)
  })
  expect(Math.min(...built)).toBeGreaterThanOrEqual(10)
  expect(Math.max(...built) - Math.min(...built)).toBeLessThanOrEqual(1)
})

test('[IX52] while searches keep coming, a snapshot is put off', async () => {
  const { host, advance, next } = hosted()
  const saved = async (): Promise<string[]> => {
    // Answered once nothing is being written.
    const answered = next('traces')
    host.serve([{ type: 'traces', id: 1, space: 1, record: '' }])
    await answered
    return readdirSync(directory)
  }
  host.serve(opening(1, 'c'))
  const search = () => host.serve([{ type: 'search', id: 1, space: 1, query: { vector: VECTORS[0]!, limit: 1 } }])
  do search()
  while (host.work(500) === 0)
  search()
  expect(host.work()).toBeUndefined()
  expect(await saved()).toEqual([])
  advance(1100)
  while (host.work() === 0);
  expect(await saved()).toHaveLength(2)
})

test('[IX62] a rebuild takes the share of the time that it is told', () => {
  const { host, replies, advance } = hosted()
  host.serve(opening(1, 'c'))
  while (host.work(500) === 0);
  const graph = () => replies.findLast((reply) => reply.type === 'stats')!.stats.graph
  const workedMs = (): number => replies.reduce((sum, reply) => sum + (reply.type === 'worked' ? reply.ms : 0), 0)
  host.serve([{ type: 'rebuild', space: 1, pace: 1 }])
  for (let i = 0; i < 20; i++) expect(host.work(50)).toBe(0)
  expect(graph()!.progress).toBeGreaterThan(0.05)
  host.serve([{ type: 'rebuild', space: 1, pace: 0 }])
  // The last rows that it looked at are brought in as fresh ones are.
  while (host.work(50) === 0);
  const stoppedAt = workedMs()
  for (let i = 0; i < 20; i++) expect(host.work(50)).toBeUndefined()
  expect(workedMs()).toBe(stoppedAt)
  host.serve([{ type: 'rebuild', space: 1, pace: 0.1 }])
  let restedMs = 0
  for (let i = 0; i < 40; i++) {
    const restMs = host.work(50)!
    advance(restMs)
    restedMs += restMs
  }
  const slowMs = workedMs() - stoppedAt
  expect(slowMs).toBeGreaterThan(500)
  expect(restedMs / slowMs).toBeGreaterThan(7)
  expect(restedMs / slowMs).toBeLessThan(11)
  host.serve([{ type: 'rebuild', space: 1, pace: 1 }])
  while (host.work(50) === 0);
  expect(replies.findLast((reply) => reply.type === 'stats')!.stats).toMatchObject({ state: 'ready', dead: 0 })
})

test('[IX62] a rebuild and fresh vectors have their slices in turn', () => {
  const { host, replies } = hosted()
  host.serve(opening(1, 'c'))
  while (host.work(500) === 0);
  host.serve([{ type: 'rebuild', space: 1, pace: 1 }, ...opening(2, 'd')])
  for (let i = 0; i < 40; i++) host.work(50)
  const statsOf = (space: number) => {
    const reply = replies.findLast((each) => each.type === 'stats' && each.space === space)
    return reply?.type === 'stats' ? reply.stats : undefined
  }
  expect(statsOf(2)!.pending).toBeLessThan(5700)
  expect(statsOf(1)!.graph!.progress).toBeGreaterThan(0.05)
})

test('[IX17] a space opened anew while it is rebuilt gives the rebuild up, and is rebuilt when it is told again', () => {
  const { host, replies } = hosted()
  const statsOf = (space: number) => {
    const reply = replies.findLast((each) => each.type === 'stats' && each.space === space)
    return reply?.type === 'stats' ? reply.stats : undefined
  }
  const gone: Changes = {
    ordinals: Uint32Array.from({ length: 2500 }, (_, i) => i),
    ids: Array.from({ length: 2500 }, () => undefined),
    versions: Array.from({ length: 2500 }, () => ''),
    vectors: new Float32Array(0),
  }
  host.serve(opening(1, 'c'))
  while (host.work(500) === 0);
  host.serve([
    { type: 'change', space: 1, changes: gone },
    { type: 'rebuild', space: 1, pace: 1 },
  ])
  for (let i = 0; i < 5; i++) host.work(50)
  expect(statsOf(1)).toMatchObject({ state: 'rebuilding' })
  const { ordinals, ids, versions } = all
  host.serve([
    { type: 'open', space: 2, ref: { collection: 'c', vector: '' }, params: paramsOf(8, 'Euclid'), fresh: false },
    {
      type: 'offer',
      space: 2,
      offer: { ordinals: ordinals.slice(2500), ids: ids.slice(2500) as string[], versions: versions.slice(2500) },
    },
    { type: 'settle', space: 2 },
  ])
  while (host.work(500) === 0);
  expect(statsOf(2)).toMatchObject({ state: 'ready', live: 3500, graph: { wanted: 'dead' } })
  host.serve([{ type: 'rebuild', space: 2, pace: 1 }])
  while (host.work(500) === 0);
  expect(statsOf(2)).toMatchObject({ state: 'ready', live: 3500, dead: 0 })
  host.serve([{ type: 'search', id: 1, space: 2, query: { vector: VECTORS[3000]!, limit: 1 } }])
  expect(replies.findLast((reply) => reply.type === 'hits')!.ordinals).toEqual(Uint32Array.of(3000))
  host.serve([{ type: 'drop', space: 2, ref: { collection: 'c', vector: '' } }])
  expect(host.work()).toBeUndefined()
})

test('[IX56] where processors are shared, building rests while vectors keep coming, and is done when they have come', () => {
  const part = (from: number, count: number): Changes => ({
    ordinals: all.ordinals.slice(from, from + count),
    ids: all.ids.slice(from, from + count),
    versions: all.versions.slice(from, from + count),
    vectors: all.vectors.slice(from * 8, (from + count) * 8),
  })
  const shareOf = (isShared: boolean) => {
    const { host, replies, advance } = hosted(isShared)
    host.serve([
      { type: 'open', space: 1, ref: { collection: 'c', vector: '' }, params: paramsOf(8, 'Euclid'), fresh: true },
      { type: 'settle', space: 1 },
      { type: 'change', space: 1, changes: part(0, 2000) },
    ])
    let slices = 0
    let restedMs = 0
    for (let from = 2000; from < 4000; from += 10) {
      host.serve([{ type: 'change', space: 1, changes: part(from, 10) }])
      const restMs = host.work(10)!
      if (restMs === 0) slices++
      advance(restMs)
      restedMs += restMs
    }
    host.serve([{ type: 'search', id: 1, space: 1, query: { vector: VECTORS[3999]!, limit: 1 } }])
    expect(replies.findLast((reply) => reply.type === 'hits')!.ordinals).toEqual(Uint32Array.of(3999))
    const { pending } = replies.findLast((reply) => reply.type === 'stats')!.stats
    expect(pending).toBeGreaterThan(0)
    advance(50)
    let left = 0
    while (host.work(10) === 0) left++
    expect(replies.findLast((reply) => reply.type === 'stats')!.stats).toMatchObject({ live: 4000, pending: 0 })
    expect(left).toBeGreaterThan(0)
    return restedMs / (restedMs + slices * 10)
  }
  expect(shareOf(false)).toBe(0)
  expect(shareOf(true)).toBeGreaterThan(0.6)
  expect(shareOf(true)).toBeLessThan(0.8)
})

test('[IX56] the more vectors are in no graph, the shorter building rests', () => {
  /** Before the turn after one of 2 ms. */
  const restOf = (numbers: number, isSearched = false): number => {
    const feed = new Feed(true)
    feed.came(1000)
    feed.built(1002, 2, numbers, isSearched)
    return feed.restMs(1002)
  }
  expect(restOf(1000)).toBe(6)
  expect(restOf(4_000_000)).toBe(2)
  expect(restOf(8_000_000)).toBe(0)
  expect(restOf(80_000_000)).toBe(0)
  expect(restOf(1000, true)).toBe(6)
  expect(restOf(250_000, true)).toBe(2)
  expect(restOf(500_000, true)).toBe(0)
  const feed = new Feed(true)
  feed.came(1000)
  feed.built(1002, 2, 1000)
  expect(feed.restMs(1004)).toBe(4)
  feed.came(1010)
  feed.built(1050, 40, 1000)
  expect(feed.restMs(1059)).toBe(109)
  expect(feed.restMs(1060)).toBe(0)
  // Searches may keep it from its turn: that is made up for. A pause of what comes is not.
  feed.came(2000)
  feed.built(2012, 2, 1000)
  expect(feed.restMs(2012)).toBe(0)
  expect(new Feed(false).restMs(1000)).toBe(0)
})
