import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CHURN_PLAN, churn, churnGoals } from './churn.js'
import { churnPlot } from './churn-plot.js'
import { countOption, goalLines, machine, type Report } from './report.js'
import { table } from './table.js'
import { vectorSet } from './vector-set.js'

const QUERIES = 500

export const runChurn = async (args: readonly string[]): Promise<Report> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      set: { type: 'string', default: 'fashion-mnist-784' },
      count: { type: 'string', default: '60000' },
      rounds: { type: 'string', default: String(CHURN_PLAN.rounds) },
      plots: { type: 'string' },
    },
  })
  const count = countOption('count', values.count, 2000, 10_000_000)
  const rounds = countOption('rounds', values.rounds, 1, 100)
  const plan = { ...CHURN_PLAN, rounds }
  const set = await vectorSet(values.set, count, QUERIES)
  const figures = await churn(set, plan)
  const goals = churnGoals(figures)
  if (values.plots !== undefined) {
    await mkdir(values.plots, { recursive: true })
    const title = `${set.name}, ${count} x ${set.dims}`
    await writeFile(join(values.plots, `churn-${set.name}.svg`), churnPlot(title, figures))
  }
  const { fresh, churned, again } = figures
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(0)
  const text = [
    table(
      ['round', 'sets/s', 'searches', 'p50 ms', 'p95 ms', 'p99 ms', 'rebuilds', 'trips', 'dead'],
      figures.rounds.map((each) => [
        each.round,
        each.setsPerSecond,
        each.searches,
        each.p50Ms,
        each.p95Ms,
        each.p99Ms,
        each.rebuilds,
        each.trips,
        each.deadShare,
      ]),
    ),
    table(
      ['graph', 'recall@10', 'p50 ms', 'p95 ms', 'MB', 'slots'],
      [
        ['fresh, before', fresh.recall, fresh.p50Ms, fresh.p95Ms, mb(fresh.bytes), fresh.slots],
        ['churned', churned.recall, churned.p50Ms, churned.p95Ms, mb(churned.bytes), churned.slots],
        ['fresh, after', again.recall, again.p50Ms, again.p95Ms, '', set.vectors.length],
      ],
    ),
    `${figures.checkedHits} hits checked`,
    ...goalLines(goals),
  ].join('\n')
  return { json: { benchmark: 'churn', machine: machine(), set: set.name, count, plan, figures, goals }, text }
}
