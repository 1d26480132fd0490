import { readFileSync } from 'node:fs'
import type { RebuildStatus, SpaceRef, SpaceStats } from '@meridian/core'
import { ExactIndex } from '@meridian/index'
import type { DegradationCode, Replica } from '@meridian/replica'
import { expect, test } from 'vitest'
import { type Kit, openKit } from '../testing/region-kit.js'
import { isLow } from './disk-room.js'
import { EventLoopWatch } from './event-loop.js'
import { Health } from './health.js'

const shared = (path: string): string => readFileSync(new URL(`../../../../docs/${path}`, import.meta.url), 'utf8')

interface Shown {
  readonly code: string
  readonly peer: string | null
  readonly message: string
}

/** Asks until it is listed. */
const listed = async (kit: Kit, code: string): Promise<Shown> => {
  for (;;) {
    const { degradations } = await kit.ok('GET', '/health')
    const found = degradations.find((each: Shown) => each.code === code)
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** All there are: the compiler holds the list to the type. */
const CODES: readonly string[] = Object.keys({
  BLOCKS_DAMAGED: 0,
  CLOCK_OFF: 0,
  DISK_FAILED: 0,
  DISK_FULL: 0,
  DISK_LOW: 0,
  DISK_STALLED: 0,
  DIVERGED: 0,
  EVENT_LOOP_BLOCKED: 0,
  FENCED: 0,
  FRAMES_REFUSED: 0,
  FUTURE_STAMPS: 0,
  INDEX_BEHIND: 0,
  INDEX_LOADING: 0,
  INDEX_REBUILDING: 0,
  INDEX_WORKER_DIED: 0,
  INDEX_WORN: 0,
  JOINING: 0,
  LEAVING: 0,
  MEMORY_FULL: 0,
  PEER_BEHIND: 0,
  PEER_CLOCK_OFF: 0,
  PEER_DEAF: 0,
  PEER_REFUSED: 0,
  PEER_SILENT: 0,
  PURGE_BLOCKED: 0,
  TRANSFER: 0,
} satisfies Record<DegradationCode, 0>)

test('[HE30] a sound region is ok', async () => {
  await using kit = await openKit()
  const health = { region: 'eu', status: 'ok', unready: null, degradations: [] }
  expect(await kit.ok('GET', '/health')).toEqual(health)
  expect(await kit.ok('GET', '/meridian/health')).toEqual(health)
})

test('[HE31] a peer that cannot be dialed: with the reason, in the metrics and in the log', async () => {
  await using kit = await openKit({ flags: { peer: ['us=http://127.0.0.1:1'] } })
  const { message, peer } = await listed(kit, 'PEER_SILENT')
  expect(peer).toBe('us')
  expect(message).toMatch(/^region us has never been heard of; dialing http:\/\/127\.0\.0\.1:1 fails: .*ECONNREFUSED/)
  expect(await kit.ok('GET', '/health')).toMatchObject({ status: 'degraded', unready: null })
  expect((await kit.send('GET', '/metrics')).text).toContain('degraded{code="PEER_SILENT",peer="us"} 1')
  expect((await kit.ok('GET', '/meridian/cluster')).degradations).toMatchObject([{ code: 'PEER_SILENT', peer: 'us' }])
  expect(kit.logged).toContainEqual(
    expect.objectContaining({
      level: 'warn',
      degradation: 'PEER_SILENT',
      peer: 'us',
      msg: expect.stringMatching(/^degraded: region us/),
    }),
  )
})

test('[HE31] N14: a wrong cluster key', async () => {
  await using us = await openKit({ flags: { region: 'us', 'cluster-key': 'right' } })
  await using eu = await openKit({ flags: { peer: [`us=${us.url}`], 'cluster-key': 'wrong' } })
  expect((await listed(eu, 'PEER_SILENT')).message).toContain('wrong or missing cluster key')
  expect(us.logged).toContainEqual(
    expect.objectContaining({ level: 'warn', reason: expect.stringContaining('cluster key') }),
  )
})

test('[HE32] P8: a worker that died is told for a minute, and counted once for all its spaces', () => {
  let nowMs = 0
  const lines: string[] = []
  const line = (_: unknown, message: string): void => void lines.push(message)
  using health = new Health({
    replica: { degradations: () => [], collections: () => [] } as unknown as Replica,
    index: new ExactIndex(),
    links: { status: () => [] },
    timers: { elapsedMs: () => nowMs, after: () => ({ [Symbol.dispose]() {} }) },
    log: { info: line, warn: line, error: line },
    room: async () => undefined,
  })
  for (let death = 0; death < 2; death++) {
    nowMs += 5000
    health.indexWorkerDied()
    health.indexWorkerDied()
  }
  nowMs += 59_000
  health.look()
  const [shown] = health.degradations()
  expect(shown?.message).toBe('the index worker died 2 times since the start and was started again')
  expect([health.indexWorkerDeaths, lines]).toEqual([2, [`degraded: ${shown?.message}`]])
  nowMs += 1000
  health.look()
  expect(health.degradations()).toEqual([])
})

test('[HE32] an index that loads or is being rebuilt', async () => {
  class Busy extends ExactIndex {
    state: SpaceStats['state'] = 'loading'
    override stats(space: SpaceRef): SpaceStats | undefined {
      const stats = super.stats(space)
      return stats && { ...stats, state: this.state }
    }
  }
  const index = new Busy()
  await using kit = await openKit({ index })
  await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  expect((await listed(kit, 'INDEX_LOADING')).message).toContain('collection c is being loaded')
  expect(await kit.ok('GET', '/health')).toMatchObject({
    status: 'unready',
    unready: 'loading the index of collection c',
  })
  index.state = 'rebuilding'
  expect((await listed(kit, 'INDEX_REBUILDING')).message).toContain('collection c is being rebuilt')
})

test('[HE37] what is done about worn graphs, and one that cannot be rebuilt for want of memory', async () => {
  class Worn extends ExactIndex {
    told: RebuildStatus = { breaker: 'half-open', pace: 0.1, trips: 3, recentTrips: 1, completed: 2 }
    rebuilds(): RebuildStatus {
      return this.told
    }
  }
  const index = new Worn()
  await using kit = await openKit({ index })
  await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  await kit.ok('PUT', '/collections/c/points', { points: [{ id: 1, vector: [1, 2] }] })
  const { collections, rebuilds } = await kit.ok('GET', '/meridian/cluster')
  expect(rebuilds).toEqual({ breaker: 'half-open', pace: 0.1, trips: 3, recentTrips: 1, completed: 2 })
  expect(collections).toMatchObject([{ name: 'c', indexBytes: expect.any(Number), indexDead: 0 }])
  expect(collections[0].indexBytes).toBeGreaterThan(8)
  const { text } = await kit.send('GET', '/metrics')
  for (const line of ['index_rebuild_breaker 1', 'index_rebuild_trips_total 3', 'index_rebuilds_total 2'])
    expect(text).toContain(line)
  expect(text).toMatch(/^index_bytes\{collection="c"\} [1-9]/m)
  const space = { collection: collections[0].uid, vector: '' }
  index.told = { ...index.told, breaker: 'closed', shortOfMemory: space }
  expect((await listed(kit, 'INDEX_WORN')).message).toContain('collection c should be rebuilt')
  const shown = (await kit.ok('GET', '/meridian/cluster')).rebuilds
  expect(shown.shortOfMemory).toEqual({ collection: 'c', vector: '' })
})

test('[HE33] P9: a standstill of the process', async () => {
  await using kit = await openKit()
  // The histogram begins with the second tick of its timer, whenever that is: it stands still until it is seen.
  const isSeen = { yet: false }
  const stand = (): void => {
    if (isSeen.yet) return
    const until = performance.now() + 1300
    while (performance.now() < until);
    setTimeout(stand, 500)
  }
  setTimeout(stand, 100)
  const { message } = await listed(kit, 'EVENT_LOOP_BLOCKED')
  isSeen.yet = true
  expect(message).toMatch(/stood still for [1-9]\d*\.\d s/)
  expect((await kit.send('GET', '/metrics')).text).toMatch(/^event_loop_blocked_seconds [1-9]\d*\.\d+$/m)
})

test('[HE33] the worst of fifteen looks counts, and no longer', () => {
  const histogram = { max: 0, count: 1, reset() {}, enable: () => true, disable: () => true }
  const watch = new EventLoopWatch(histogram as never)
  histogram.max = 2.02e9
  watch.look()
  histogram.max = 20e6
  for (let look = 1; look < 15; look++) {
    watch.look()
    expect(watch.blockedMs).toBe(2000)
  }
  watch.look()
  expect(watch.blockedMs).toBe(0)
})

test('[HE33] a look that comes late itself counts, though the histogram has not ticked since', () => {
  const histogram = { max: 0, count: 0, reset() {}, enable: () => true, disable: () => true }
  const watch = new EventLoopWatch(histogram as never)
  watch.look(3000)
  expect(watch.blockedMs).toBe(3000)
})

test('[HE34] little room is less than 5 GiB and less than a twentieth', () => {
  const gib = 1024 ** 3
  expect(isLow({ freeBytes: 6 * gib, totalBytes: 1000 * gib })).toBe(false)
  expect(isLow({ freeBytes: 4 * gib, totalBytes: 10 * gib })).toBe(false)
  expect(isLow({ freeBytes: 4 * gib, totalBytes: 100 * gib })).toBe(true)
})

/** Names of the process's own metrics are `prom-client`'s. */
const served = async (): Promise<Set<string>> => {
  await using kit = await openKit()
  const { text } = await kit.send('GET', '/metrics')
  const names = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name!)
  return new Set(names.filter((name) => !/^(process|nodejs)_/.test(name)))
}

test('[HE35] every metric is in the table of docs/operations.md, and nothing else is', async () => {
  const page = shared('operations.md').split('## Metrics')[1]!.split('\n## ')[0]!
  const rows = [...page.matchAll(/^\| `([a-z_]+)/gm)].map(([, name]) => name!)
  expect(rows.length).toBeGreaterThan(25)
  expect(rows.sort()).toEqual([...(await served())].sort())
})

test('[HE36] the example alerts name metrics and degradations that exist', async () => {
  const names = await served()
  const rules = shared('alerts.yml')
  const expressions = [...rules.matchAll(/^ +expr: (.*)$/gm)].map(([, expr]) => expr!)
  expect(expressions.length).toBe([...rules.matchAll(/- alert: /g)].length)
  const words = new Set(['and', 'on', 'by', 'sum', 'rate', 'abs', 'increase', 'instance', 'peer', 'status'])
  for (const expression of expressions) {
    const bare = expression.replace(/\{[^}]*\}/g, '').replace(/\[\d+m\]/g, '')
    const used = [...bare.matchAll(/[a-z][a-z_]+/g)].map(([name]) => name).filter((name) => !words.has(name))
    expect(used.length).toBeGreaterThan(0)
    for (const name of used) expect([...names]).toContain(name)
  }
  const table = shared('operations.md').split('\n## Health')[1]!.split('| fault |')[0]!
  const cells = [...table.matchAll(/^\| (`[A-Z_`, ]+) \|/gm)].map(([, cell]) => cell!)
  const codes = cells.flatMap((cell) => [...cell.matchAll(/[A-Z_]+/g)].map(([code]) => code))
  expect(codes.sort()).toEqual([...CODES].sort())
  for (const [, list] of rules.matchAll(/code[=!]~"([A-Z_|]+)"/g))
    for (const code of list!.split('|')) expect(codes).toContain(code)
})
