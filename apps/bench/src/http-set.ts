import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HNSW_DEFAULT, type SpaceRef } from '@meridian/core'
import { HnswIndex } from '@meridian/index'
import { HttpLine, postBytes } from './http-line.js'
import { percentiles } from './http-load.js'
import { RegionChild } from './region-child.js'
import { ThreadClock, type ThreadTimes } from './thread-times.js'
import { median } from './sweep.js'
import { K, recallOf, type TruthSet } from './truth-set.js'

export interface HttpSetFigures {
  readonly set: string
  readonly rows: number
  readonly dims: number
  /** The least of `EFS` with which the index alone reaches the recall. */
  readonly ef: number
  readonly indexRecall: number
  readonly httpRecall: number
  /** Medians of the rounds. */
  readonly indexPerSecond: number
  readonly httpPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** HTTP over the index, of the same round. */
  readonly ofIndex: number
  readonly p99OverP50: number
  /** Milliseconds of processors a search: of the region's threads, and of the loader. */
  readonly regionMs: ThreadTimes
  readonly loaderMs: number
}

export interface HttpSetPlan {
  readonly recall: number
  readonly connections: number
  readonly seconds: number
  /** Before each measurement: code that was not compiled yet is no part of what a region that serves for hours does. */
  readonly warmUpSeconds: number
  readonly rounds: number
}

export const HTTP_SET_PLAN: HttpSetPlan = { recall: 0.99, connections: 8, seconds: 3, warmUpSeconds: 2, rounds: 5 }

const EFS = [10, 14, 20, 28, 40, 56, 64, 80, 112, 160, 224, 320, 448, 640, 900, 1280]
const COLLECTION = '/collections/bench'
const SPACE: SpaceRef = { collection: 'bench', vector: '' }
const BATCH = 100

/**
 * Searches of a real set over HTTP beside the same of an index in this process with its one worker, in turn, with as many under
 * way and the same `ef`.
 * @throws Error if the index does not reach the recall
 */
export const httpSet = async (set: TruthSet, plan: HttpSetPlan): Promise<HttpSetFigures> => {
  const directory = await mkdtemp(join(tmpdir(), 'meridian-bench-'))
  const index = new HnswIndex({ directory: join(directory, 'index') })
  try {
    await using region = await RegionChild.open('eu', 'graph', { data: join(directory, 'eu') })
    await fill(region.port, set)
    await build(index, set)
    const queries = Array.from({ length: set.queryCount }, (_, i) => rowOf(set.queries, set.dims, i))
    const { ef, recall } = await leastEf(index, set, queries, plan.recall)
    const bodies = queries.map((query) => JSON.stringify({ query: [...query], limit: K, params: { hnsw_ef: ef } }))
    const found: number[] = []
    for (const body of bodies) {
      const points = (await call(region.port, 'POST', '/points/query', body)) as { points: readonly { id: number }[] }
      for (let i = 0; i < K; i++) found.push(points.points[i]?.id ?? -1)
    }
    const rounds: (Asked & { readonly own: number })[] = []
    for (let round = 0; round < plan.rounds; round++) {
      const own = await searches(index, queries, ef, plan)
      rounds.push({ own, ...(await asked(region, bodies, plan)) })
    }
    const middle = (of: (round: (typeof rounds)[number]) => number): number => median(rounds.map(of))
    return {
      set: set.name,
      rows: set.count,
      dims: set.dims,
      ef,
      indexRecall: recall,
      httpRecall: recallOf(set, found),
      indexPerSecond: middle(({ own }) => own),
      httpPerSecond: middle(({ perSecond }) => perSecond),
      p50Ms: middle(({ p50Ms }) => p50Ms),
      p99Ms: middle(({ p99Ms }) => p99Ms),
      ofIndex: middle(({ own, perSecond }) => perSecond / own),
      p99OverP50: middle(({ p50Ms, p99Ms }) => p99Ms / p50Ms),
      regionMs: {
        main: middle(({ regionMs }) => regionMs.main),
        worker: middle(({ regionMs }) => regionMs.worker),
        rest: middle(({ regionMs }) => regionMs.rest),
      },
      loaderMs: middle(({ loaderMs }) => loaderMs),
    }
  } finally {
    await index.close()
    await rm(directory, { recursive: true, force: true })
  }
}

const rowOf = (rows: Float32Array, dims: number, at: number): Float32Array => rows.subarray(at * dims, (at + 1) * dims)

