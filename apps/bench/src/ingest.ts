import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HNSW_DEFAULT } from '@meridian/core'
import { HnswIndex } from '@meridian/index'
import { atLeast, atMost, type Floor, type Goal } from './goal.js'
import { Pulse } from './pulse.js'
import { type Quantiles, quantiles } from './quantiles.js'
import { RegionChild } from './region-child.js'
import { ThreadClock, type ThreadTimes } from './thread-times.js'
import type { VectorSet } from './vector-set.js'

export interface IngestPlan {
  readonly batch: number
  readonly connections: number
  /** Between two searches that run all the time. */
  readonly searchEveryMs: number
  readonly idleSeconds: number
  /** The region's `--index-pending-bytes-slow`; its default unless given. */
  readonly pendingSlowBytes?: number
}

export const INGEST_PLAN: IngestPlan = { batch: 100, connections: 4, searchEveryMs: 20, idleSeconds: 10 }

export interface IngestFigures {
  /** Vectors a second that one worker puts into a graph when it does nothing else. */
  readonly graphPerSecond: number
  /** Milliseconds of a processor that it takes for a batch. */
  readonly graphMs: number
  /** Milliseconds of processors that the region's threads take for a batch while it is loaded, searches and graph included. */
  readonly regionMs: ThreadTimes
  /** The same of the loader, which searches too. */
  readonly loaderMs: number
  readonly acknowledgedPerSecond: number
  /** From the last acknowledgement until the graph has everything. */
  readonly graphSecondsAfter: number
  /** Writes that were told to come again. */
  readonly refused: number
  /** From an acknowledgement until the answer of a search for the point has it. */
  readonly searchable: Quantiles
  readonly searchDuring: Quantiles
  /** After the last acknowledgement, while the graph is completed. */
  readonly searchAfter: Quantiles
  readonly searchIdle: Quantiles
  /** Own memory of the region's process at its most, over the bytes of the vectors. */
  readonly memoryPeakOfVectors: number
}

const COLLECTION = '/collections/ingest'
/** One write in so many is searched for. */
const SAMPLE = 5

