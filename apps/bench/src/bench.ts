import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { runBreaker } from './breaker-report.js'
import { runBootstrap } from './bootstrap-report.js'
import { runCatchUp } from './catch-up-report.js'
import { runChurn } from './churn-report.js'
import { atLeast, atMost, type Goal } from './goal.js'
import { runFilter } from './filter-report.js'
import { FRESHNESS_PLAN, freshness } from './freshness.js'
import { runHeal } from './heal-report.js'
import { heap } from './heap.js'
import { HTTP_PLAN, http } from './http.js'
import { runHttpSet } from './http-set-report.js'
import { runIngest } from './ingest-report.js'
import { RAW_BYTES } from './records.js'
import { runIndex } from './index-report.js'
import { runDatatype } from './datatype-report.js'
import { runMemory } from './memory-report.js'
import { runRestart } from './restart-report.js'
import { runSearch } from './search-report.js'
import { LOADS, replicate } from './replicate.js'
import { runOverwrite } from './overwrite-report.js'
import type { Report } from './report.js'
import { table } from './table.js'

interface Benchmark {
  readonly meaning: string
  run(args: readonly string[]): Promise<Report>
}

/** Whatever the scale: fixed costs weigh more on fewer records. */
const HEAP_RECORDS = 100_000

const runReplicate = async (args: readonly string[]): Promise<Report> => {
  const { values } = parseArgs({
    args: [...args],
    options: { graph: { type: 'boolean', default: false }, scale: { type: 'string', default: '1' } },
  })
  const scale = Number(values.scale)
  if (!(scale > 0 && scale <= 100)) throw new Error(`--scale ${values.scale}: must be a number above 0, at most 100`)
  const index = values.graph ? 'graph' : 'none'
  const scaled = LOADS.map((load) => ({ ...load, records: Math.max(load.batch, Math.round(load.records * scale)) }))
  const loads = await replicate(scaled, index)
  const memory = await heap(HEAP_RECORDS)
  const goals: Goal[] = [
    atMost('wire bytes per raw byte, 100 a batch', 1.05, loads.find(({ batch }) => batch === 100)!.wirePerRaw),
    atMost('bytes of memory a record', 250, memory.bytesPerRecord),
  ]
  const rows = loads.map((load) => [
    load.batch,
    load.writers,
    load.records,
    load.recordsPerSecond,
    load.wirePerRaw.toFixed(3),
  ])
  const text = [
    table(['batch', 'writers', 'records', 'records/s', 'wire/raw'], rows),
    `memory a record: ${memory.heapBytesPerRecord} B heap, ${memory.bufferBytesPerRecord} B typed arrays`,
    ...goals.map((goal) => `${goal.isMet ? 'met   ' : 'MISSED'} ${goal.what}: ${goal.measured}, at most ${goal.most}`),
  ].join('\n')
  const machine = { node: process.version, processors: cpus().length, model: cpus()[0]?.model }
  return { json: { benchmark: 'replicate', machine, index, rawBytesPerRecord: RAW_BYTES, loads, memory, goals }, text }
}

const runHttp = async (args: readonly string[]): Promise<Report> => {
  const { values } = parseArgs({ args: [...args], options: { scale: { type: 'string', default: '1' } } })
  const scale = Number(values.scale)
  if (!(scale > 0 && scale <= 100)) throw new Error(`--scale ${values.scale}: must be a number above 0, at most 100`)
  const plan = {
    ...HTTP_PLAN,
    points: Math.max(200, Math.round(HTTP_PLAN.points * scale)),
    seconds: Math.max(0.2, HTTP_PLAN.seconds * Math.min(1, scale)),
  }
  const figures = await http(plan)
  const goals = figures.flatMap(({ what, dims, connections, ofAllowed }) =>
    ofAllowed === undefined
      ? []
      : [atLeast(`${what}, ${dims} dims, ${connections} connections, of allowed`, 0.5, ofAllowed)],
  )
  const rows = figures.map((each) => [
    each.what,
    each.dims,
    each.connections,
    Math.round(each.perSecond),
    each.p50Ms.toFixed(2),
    each.p99Ms.toFixed(2),
    Math.round(each.koaPerSecond),
    each.ofKoa.toFixed(2),
    each.ofAllowed?.toFixed(2) ?? '',
    each.ofOverlapped?.toFixed(2) ?? '',
  ])
  const text = [
    table(
      ['request', 'dims', 'conns', 'req/s', 'p50 ms', 'p99 ms', 'koa req/s', 'of koa', 'of allowed', 'overlapped'],
      rows,
    ),
    ...goals.map(
      (goal) => `${goal.isMet ? 'met   ' : 'MISSED'} ${goal.what}: ${goal.measured.toFixed(2)}, at least ${goal.least}`,
    ),
  ].join('\n')
  const machine = { node: process.version, processors: cpus().length, model: cpus()[0]?.model }
  return { json: { benchmark: 'http', machine, plan, figures, goals }, text }
}