const call = async (port: number, method: string, path: string, body?: string): Promise<unknown> => {
  const ask = (): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${COLLECTION}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body }),
    })
  let response = await ask()
  // The graph is too far behind to take more.
  for (; response.status === 429; response = await ask()) await pause()
  if (!response.ok) throw new Error(`${method} ${COLLECTION}${path}: ${response.status} ${await response.text()}`)
  return ((await response.json()) as { result: unknown }).result
}

/** Between two looks at what a real process tells of itself to nobody who does not ask. */
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 200))

/** Loads all of it, and waits until the graph has it. */
const fill = async (port: number, { metric, dims, count, vectors }: TruthSet): Promise<void> => {
  await call(port, 'PUT', '', JSON.stringify({ vectors: { size: dims, distance: metric } }))
  for (let from = 0; from < count; from += BATCH) {
    const points = Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => ({
      id: from + i,
      vector: [...rowOf(vectors, dims, from + i)],
    }))
    await call(port, 'PUT', '/points?wait=true', JSON.stringify({ points }))
  }
  for (;;) {
    const { indexed_vectors_count: indexed } = (await call(port, 'GET', '')) as { indexed_vectors_count: number }
    if (indexed >= count) return
    await pause()
  }
}

const build = async (index: HnswIndex, { metric, dims, count, vectors }: TruthSet): Promise<void> => {
  const rows = Array.from({ length: count }, (_, ordinal) => ({
    ordinal,
    id: String(ordinal),
    version: '1',
    read: () => rowOf(vectors, dims, ordinal),
  }))
  index.openSpace(SPACE, { size: dims, metric, hnsw: HNSW_DEFAULT }, rows)
  while ((index.stats(SPACE)?.pending ?? 1) > 0 || index.stats(SPACE)?.state === 'loading') await pause()
}

const leastEf = async (
  index: HnswIndex,
  set: TruthSet,
  queries: readonly Float32Array[],
  least: number,
): Promise<{ ef: number; recall: number }> => {
  for (const ef of EFS) {
    const found: number[] = []
    for (const vector of queries) {
      const hits = await index.search(SPACE, { vector, limit: K, ef })
      for (let i = 0; i < K; i++) found.push(hits[i]?.ordinal ?? -1)
    }
    const recall = recallOf(set, found)
    if (recall >= least) return { ef, recall }
  }
  throw new Error(`${set.name}: the index does not reach a recall of ${least} with ef ${EFS.at(-1)}`)
}

interface Asked {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Milliseconds of processors a search. */
  readonly regionMs: ThreadTimes
  readonly loaderMs: number
}

/** Searches over HTTP, one after the other on each connection. Node's own client would take as much of a processor as the region. */
const asked = async (
  { port, process: { pid } }: RegionChild,
  bodies: readonly string[],
  { connections, seconds, warmUpSeconds }: HttpSetPlan,
): Promise<Asked> => {
  const requests = bodies.map((body) => postBytes(`${COLLECTION}/points/query`, body))
  const lines = await Promise.all(Array.from({ length: connections }, () => HttpLine.open(port)))
  let next = 0
  const run = async (line: HttpLine, until: number, times: number[]): Promise<void> => {
    for (let now = performance.now(); now < until; ) {
      const { status } = await line.ask(requests[next++ % requests.length]!)
      if (status !== 200) throw new Error(`search: ${status}`)
      const after = performance.now()
      times.push(after - now)
      now = after
    }
  }
  const all = (until: number, times: number[]): Promise<unknown> =>
    Promise.all(lines.map((line) => run(line, until, times)))
  try {
    await all(performance.now() + warmUpSeconds * 1000, [])
    const times: number[] = []
    const threads = new ThreadClock(pid!)
    const loader = process.cpuUsage()
    const start = performance.now()
    await all(start + seconds * 1000, times)
    const took = performance.now() - start
    const { main, worker, rest } = threads.read()
    const { user, system } = process.cpuUsage(loader)
    const each = (ms: number): number => Number((ms / times.length).toFixed(3))
    return {
      perSecond: (times.length * 1000) / took,
      ...percentiles(times),
      regionMs: { main: each(main), worker: each(worker), rest: each(rest) },
      loaderMs: each((user + system) / 1000),
    }
  } finally {
    for (const line of lines) line[Symbol.dispose]()
  }
}

/** Searches a second of the index alone. */
const searches = async (
  index: HnswIndex,
  queries: readonly Float32Array[],
  ef: number,
  { connections, seconds }: HttpSetPlan,
): Promise<number> => {
  let done = 0
  const start = performance.now()
  const until = start + seconds * 1000
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < until)
        await index.search(SPACE, { vector: queries[done++ % queries.length]!, limit: K, ef })
    }),
  )
  return (done * 1000) / (performance.now() - start)
}
