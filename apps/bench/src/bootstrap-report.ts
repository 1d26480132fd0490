import { parseArgs } from 'node:util'
import { BOOTSTRAP_PLAN, bootstrap } from './bootstrap.js'
import type { Gauged } from './gauge.js'
import { atMost, type Goal } from './goal.js'
import { rawBytes } from './records.js'
import { countOption, goalLines, machine, numberOption, type Report } from './report.js'
import { table } from './table.js'

export const runBootstrap = async (args: readonly string[]): Promise<Report> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      graph: { type: 'boolean', default: false },
      megabytes: { type: 'string', default: String(BOOTSTRAP_PLAN.stateBytes / 1e6) },
      dims: { type: 'string', default: String(BOOTSTRAP_PLAN.dims) },
      writes: { type: 'string', default: String(BOOTSTRAP_PLAN.writesPerSecond) },
    },
  })
  const plan = {
    stateBytes: numberOption('megabytes', values.megabytes, 0.1, 100_000) * 1e6,
    dims: countOption('dims', values.dims, 1, 4096),
    writesPerSecond: numberOption('writes', values.writes, 1, 10_000),
  }
  const index = values.graph ? 'graph' : 'none'
  const result = await bootstrap(plan, index)
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0)
  const grown = ({ start, peak }: Gauged): number => (peak.own - start.own) / 1e6
  const sent = result.stateBytes + result.writtenMeanwhile * rawBytes(plan.dims)
  const goals: Goal[] = [
    atMost('ms that the event loop of the sender was blocked, with a processor', 150, result.sender.ranMs),
    atMost('ms that the event loop of the receiver was blocked, with a processor', 150, result.receiver.ranMs),
    atMost('MB that the memory of the sender grew by', 150, grown(result.sender)),
  ]
  const row = (name: string, gauged: Gauged): (string | number)[] => [
    name,
    gauged.blockedMs,
    gauged.ranMs,
    ...[gauged.start.own, gauged.peak.own, gauged.start.rss, gauged.peak.rss].map(megabytes),
  ]
  const text = [
    table(
      ['', 'blocked ms', 'with a processor', 'MB at start', 'MB at peak', 'resident at start', 'resident at peak'],
      [row('sender', result.sender), row('receiver', result.receiver)],
    ),
    `${megabytes(result.stateBytes)} MB in ${result.seconds.toFixed(1)} s, ${result.startSeconds.toFixed(1)} s of them to start: ${result.megabytesPerSecond.toFixed(1)} MB/s; wire over raw bytes ${(result.wireBytes / sent).toFixed(3)}`,
    ...goalLines(goals),
  ].join('\n')
  return { json: { benchmark: 'bootstrap', machine: machine(), index, plan, result, goals }, text }
}