/** Loads all vectors into a region over HTTP, durably, with searches at a steady pace beside it. */
export const ingest = async (set: VectorSet, plan: IngestPlan): Promise<IngestFigures> => {
  const directory = await mkdtemp(join(tmpdir(), 'meridian-bench-'))
  try {
    const alone = process.cpuUsage()
    const graphPerSecond = await graphRate(set, join(directory, 'alone'))
    const graphCpu = process.cpuUsage(alone)
    await using region = await RegionChild.open('eu', 'graph', {
      data: join(directory, 'eu'),
      ...(plan.pendingSlowBytes !== undefined && { 'index-pending-bytes-slow': String(plan.pendingSlowBytes) }),
    })
    const peak = new PeakMemory(region.process.pid!)
    const agent = new Agent({ keepAlive: true, maxSockets: plan.connections + 1 })
    const call = (method: string, path: string, body?: string): Promise<Answer> =>
      ask(region.port, agent, method, COLLECTION + path, body)
    await call('PUT', '', JSON.stringify({ vectors: { size: set.dims, distance: NAMES[set.metric] } }))
    // Bodies are made before the clock runs: on few cores the maker would be measured too.
    const bodies: string[] = []
    for (let from = 0; from < set.vectors.length; from += plan.batch)
      bodies.push(bodyOf(set, from, Math.min(set.vectors.length, from + plan.batch)))
    const questions = set.queries.map((vector) => JSON.stringify({ query: [...vector], limit: 10 }))
    const pulse = new Pulse(region.port, plan.searchEveryMs, (i) => ({
      method: 'POST',
      path: `${COLLECTION}/points/query`,
      body: questions[i % questions.length]!,
    }))
    let next = 0
    let refused = 0
    const searchable: number[] = []
    const threads = new ThreadClock(region.process.pid!)
    const loader = process.cpuUsage()
    const startedMs = performance.now()
    const write = async (): Promise<void> => {
      for (let at = next++; at < bodies.length; at = next++) {
        for (;;) {
          const { status, retryAfterMs } = await call('PUT', '/points?wait=true', bodies[at]!)
          if (status === 200) break
          if (status !== 429) throw new Error(`write: ${status}`)
          refused++
          await pause(retryAfterMs)
        }
        if (at % SAMPLE === 0)
          searchable.push(await found(call, set, Math.min(set.vectors.length, (at + 1) * plan.batch) - 1))
      }
    }
    await Promise.all(Array.from({ length: plan.connections }, write))
    const endedMs = performance.now()
    const { main, worker, rest } = threads.read()
    const loaderCpu = process.cpuUsage(loader)
    const ofBatch = (ms: number): number => Number((ms / bodies.length).toFixed(2))
    for (;;) {
      const { text } = await call('GET', '')
      if (JSON.parse(text).result.indexed_vectors_count >= set.vectors.length) break
      await pause(100)
    }
    const builtMs = performance.now()
    await pause(1000)
    const idleMs = performance.now()
    await pause(plan.idleSeconds * 1000)
    const memoryPeak = peak.stop()
    await pulse.stop()
    agent.destroy()
    return {
      graphPerSecond: Math.round(graphPerSecond),
      graphMs: ofBatch((graphCpu.user + graphCpu.system) / 1000),
      regionMs: { main: ofBatch(main), worker: ofBatch(worker), rest: ofBatch(rest) },
      loaderMs: ofBatch((loaderCpu.user + loaderCpu.system) / 1000),
      acknowledgedPerSecond: Math.round((set.vectors.length * 1000) / (endedMs - startedMs)),
      graphSecondsAfter: Number(((builtMs - endedMs) / 1000).toFixed(1)),
      refused,
      searchable: quantiles(searchable),
      searchDuring: quantiles(pulse.times(startedMs, endedMs)),
      searchAfter: quantiles([...pulse.times(endedMs, builtMs), 0]),
      searchIdle: quantiles(pulse.times(idleMs, Number.POSITIVE_INFINITY)),
      memoryPeakOfVectors: Number((memoryPeak / (set.vectors.length * set.dims * 4)).toFixed(2)),
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

export const ingestGoals = (figures: IngestFigures): (Goal | Floor)[] => [
  atLeast('acknowledged over graph insertions', 10, figures.acknowledgedPerSecond / figures.graphPerSecond),
  atMost('search p99 during it over idle', 3, figures.searchDuring.p99Ms / figures.searchIdle.p99Ms),
  atMost('ms from acknowledged to found, p99', 50, figures.searchable.p99Ms),
]

const NAMES = { Cosine: 'Cosine', Dot: 'Dot', Euclid: 'Euclid', Manhattan: 'Manhattan' } as const

const bodyOf = (set: VectorSet, from: number, to: number): string =>
  JSON.stringify({
    points: Array.from({ length: to - from }, (_, i) => ({ id: from + i, vector: [...set.vectors[from + i]!] })),
  })

/** One graph in one worker, nothing else. */
const graphRate = async (set: VectorSet, directory: string): Promise<number> => {
  const index = new HnswIndex({ directory, workers: 1 })
  try {
    const space = { collection: 'alone', vector: '' }
    index.openSpace(
      space,
      { size: set.dims, metric: set.metric, hnsw: HNSW_DEFAULT },
      set.vectors.map((vector, ordinal) => ({ ordinal, id: String(ordinal), version: '1', read: () => vector })),
    )
    await index.search(space, { vector: set.queries[0]!, limit: 1 })
    const startedMs = performance.now()
    while (index.stats(space)!.pending > 0) await pause(20)
    return (set.vectors.length * 1000) / (performance.now() - startedMs)
  } finally {
    await index.close()
  }
}

type Call = (method: string, path: string, body?: string) => Promise<Answer>

/** Milliseconds until the answer of a search that has the point. */
const found = async (call: Call, set: VectorSet, id: number): Promise<number> => {
  const startedMs = performance.now()
  const body = JSON.stringify({ query: [...set.vectors[id]!], limit: 10 })
  for (;;) {
    const { status, text } = await call('POST', '/points/query', body)
    if (status !== 200) throw new Error(`search: ${status}`)
    const { points } = JSON.parse(text).result as { points: { id: number }[] }
    if (points.some((point) => point.id === id)) return performance.now() - startedMs
  }
}

interface Answer {
  readonly status: number
  readonly retryAfterMs: number
  readonly text: string
}

const ask = (port: number, agent: Agent, method: string, path: string, body = ''): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
    const sent = request({ host: '127.0.0.1', port, agent, method, path, headers }, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => void pieces.push(piece))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode!,
          retryAfterMs: Number(response.headers['retry-after'] ?? 1) * 1000,
          text: Buffer.concat(pieces).toString(),
        }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Own memory of another process, looked at now and then; 0 where the system does not tell. */
class PeakMemory {
  #peak = 0
  readonly #timer: NodeJS.Timeout

  constructor(readonly pid: number) {
    this.#timer = setInterval(() => this.#look(), 100)
  }

  #look(): void {
    try {
      const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))
      this.#peak = Math.max(this.#peak, Number(kib?.[1] ?? 0) * 1024)
    } catch {
      // Not Linux, or it has ended.
    }
  }

  stop(): number {
    clearInterval(this.#timer)
    return this.#peak
  }
}