const runFreshness = async (args: readonly string[]): Promise<Report> => {
  const { values } = parseArgs({ args: [...args], options: { scale: { type: 'string', default: '1' } } })
  const scale = Number(values.scale)
  if (!(scale > 0 && scale <= 100)) throw new Error(`--scale ${values.scale}: must be a number above 0, at most 100`)
  const plan = { ...FRESHNESS_PLAN, writes: Math.max(5, Math.round(FRESHNESS_PLAN.writes * scale)) }
  const pairs = await freshness(plan)
  const rows = pairs.map(({ delayMs, from, to, merged, searchable }) => [
    delayMs,
    from,
    to,
    ...[merged, searchable].flatMap(({ p50Ms, p95Ms, p99Ms }) => [p50Ms, p95Ms, p99Ms].map((ms) => ms.toFixed(2))),
  ])
  const head = ['delay ms', 'from', 'to', 'merged p50', 'p95', 'p99', 'searchable p50', 'p95', 'p99']
  const machine = { node: process.version, processors: cpus().length, model: cpus()[0]?.model }
  return { json: { benchmark: 'freshness', machine, plan, pairs }, text: table(head, rows) }
}

export const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  index: {
    meaning: 'building graphs beside hnswlib in C++ and as published  [--set NAME ...] [--limit ROWS] [--rounds N]',
    run: runIndex,
  },
  search: {
    meaning:
      'searches a second at equal recall beside the same and brute force  [--set NAME ...] [--limit ROWS] [--rounds N] [--plots DIR] [--others]',
    run: runSearch,
  },
  restart: {
    meaning:
      'opening a snapshot beside building the index, and damaged snapshots  [--set NAME] [--limit ROWS] [--flips N]',
    run: runRestart,
  },
  memory: {
    meaning: 'resident memory of a region with vectors loaded and idle  [--rows N] [--dims N]',
    run: runMemory,
  },
  datatype: {
    meaning:
      'graphs of float16, or uint8, beside float32 of the same numbers: memory, searches in turn, recall  [--set NAME] [--limit ROWS] [--datatype NAME] [--queries N] [--rounds N]',
    run: runDatatype,
  },
  replicate: {
    meaning:
      'records per second and wire bytes between two processes, memory a record  [--graph: with the index] [--scale N]',
    run: runReplicate,
  },
  http: {
    meaning: 'requests per second and their times beside a bare Koa route and the index alone  [--scale N]',
    run: runHttp,
  },
  serve: {
    meaning:
      'searches of real sets over HTTP with 8 connections beside the index alone, at recall@10 0.99  [--set NAME ...] [--limit ROWS] [--rounds N]',
    run: runHttpSet,
  },
  filter: {
    meaning:
      'searches under filters, planned, scanned and walked, on the sets beside the repository  [--data DIR] [--set NAME] [--scale N]',
    run: runFilter,
  },
  freshness: {
    meaning: 'from a write in one region until reads and searches of another show it, by pair and delay  [--scale N]',
    run: runFreshness,
  },
  heal: {
    meaning:
      'a region of three is cut off and healed under writes: time, wire, requests elsewhere  [--seconds N] [--writes N] [--graph]',
    run: runHeal,
  },
  'catch-up': {
    meaning:
      'processor time a record of two engines in one process, one of which was away, by size of transactions  [--transactions N] [--rounds N]',
    run: runCatchUp,
  },
  bootstrap: {
    meaning:
      'a new region takes in the state of another under writes: blocked event loops, memory, time  [--megabytes N] [--dims N] [--writes N] [--graph]',
    run: runBootstrap,
  },
  churn: {
    meaning:
      'every vector of a real set replaced five times with searches running: recall, times and memory beside a fresh graph  [--set NAME] [--count N] [--rounds N] [--plots DIR]',
    run: runChurn,
  },
  breaker: {
    meaning:
      'searches without a pause in the midst of a rebuild, beside the same without one: what stops it, and whether it completes  [--set NAME] [--count N] [--rounds N] [--searchers N]',
    run: runBreaker,
  },
  ingest: {
    meaning:
      'a real set loaded over HTTP, durably, with searches running: acknowledged beside what a graph takes  [--set NAME] [--count N] [--connections N]',
    run: runIngest,
  },
  overwrite: {
    meaning:
      'points overwritten again and again: memory a record and bytes on the disk  [--points N] [--rounds N] [--dims N] [--batch N]',
    run: runOverwrite,
  },
}

/** @returns `undefined` when there is no such benchmark */
export const findBenchmark = (name: string | undefined): Benchmark | undefined =>
  name !== undefined && Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined

export const usage = (): string =>
  [
    'usage: npm run bench -- NAME',
    ...Object.entries(BENCHMARKS).map(([name, each]) => `  ${name}  ${each.meaning}`),
  ].join('\n')
