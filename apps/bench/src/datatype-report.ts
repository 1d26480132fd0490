import { parseArgs } from 'node:util'
import { type Datatype, DATATYPES, HNSW_DEFAULT, rounded, type VectorParams } from '@meridian/core'
import { ExactIndex, giveMemoryBack, normalize, Space } from '@meridian/index'
import { dataSet, vectorAt } from './data-set.js'
import { memory } from './gauge.js'
import { atMost } from './goal.js'
import { quantiles } from './quantiles.js'
import { countOption, goalLines, limitOption, machine, type Report } from './report.js'
import { table } from './table.js'

const REF = { collection: 'bench', vector: '' }
const LIMIT = 10

interface Side {
  readonly kind: string
  readonly space: Space
  readonly buildCpuMs: number
  /** Of the process's own, that it took. */
  readonly ownBytes: number
  readonly bytes: number
  readonly timesMs: number[]
  readonly exactMs: number[]
  recall: number
}

/** The same numbers in graphs of floats and of a datatype, in one process: memory, building, searches in turn, recall of each. */
export const runDatatype = async (args: readonly string[]): Promise<Report> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      set: { type: 'string', default: 'movies-lsa-256' },
      limit: { type: 'string' },
      datatype: { type: 'string', default: 'float16' },
      queries: { type: 'string', default: '200' },
      rounds: { type: 'string', default: '5' },
    },
  })
  const datatype = DATATYPES.find((known) => known === values.datatype)
  if (datatype === undefined) throw new Error(`--datatype ${values.datatype}: must be one of ${DATATYPES.join(', ')}`)
  const rounds = countOption('rounds', values.rounds, 1, 100)
  const limit = limitOption(values.limit)
  const set = await dataSet(values.set, { limit })
  const queryCount = Math.min(set.queryCount, countOption('queries', values.queries, 1, 1e5))
  const metric = set.metric === 'cosine' ? 'Cosine' : 'Euclid'
  const stored = (all: Float32Array, at: number): Float32Array =>
    storedAs(datatype, metric, vectorAt(all, set.dims, at))
  const params: VectorParams = { size: set.dims, metric, hnsw: HNSW_DEFAULT }
  const queries = Array.from({ length: queryCount }, (_, i) => stored(set.queries, i))
  const exact = new ExactIndex()
  exact.openSpace(REF, params, [])
  for (let i = 0; i < set.count; i++)
    exact.set(REF, { ordinal: i, id: String(i), version: '1', vector: stored(set.vectors, i) })
  // A hit as good as the last true one counts.
  const truths = queries.map((vector) => exact.searchNow(REF, { vector, limit: LIMIT }).map(({ score }) => score))
  const filled = (kind: string, of: VectorParams): Side => {
    collect()
    const [own, cpu, space] = [memory().own, process.cpuUsage(), new Space(of)]
    for (let i = 0; i < set.count; i++) space.set(i, String(i), '1', stored(set.vectors, i))
    while (space.hasWork) space.step(() => true)
    const { user, system } = process.cpuUsage(cpu)
    collect()
    const ownBytes = memory().own - own
    const { bytes } = space.stats()
    return { kind, space, buildCpuMs: (user + system) / 1000, ownBytes, bytes, timesMs: [], exactMs: [], recall: 0 }
  }
  const sides = [filled('float32', params), filled(datatype, { ...params, datatype })]
  for (let round = 0; round < rounds; round++)
    for (const side of round % 2 === 0 ? sides : [...sides].reverse()) ask(side, queries, truths, metric === 'Cosine')
  const [floats, packed] = sides as [Side, Side]
  const goals = [
    atMost(`recall@${LIMIT} lost`, 0.001, floats.recall - packed.recall),
    atMost('median time of a search over that of float32', 1.25, median(packed.timesMs) / median(floats.timesMs)),
    atMost('counted bytes over those of float32', 1, packed.bytes / floats.bytes),
  ]
  const lines = sides.map(({ kind, bytes, ownBytes, buildCpuMs, timesMs, exactMs, recall }) => [
    kind,
    (bytes / 1e6).toFixed(1),
    (ownBytes / 1e6).toFixed(1),
    (buildCpuMs / 1000).toFixed(1),
    (median(timesMs) * 1000).toFixed(0),
    median(exactMs).toFixed(2),
    recall.toFixed(4),
  ])
  const text = [
    `${values.set}, ${set.count} x ${set.dims}, ${metric}, numbers rounded to ${datatype}`,
    table(['graph', 'counted MB', 'own MB', 'built, CPU s', 'search µs', 'exact ms', `recall@${LIMIT}`], lines),
    ...goalLines(goals),
  ].join('\n')
  const figures = sides.map(({ kind, bytes, ownBytes, buildCpuMs, timesMs, exactMs, recall }) => {
    const [search, scan] = [quantiles(timesMs), quantiles(exactMs)]
    return { kind, bytes, ownBytes, buildCpuMs, search, scan, recall }
  })
  return { json: { benchmark: 'datatype', machine: machine(), ...values, metric, figures, goals }, text }
}

/** As a region stores a vector. */
const storedAs = (datatype: Datatype, metric: 'Cosine' | 'Euclid', vector: Float32Array): Float32Array =>
  rounded(datatype, datatype === 'float16' && metric === 'Cosine' ? normalize(vector) : vector) as Float32Array

/** Every query once, and a few of them by a scan of all. */
const ask = (
  side: Side,
  queries: readonly Float32Array[],
  truths: readonly number[][],
  isLargerBetter: boolean,
): void => {
  let found = 0
  for (const [i, vector] of queries.entries()) {
    const start = performance.now()
    const hits = side.space.search({ vector, limit: LIMIT })
    side.timesMs.push(performance.now() - start)
    const worst = truths[i]!.at(-1)!
    found += hits.filter(({ score }) => (isLargerBetter ? score >= worst : score <= worst)).length
  }
  side.recall = found / (queries.length * LIMIT)
  for (const vector of queries.slice(0, 10)) {
    const start = performance.now()
    side.space.search({ vector, limit: LIMIT, exact: true })
    side.exactMs.push(performance.now() - start)
  }
}

const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1]!

/** What is garbage by now counts for nobody. `npm run bench` asks for the collector. */
const collect = (): void => {
  globalThis.gc?.()
  giveMemoryBack()
}
