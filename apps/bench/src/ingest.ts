import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HNSW_DEFAULT } from '@meridian/core'
import { HnswIndex } from '@meridian/index'
import { BatchLoad, searchBytes } from './batch-load.js'
import { atLeast, atMost, type Floor, type Goal } from './goal.js'
import { requestBytes } from './http-line.js'
import { HttpLines } from './http-lines.js'
import { machineMs } from './machine-ms.js'
import { timesBetween } from './pulse.js'
import { PulseThread } from './pulse-thread.js'
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
/** Loaded before the clock runs, into another collection. */
const WARM_UP = { collection: '/collections/warm-up', count: 3000 }

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
    using lines = new HttpLines(region.port)
    const make = (collection: string): Promise<unknown> =>
      lines.ask(
        requestBytes('PUT', collection, JSON.stringify({ vectors: { size: set.dims, distance: NAMES[set.metric] } })),
      )
    await make(WARM_UP.collection)
    await warmUp(lines, set, plan)
    await make(COLLECTION)
    const load = new BatchLoad(lines, COLLECTION, set, plan.batch)
    const pulse = await PulseThread.open({
      port: region.port,
      everyMs: plan.searchEveryMs,
      requests: set.queries.map((vector) => searchBytes(COLLECTION, vector)),
    })
    const threads = new ThreadClock(region.process.pid!)
    const loader = process.cpuUsage()
    const startedMs = machineMs()
    await load.run(plan.connections)
    const endedMs = machineMs()
    const { main, worker, rest } = threads.read()
    const loaderCpu = process.cpuUsage(loader)
    const ofBatch = (ms: number): number => Number((ms / load.batches).toFixed(2))
    for (;;) {
      const { body } = await lines.ask(requestBytes('GET', COLLECTION, ''))
      if (JSON.parse(body.toString()).result.indexed_vectors_count >= set.vectors.length) break
      await pause(100)
    }
    const builtMs = machineMs()
    await pause(1000)
    const idleMs = machineMs()
    await pause(plan.idleSeconds * 1000)
    const memoryPeak = peak.stop()
    const beats = await pulse.stop()
    return {
      graphPerSecond: Math.round(graphPerSecond),
      graphMs: ofBatch((graphCpu.user + graphCpu.system) / 1000),
      regionMs: { main: ofBatch(main), worker: ofBatch(worker), rest: ofBatch(rest) },
      loaderMs: ofBatch((loaderCpu.user + loaderCpu.system) / 1000),
      acknowledgedPerSecond: Math.round((set.vectors.length * 1000) / (endedMs - startedMs)),
      graphSecondsAfter: Number(((builtMs - endedMs) / 1000).toFixed(1)),
      refused: load.refused,
      searchable: quantiles(load.searchable),
      searchDuring: quantiles(timesBetween(beats, startedMs, endedMs)),
      searchAfter: quantiles([...timesBetween(beats, endedMs, builtMs), 0]),
      searchIdle: quantiles(timesBetween(beats, idleMs, Number.POSITIVE_INFINITY)),
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

/** Code that was not compiled yet is no part of what a region that serves for hours does. */
const warmUp = async (lines: HttpLines, set: VectorSet, plan: IngestPlan): Promise<void> => {
  const count = Math.min(WARM_UP.count, set.vectors.length)
  await new BatchLoad(lines, WARM_UP.collection, set, plan.batch, count).run(plan.connections)
  for (const vector of set.queries) await lines.ask(searchBytes(WARM_UP.collection, vector))
  await lines.ask(requestBytes('DELETE', WARM_UP.collection, ''))
}

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
