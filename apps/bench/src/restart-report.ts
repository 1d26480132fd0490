import { parseArgs } from 'node:util'
import { atLeast, atMost } from './goal.js'
import { countOption, floorLines, goalLines, limitOption, machine, type Report } from './report.js'
import { flips, restart } from './restart.js'
import { table } from './table.js'
import { truthSet } from './truth-set.js'

export const runRestart = async (args: readonly string[]): Promise<Report> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      set: { type: 'string', default: 'fashion-mnist-784' },
      limit: { type: 'string' },
      flips: { type: 'string', default: '1000' },
    },
  })
  const count = countOption('flips', values.flips, 1, 1e6)
  const limit = limitOption(values.limit)
  const figures = await restart(await truthSet(values.set, limit))
  const damage = await flips(count, 1)
  const share = figures.restartSeconds / figures.buildSeconds
  const most = [atMost('time of a restart over that of building', 0.05, share)]
  const least = [atLeast('damaged snapshots refused, of all', 1, damage.refused / damage.flips)]
  const row = [figures.rows, figures.dims, figures.buildSeconds.toFixed(2), figures.restartSeconds.toFixed(2)]
  const text = [
    table(
      ['rows', 'dims', 'build s', 'restart s', 'share', 'vectors read'],
      [[...row, share.toFixed(4), figures.vectorsRead]],
    ),
    `${damage.refused} of ${damage.flips} snapshots (${damage.bytes} bytes) with one byte changed were refused`,
    ...goalLines(most),
    ...floorLines(least),
  ].join('\n')
  return {
    json: { benchmark: 'restart', machine: machine(), set: values.set, figures, damage, goals: [...most, ...least] },
    text,
  }
}
