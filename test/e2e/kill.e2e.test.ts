import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Cluster, LedgerWriter, MAIN, RecordWatch, type RegionProcess, until, vectorOf } from './kit/index.js'

const ROUNDS = process.env.MERIDIAN_TEST_FULL === '1' ? 10 : 3
const DIMS = 64
const KEPT = Array.from({ length: 40 }, (_, id) => id)

let cluster: Cluster
let eu: RegionProcess
let us: RegionProcess

beforeAll(async () => {
  cluster = await Cluster.open({ flags: { 'log-level': 'info' } })
  ;[eu, us] = cluster.regions as [RegionProcess, RegionProcess]
})
afterAll(() => cluster[Symbol.asyncDispose]())

/** A collection with records that must never be missed, and three writers at once to each region named. */
const open = async (collection: string, regions: readonly RegionProcess[]) => {
  await eu.client.createCollection(collection, { vectors: { size: DIMS, distance: 'Euclid' } })
  await eu.client.upsert(
    collection,
    KEPT.map((id) => ({ id, vector: vectorOf(id, DIMS), payload: { id } })),
  )
  await cluster.agreed(collection)
  const writers = regions.flatMap(({ client }, n) =>
    [0, 1, 2].map(
      (m) => new LedgerWriter(client, { collection, dims: DIMS, batch: 50, firstId: (3 * n + m + 1) * 1_000_000 }),
    ),
  )
  const query = Array.from(vectorOf(1, DIMS))
  const watches = cluster.regions.map(({ name, client }) =>
    RecordWatch.start(name, client, { collection, kept: KEPT, doomed: [], query, mayBeAway: name === us.name }),
  )
  return { writers, watches }
}

const differences = async (writers: readonly LedgerWriter[], region: RegionProcess): Promise<string[]> =>
  (await Promise.all(writers.map((writer) => writer.differences(region.client)))).flat()

const sum = (writers: readonly LedgerWriter[]): number =>
  writers.reduce((all, { acknowledged }) => all + acknowledged, 0)

test('[E26] kill -9 under load, again and again: what was acknowledged is there, and the others catch it up', async () => {
  const { writers, watches } = await open('killed', [us, eu])
  for (let round = 0; round < ROUNDS; round++) {
    const before = sum(writers.slice(0, 3))
    for (const writer of writers) writer.start()
    await until('us has acknowledged a lot', () => sum(writers.slice(0, 3)) > before + 1000)
    await us.kill()
    await Promise.all(writers.map((writer) => writer.stop()))
    expect(sum(writers.slice(0, 3))).toBeGreaterThan(before + 1000)
    await us.start()
    // Its own writes nobody else can bring back to it: what is there now, it has kept.
    expect(await differences(writers.slice(0, 3), us)).toEqual([])
    await cluster.linked()
    await cluster.agreed('killed')
    for (const region of cluster.regions) expect(await differences(writers, region)).toEqual([])
  }
  for (const watch of watches) expect(await watch.stop()).toEqual([])
}, 180_000)

test('[E27] kill -9 of the region that an import runs into: the import goes on by itself, and every row is everywhere', async () => {
  const rows = 6000
  const file = join(cluster.dir, 'rows.ndjson')
  const line = (id: number): string =>
    JSON.stringify({ id, vector: Array.from(vectorOf(id, DIMS)), payload: { row: id, even: id % 2 === 0 } })
  await writeFile(file, `${Array.from({ length: rows }, (_, id) => line(id)).join('\n')}\n`)
  const args = ['import', file, '-c', 'imported', '--create', '--batch', '50', '--url', us.url]
  const importing = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(importing, 'close') as Promise<[number | null]>
  const said = heard(importing)
  try {
    for (const share of [0.2, 0.5, 0.8]) {
      await until(
        `${share} of the rows are in`,
        async () => (await us.client.count('imported')) >= share * rows,
        {},
        said,
      )
      expect(importing.exitCode).toBeNull()
      await us.kill()
      await us.start()
    }
    expect([(await ended)[0], said()]).toEqual([0, expect.stringContaining(`${rows} points imported`)])
  } finally {
    importing.kill('SIGKILL')
  }
  await cluster.linked()
  expect(await cluster.agreed('imported')).toMatchObject({ count: rows })
  for (const { client } of cluster.regions) {
    const ids = Array.from({ length: rows }, (_, id) => id)
    const found = await client.retrieve('imported', ids, { with_payload: true })
    expect(found.filter(({ id, payload }) => payload?.row !== id)).toEqual([])
    expect(found.length).toBe(rows)
  }
}, 180_000)

