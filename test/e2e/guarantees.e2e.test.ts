import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Cluster, noFaults, type RegionProcess } from './kit/index.js'

const WRITES = process.env.MERIDIAN_TEST_FULL === '1' ? 1000 : 100
const LANES = 10
const DELAY_MS = 200

const faults = noFaults()
const linkTest = test.skipIf(faults)

let cluster: Cluster

beforeAll(async () => {
  if (faults !== undefined) return
  cluster = await Cluster.open({ faults: true })
  await cluster.region('eu').client.createCollection('c', { vectors: { size: 2, distance: 'Euclid' } })
  await cluster.agreed('c')
  for (const [a, b] of [
    ['eu', 'us'],
    ['eu', 'ap'],
    ['us', 'ap'],
  ] as const)
    cluster.links!.setBetween(a, b, { latencyMs: DELAY_MS })
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: looked into freely.
  readonly result: any
}

const send = async (
  region: RegionProcess,
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> => {
  const response = await fetch(region.url + path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  const { result } = (await response.json()) as { result: unknown }
  return { status: response.status, headers: response.headers, result }
}

/** All numbers below `count`, some at a time. */
const each = async (count: number, run: (id: number) => Promise<void>): Promise<void> => {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) await run(next++)
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}

const write = (region: RegionProcess, id: number, headers: Record<string, string> = {}): Promise<Answer> =>
  send(region, 'PUT', '/collections/c/points?timeout=30', { points: [{ id, vector: [id, 1] }] }, headers)
const nearest = async (region: RegionProcess, id: number, headers: Record<string, string> = {}): Promise<boolean> => {
  const body = { query: [id, 1], limit: 1 }
  const found = await send(region, 'POST', '/collections/c/points/query?timeout=30', body, headers)
  return found.result?.points[0]?.id === id
}

linkTest(
  `[GU70] a search in ap finds each write of eu with its token, over links of ${DELAY_MS} ms; without it, it misses`,
  async () => {
    const [eu, ap] = [cluster.region('eu'), cluster.region('ap')]
    let missed = 0
    let found = 0
    await each(WRITES, async (id) => {
      const { headers } = await write(eu, id)
      if (!(await nearest(ap, id))) missed++
      if (await nearest(ap, id, { 'meridian-token': headers.get('meridian-token')! })) found++
    })
    console.log(`with token ${found} of ${WRITES} found; without it ${missed} of ${WRITES} missed`)
    expect(found).toBe(WRITES)
    // Or the links are not slow, and the token was not needed.
    expect(missed).toBeGreaterThan(WRITES * 0.9)
  },
  240_000,
)

linkTest(
  '[GU71] what was acknowledged at quorum outlives kill -9 of its region and the loss of its disk',
  async () => {
    const [eu, us, ap] = [cluster.region('eu'), cluster.region('us'), cluster.region('ap')]
    const first = 1_000_000
    const acknowledged: number[] = []
    await each(WRITES, async (id) => {
      const reply = await write(eu, first + id, { 'meridian-write-concern': 'quorum' })
      if (reply.headers.get('meridian-write-status') === 'completed') acknowledged.push(first + id)
    })
    await eu.kill()
    await rm(eu.options.dataDir, { recursive: true, force: true })
    expect(acknowledged).toHaveLength(WRITES)
    for (const region of [us, ap]) {
      const headers = { 'meridian-consistency': 'quorum' }
      const read = await send(region, 'POST', '/collections/c/points?timeout=30', { ids: acknowledged }, headers)
      expect(read.status).toBe(200)
      expect(read.result).toHaveLength(WRITES)
      expect(await nearest(region, acknowledged.at(-1)!, headers)).toBe(true)
    }
    // All three are out of reach, and it says so.
    const all = await send(us, 'POST', '/collections/c/points/count?timeout=1', {}, { 'meridian-consistency': 'all' })
    expect(all.status).toBe(408)
  },
  240_000,
)
