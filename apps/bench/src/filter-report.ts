import { parseArgs } from 'node:util'
import { DATA_FOLDER, dataSet } from './data-set.js'
import { FILTER_PLAN, type FilterFigures, filterFigures } from './filter.js'
import { atLeast, atMost } from './goal.js'
import { machine, numberOption, type Report } from './report.js'
import { table } from './table.js'

const SETS = ['movies-lsa-256', 'fashion-mnist-784']

export const runFilter = async (args: readonly string[]): Promise<Report> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: 'string', default: DATA_FOLDER },
      set: { type: 'string', multiple: true, default: SETS },
      scale: { type: 'string', default: '1' },
    },
  })
  const plan = {
    ...FILTER_PLAN,
    queries: Math.round(FILTER_PLAN.queries * numberOption('scale', values.scale, 0.1, 100)),
  }
  const figures: FilterFigures[] = []
  for (const name of values.set) {
    const set = await dataSet(name, { folder: values.data })
    figures.push(...filterFigures(name, set, plan))
  }
  const goals = figures.flatMap(({ set, filter, recall, overBest }) => [
    atLeast(`${set}, ${filter}, recall`, 0.99, recall),
    atMost(`${set}, ${filter}, over the better way`, 1.3, overBest),
  ])
  const rows = figures.map((each) => [
    each.set,
    each.filter,
    each.candidates,
    each.plan,
    each.recall.toFixed(4),
    each.graphRecall.toFixed(4),
    Math.round(each.plannedUs),
    Math.round(each.exactUs),
    Math.round(each.graphUs),
    each.overBest.toFixed(2),
  ])
  const head = ['set', 'filter', 'matches', 'plan', 'recall', 'of graph', 'us', 'exact us', 'graph us', 'over better']
  const text = [
    table(head, rows),
    ...goals.map(({ isMet, what, measured }) => `${isMet ? 'met   ' : 'MISSED'} ${what}: ${measured.toFixed(3)}`),
  ].join('\n')
  return { json: { benchmark: 'filter', machine: machine(), plan, figures, goals }, text }
}