const heard = (child: ChildProcess): (() => string) => {
  let text = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
  return () => text
}

test('[E28] kill -9 at any point of a start does no harm', async () => {
  const { writers, watches } = await open('boots', [us])
  for (const writer of writers) writer.start()
  await until('us has acknowledged some', () => sum(writers) > 1000)
  await us.kill()
  await Promise.all(writers.map((writer) => writer.stop()))
  const isListening = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(us.options.port, '127.0.0.1')
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
  const holder = join(us.options.dataDir, 'LOCK.takeover')
  const moments: Record<string, () => boolean | Promise<boolean>> = {
    'it has a process': () => us.pid !== undefined,
    'it takes over the lock of the dead, or has': () => existsSync(holder) || isListening(),
    'it listens': isListening,
    'it has told peers': async () =>
      (await eu.client.cluster()).peers.some((peer) => peer.region === us.name && peer.state === 'linked'),
    'it is ready': async () => (await us.client.ready()).isReady,
  }
  for (const [moment, hasCome] of Object.entries(moments)) {
    us.spawn()
    await until(moment, hasCome, { everyMs: 1 })
    await us.kill()
  }
  await us.start()
  expect(await differences(writers, us)).toEqual([])
  await cluster.linked()
  await cluster.agreed('boots')
  for (const region of cluster.regions) expect(await differences(writers, region)).toEqual([])
  for (const watch of watches) expect(await watch.stop()).toEqual([])
}, 120_000)

test('[E29] SIGTERM under load: exit 0 within 10 s, nothing acknowledged is lost, and it starts again', async () => {
  const { writers, watches } = await open('stopped', [us])
  for (const writer of writers) writer.start()
  await until('us has acknowledged some', () => sum(writers) > 1000)
  const from = performance.now()
  expect(await us.stop()).toBe(0)
  expect(performance.now() - from).toBeLessThan(10_000)
  await Promise.all(writers.map((writer) => writer.stop()))
  // Requests under way were answered; what came later was refused in words, or found nobody.
  for (const { failures } of writers)
    for (const failure of failures) expect([failure.status, failure.code]).toSatisfy(isAway)
  await us.start()
  expect(await differences(writers, us)).toEqual([])
  await cluster.linked()
  await cluster.agreed('stopped')
  for (const region of cluster.regions) expect(await differences(writers, region)).toEqual([])
  for (const watch of watches) expect(await watch.stop()).toEqual([])
}, 120_000)

const isAway = ([status, code]: [number, string | undefined]): boolean => status === 503 || code === 'CONNECTION_LOST'

test('[E30] a second SIGTERM ends at once what a request holds up', async () => {
  const body = 1000
  const request = connect(us.options.port, '127.0.0.1')
  request.on('error', () => undefined)
  // Half a request: a graceful stop waits for the rest of it.
  request.write(
    `PUT /collections/stopped/points HTTP/1.1\r\nhost: us\r\ncontent-type: application/json\r\ncontent-length: ${body}\r\n\r\n{`,
  )
  await once(request, 'connect')
  await until('the region has it', async () => (await us.client.ready()).isReady)
  const from = performance.now()
  let signals = 0
  await until(
    'it has ended',
    () => {
      if (!us.isRunning) return true
      signals++
      void us.signal('SIGTERM')
      return false
    },
    { everyMs: 400 },
  )
  expect(await us.signal('SIGTERM')).toBe(1)
  expect(signals).toBe(2)
  expect(performance.now() - from).toBeLessThan(3_000)
  request.destroy()
  await us.start()
  await cluster.linked()
  await cluster.agreed('stopped')
}, 60_000)
