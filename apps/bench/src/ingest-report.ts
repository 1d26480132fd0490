import { parseArgs } from 'node:util'
import { INGEST_PLAN, type IngestPlan, ingest, ingestGoals } from './ingest.js'
import { countOption, machine, mixedLines, type Report } from './report.js'
import { table } from './table.js'
import { vectorSet } from './vector-set.js'

const QUERIES = 200

export const runIngest = async (args: readonly string[]): Promise<Report> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      set: { type: 'string', default: 'fashion-mnist-784' },
      count: { type: 'string', default: '60000' },
      connections: { type: 'string', default: String(INGEST_PLAN.connections) },
      'pending-slow': { type: 'string' },
    },
  })
  const count = countOption('count', values.count, 2000, 10_000_000)
  const connections = countOption('connections', values.connections, 1, 64)
  const slow = values['pending-slow']
  const plan: IngestPlan = {
    ...INGEST_PLAN,
    connections,
    ...(slow !== undefined && { pendingSlowBytes: countOption('pending-slow', slow, 2 ** 20, 2 ** 46) }),
  }
  const set = await vectorSet(values.set, count, QUERIES)
  const figures = await ingest(set, plan)
  const goals = ingestGoals(figures)
  const { searchable, searchDuring, searchAfter, searchIdle } = figures
  const row = (what: string, { p50Ms, p95Ms, p99Ms }: typeof searchable) => [what, p50Ms, p95Ms, p99Ms]
  const text = [
    `graph alone ${figures.graphPerSecond}/s, acknowledged ${figures.acknowledgedPerSecond}/s, graph complete ${figures.graphSecondsAfter} s later, refused ${figures.refused}, memory ${figures.memoryPeakOfVectors} of the vectors`,
    `processor ms a batch: graph alone ${figures.graphMs}; while loading: main thread ${figures.regionMs.main}, graph's worker ${figures.regionMs.worker}, other threads ${figures.regionMs.rest}, loader ${figures.loaderMs}`,
    table(
      ['ms', 'p50', 'p95', 'p99'],
      [
        row('acknowledged to found', searchable),
        row('search while loading', searchDuring),
        row('search while the graph is completed', searchAfter),
        row('search idle', searchIdle),
      ],
    ),
    ...mixedLines(goals),
  ].join('\n')
  return { json: { benchmark: 'ingest', machine: machine(), set: set.name, count, plan, figures, goals }, text }
}
