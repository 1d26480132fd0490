import type { Filter } from '@meridian/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  Cluster,
  contestedAt,
  createCollection,
  type DataSet,
  distanceFrom,
  type JobFigures,
  load,
  loadData,
  type MainJob,
  noData,
  recallAt,
  type Truth,
  truthDistances,
} from './kit/index.js'

/** The whole of fashion-mnist instead of 10,000 rows. */
const isFull = process.env.MERIDIAN_TEST_FULL === '1'
const TIMEOUT_MS = isFull ? 3_600_000 : 480_000
const RECALL_MIN = { all: 0.985, filtered: 0.99 }

let cluster: Cluster | undefined
beforeAll(async () => {
  if (noData('fashion-mnist-784', 'movies-lsa-256') === undefined) cluster = await Cluster.open()
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

const rowOf = (set: DataSet, row: number): Float32Array => set.vectors.subarray(row * set.dims, (row + 1) * set.dims)
const queryOf = (set: DataSet, n: number): Float32Array => set.queries.subarray(n * set.dims, (n + 1) * set.dims)

const runJob = async (job: MainJob): Promise<void> => {
  const seconds = stopwatch()
  await createCollection(cluster!, job)
  seconds()
  const newest = await load(cluster!, job)
  const loadSeconds = seconds()

  const view = await cluster!.agreed(job.collection)
  const agreeSeconds = seconds()
  expect(view.count).toBe(job.ids.length + newest.size)

  const held = await Promise.all(cluster!.regions.map((region) => contestedAt(region, job)))
  const writers = cluster!.regions.map((region) => region.name)
  const winners = new Map<number, number>()
  for (const { id, payload, vector } of held[0]!.records) {
    const winner = newest.get(Number(id))!
    const writer = writers.indexOf(winner.region)
    winners.set(Number(id), writer)
    expect(payload).toEqual({ by: winner.region, n: Number(id) - 1_000_000 })
    for (const other of writers.keys()) {
      const far = distanceFrom(job, Number(id), other, vector as number[])
      if (other === writer) expect(far).toBeLessThan(1e-5)
      else expect(far).toBeGreaterThan(1e-4)
    }
  }
  expect(winners.size).toBe(newest.size)
  expect(new Set(winners.values()).size).toBeGreaterThan(1)
  for (const each of held) {
    expect(each.records).toEqual(held[0]!.records)
    expect([...each.winners]).toEqual([...newest].sort(([a], [b]) => a - b))
  }

  seconds()
  await cluster!.indexed(job.collection, TIMEOUT_MS)
  const indexSeconds = seconds()
  const recall: Record<string, Record<string, number>> = {}
  for (const region of cluster!.regions) recall[region.name] = await recallAt(region, job, winners)
  const figures: JobFigures = {
    rows: view.count,
    loadSeconds,
    agreeSeconds,
    indexSeconds,
    searchSeconds: seconds(),
    bytesSent: await bytesSent(),
    winners: Object.fromEntries(writers.map((name, w) => [name, [...winners.values()].filter((v) => v === w).length])),
    recall,
  }
  console.log(`${job.collection}: ${JSON.stringify(figures)}`)
  for (const region of Object.values(recall))
    for (const [question, value] of Object.entries(region))
      expect(value, question).toBeGreaterThanOrEqual(question === 'all' ? RECALL_MIN.all : RECALL_MIN.filtered)
  for (const { client } of cluster!.regions.slice(0, 1)) await client.deleteCollection(job.collection)
}

/** Seconds since the last call. */
const stopwatch = (): (() => number) => {
  let last = performance.now()
  return () => {
    const now = performance.now()
    const seconds = Math.round((now - last) / 10) / 100
    last = now
    return seconds
  }
}

/** Bytes of frames that each region has sent to the others since its start. */
const bytesSent = async (): Promise<Record<string, number>> => {
  const statuses = (await cluster!.status()) as unknown as { region: string; counters: { bytesOut: number } }[]
  return Object.fromEntries(statuses.map(({ region, counters }) => [region, counters.bytesOut]))
}

const noFashion = noData('fashion-mnist-784')
test.skipIf(noFashion)(
  `[E3] fashion-mnist-784 through three regions at once: one count, one digest, the newest of each contested id, recall in every region${noFashion ? ` (${noFashion})` : ''}`,
  { timeout: TIMEOUT_MS },
  async () => {
    const set = await loadData('fashion-mnist-784', { metric: 'l2', ...(isFull ? {} : { limit: 10_000 }) })
    await runJob({
      collection: 'fashion',
      metric: 'Euclid',
      dims: set.dims,
      ids: Array.from({ length: set.count }, (_, row) => row),
      row: (id) => rowOf(set, id),
      payload: (id) => ({ label: set.payloads![id]!.label as number }),
      query: (n) => queryOf(set, n),
      questions: [{ name: 'all', queries: 1000, truth: (n) => truthDistances(set.groundTruth!, n, 10) }],
    })
  },
)

const noMovies = noData('movies-lsa-256')
test.skipIf(noMovies)(
  `[E4] movies-lsa-256 with payloads: the same, and its six filters against the filtered truth${noMovies ? ` (${noMovies})` : ''}`,
  { timeout: TIMEOUT_MS },
  async () => {
    const set = await loadData('movies-lsa-256')
    await runJob({
      collection: 'movies',
      metric: 'Cosine',
      dims: set.dims,
      ids: Array.from({ length: set.count }, (_, row) => row),
      row: (id) => rowOf(set, id),
      payload: (id) => set.payloads![id] as never,
      query: (n) => queryOf(set, n),
      questions: [
        { name: 'all', queries: 500, truth: (n) => truthDistances(set.groundTruth!, n, 10) },
        ...set.filtered.map((truth) => ({
          name: JSON.stringify(truth.filter),
          filter: filterOf(truth),
          queries: truth.queries,
          truth: (n: number) => truthDistances(truth, n, 10),
        })),
      ],
    })
  },
)

/** `{ field: value | { gte, lt } }` as a filter of the store. */
const filterOf = (truth: Truth): Filter => ({
  must: Object.entries(truth.filter!).map(([key, wanted]) =>
    typeof wanted === 'object' ? { key, range: wanted as never } : { key, match: { value: wanted as string } },
  ),
})
