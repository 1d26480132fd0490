import { parseArgs } from 'node:util'
import { atMost, type Goal } from './goal.js'
import { HEAL_PLAN, heal } from './heal.js'
import { goalLines, machine, numberOption, type Report } from './report.js'
import { table } from './table.js'

/** Of the writes asked for, before the cut. */
const PACE_LEAST = 0.9
/** Requests of one point take some 5 ms where the machine does nothing else. */
const CALM_MS = 50

export const runHeal = async (args: readonly string[]): Promise<Report> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      graph: { type: 'boolean', default: false },
      seconds: { type: 'string', default: String(HEAL_PLAN.cutSeconds) },
      writes: { type: 'string', default: String(HEAL_PLAN.writesPerSecond) },
    },
  })
  const plan = {
    ...HEAL_PLAN,
    cutSeconds: numberOption('seconds', values.seconds, 1, 3600),
    writesPerSecond: numberOption('writes', values.writes, 1, 10_000),
  }
  const index = values.graph ? 'graph' : 'none'
  const result = await heal(plan, index)
  const isSteady = result.keptPace >= PACE_LEAST && result.requests.every(({ before }) => before.p50Ms <= CALM_MS)
  const goals: Goal[] = [atMost('wire bytes over missed bytes', 1.3, result.wireBytes / result.missedBytes)]
  if (isSteady)
    goals.push(
      atMost('seconds from healing until equal', 5, result.equalMs / 1000),
      ...result.requests.map(({ region, before, heal: during }) =>
        atMost(`p99 of requests to ${region} while healing, over before`, 2, during.p99Ms / before.p99Ms),
      ),
    )
  const rows = result.requests.flatMap(({ region, ...times }) =>
    (['before', 'cut', 'heal'] as const).map((when) => [
      region,
      when,
      ...[times[when].p50Ms, times[when].p95Ms, times[when].p99Ms].map((ms) => ms.toFixed(2)),
    ]),
  )
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)
  const text = [
    table(['requests to', 'when', 'p50 ms', 'p95 ms', 'p99 ms'], rows),
    `linked again after ${result.linkedMs} ms, equal after ${result.equalMs} ms; ${megabytes(result.wireBytes)} MB for ${megabytes(result.missedBytes)} MB missed`,
    `event loops blocked at most: ${result.blockedMs.map(({ region, longest, ran }) => `${region} ${longest} ms, ${ran} of them at work`).join(', ')}`,
    `processor time until equal: ${result.processorMs.map(({ name, ms }) => `${name} ${(ms / 1000).toFixed(1)} s`).join(', ')}`,
    ...(isSteady
      ? []
      : [
          `times are not judged: before anything was cut, this machine kept ${Math.round(result.keptPace * 100)} % of the pace of writes and took ${Math.max(...result.requests.map(({ before }) => before.p50Ms))} ms for the median request`,
        ]),
    ...goalLines(goals),
  ].join('\n')
  return { json: { benchmark: 'heal', machine: machine(), index, plan, result, goals }, text }
}
