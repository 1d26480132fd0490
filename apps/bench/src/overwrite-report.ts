import { parseArgs } from 'node:util'
import { liveBytesOf, OVERWRITE_PLAN, overwrite, overwriteGoals } from './overwrite.js'
import { countOption, goalLines, machine, type Report } from './report.js'
import { table } from './table.js'

export const runOverwrite = async (args: readonly string[]): Promise<Report> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      points: { type: 'string', default: String(OVERWRITE_PLAN.records) },
      rounds: { type: 'string', default: String(OVERWRITE_PLAN.rounds) },
      dims: { type: 'string', default: String(OVERWRITE_PLAN.dims) },
      batch: { type: 'string', default: String(OVERWRITE_PLAN.batch) },
    },
  })
  const plan = {
    records: countOption('points', values.points, 100, 10_000_000),
    rounds: countOption('rounds', values.rounds, 1, 100),
    dims: countOption('dims', values.dims, 1, 4096),
    batch: countOption('batch', values.batch, 1, 10_000),
  }
  const rounds = await overwrite(plan)
  const goals = overwriteGoals(plan, rounds)
  const liveBytes = plan.records * liveBytesOf(plan.dims)
  const rows = rounds.map((round) => [
    round.round,
    round.recordsPerSecond,
    round.longestWriteMs,
    (round.heapBytes / plan.records).toFixed(1),
    (round.bufferBytes / plan.records).toFixed(1),
    (round.ownBytes / 1e6).toFixed(0),
    (round.blockBytes / liveBytes).toFixed(2),
    (round.diskBytes / liveBytes).toFixed(2),
  ])
  const head = [
    'round',
    'records/s',
    'longest write ms',
    'heap B/record',
    'arrays B/record',
    'process MB',
    'log/live',
    'disk/live',
  ]
  const text = [table(head, rows), ...goalLines(goals)].join('\n')
  return { json: { benchmark: 'overwrite', machine: machine(), plan, liveBytes, rounds, goals }, text }
}
