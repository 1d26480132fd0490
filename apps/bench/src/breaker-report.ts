import { parseArgs } from 'node:util'
import { BREAKER_PLAN, breaker, breakerGoals } from './breaker.js'
import { countOption, machine, mixedLines, type Report } from './report.js'
import { table } from './table.js'
import { vectorSet } from './vector-set.js'

const QUERIES = 500

export const runBreaker = async (args: readonly string[]): Promise<Report> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      set: { type: 'string', default: 'fashion-mnist-784' },
      count: { type: 'string', default: '20000' },
      rounds: { type: 'string', default: String(BREAKER_PLAN.rounds) },
      searchers: { type: 'string', default: String(BREAKER_PLAN.searchers) },
    },
  })
  // A graph with fewer than a thousand dead is not rebuilt.
  const count = countOption('count', values.count, 5000, 10_000_000)
  const rounds = countOption('rounds', values.rounds, 1, 100)
  const searchers = countOption('searchers', values.searchers, 1, 1000)
  const plan = { ...BREAKER_PLAN, rounds, searchers }
  const set = await vectorSet(values.set, count, QUERIES)
  const figures = await breaker(set, plan)
  const goals = breakerGoals(figures)
  const text = [
    table(
      [
        'round',
        'p50 ms',
        'p99 ms',
        'rebuilding: p50',
        'p99',
        'p99 over',
        'trips',
        'stood still',
        'built',
        'then in ms',
      ],
      figures.rounds.map(({ without, during, p99Ratio, trips, stoodStill, progress, completedAfterMs }, i) => [
        i + 1,
        without.p50Ms,
        without.p99Ms,
        during.p50Ms,
        during.p99Ms,
        p99Ratio,
        trips,
        stoodStill,
        progress.join(' to '),
        completedAfterMs,
      ]),
    ),
    ...mixedLines(goals),
  ].join('\n')
  return { json: { benchmark: 'breaker', machine: machine(), set: set.name, count, plan, figures, goals }, text }
}
