import { parseArgs } from 'node:util'
import { SETS } from './engines.js'
import { atLeast, atMost } from './goal.js'
import { HTTP_SET_PLAN, type HttpSetFigures, httpSet } from './http-set.js'
import { countOption, floorLines, goalLines, limitOption, machine, type Report } from './report.js'
import { table } from './table.js'
import { truthSet } from './truth-set.js'

const OF_INDEX = 0.6
const P99_OVER_P50 = 5

export const runHttpSet = async (args: readonly string[]): Promise<Report> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      set: { type: 'string', multiple: true, default: SETS },
      limit: { type: 'string' },
      rounds: { type: 'string', default: String(HTTP_SET_PLAN.rounds) },
      connections: { type: 'string', default: String(HTTP_SET_PLAN.connections) },
    },
  })
  const plan = {
    ...HTTP_SET_PLAN,
    rounds: countOption('rounds', values.rounds, 1, 100),
    connections: countOption('connections', values.connections, 1, 1000),
  }
  const limit = limitOption(values.limit)
  const figures: HttpSetFigures[] = []
  for (const name of values.set) figures.push(await httpSet(await truthSet(name, limit), plan))
  const floors = figures.flatMap(({ set, httpRecall, ofIndex }) => [
    atLeast(`${set}: recall@10 over HTTP`, plan.recall, httpRecall),
    atLeast(`${set}: searches over HTTP over the index's`, OF_INDEX, ofIndex),
  ])
  const ceilings = figures.map(({ set, p99OverP50 }) => atMost(`${set}: p99 over p50`, P99_OVER_P50, p99OverP50))
  const rows = figures.map((each) => [
    each.set,
    each.rows,
    each.ef,
    `${each.indexRecall.toFixed(4)} / ${each.httpRecall.toFixed(4)}`,
    Math.round(each.indexPerSecond),
    Math.round(each.httpPerSecond),
    each.ofIndex.toFixed(2),
    `${each.p50Ms.toFixed(1)} / ${each.p99Ms.toFixed(1)}`,
    each.p99OverP50.toFixed(1),
    [each.regionMs.main, each.regionMs.worker, each.loaderMs].map((ms) => ms.toFixed(2)).join(' / '),
  ])
  const head = [
    'set',
    'rows',
    'ef',
    'recall, index / http',
    'index/s',
    'http/s',
    'of index',
    'p50 / p99 ms',
    'p99/p50',
    'cpu ms: main / worker / loader',
  ]
  const text = [table(head, rows), ...floorLines(floors), ...goalLines(ceilings)].join('\n')
  return { json: { benchmark: 'serve', machine: machine(), plan, figures, goals: [...floors, ...ceilings] }, text }
}
