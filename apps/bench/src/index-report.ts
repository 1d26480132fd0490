import { parseArgs } from 'node:util'
import { type EngineName, SETS, withEngines } from './engines.js'
import { atLeast, type Floor } from './goal.js'
import { countOption, floorLines, limitOption, machine, type Report } from './report.js'
import { median } from './sweep.js'
import { table } from './table.js'
import { recallOf, type TruthSet, truthSet } from './truth-set.js'

/** As many candidates as a search looks at by default. */
const EF = 64
const BUILDERS: readonly EngineName[] = ['graph', 'space', 'native', 'stock']

interface BuildFigures {
  readonly set: string
  readonly rows: number
  readonly dims: number
  readonly engines: readonly {
    readonly name: EngineName
    /** Medians. */
    readonly cpuSeconds: number
    readonly perSecond: number
    /** Their time over ours, of the same round. */
    readonly ratio: number
    readonly recall: number
  }[]
}

const builds = (set: TruthSet, rounds: number): Promise<BuildFigures> =>
  withEngines(set, BUILDERS, async (engines) => {
    const seconds = new Map(BUILDERS.map((name) => [name, [] as number[]]))
    for (let round = 0; round < rounds; round++)
      for (const [name, engine] of engines) seconds.get(name)!.push(await engine.build())
    const ours = seconds.get('graph')!
    const figures: BuildFigures['engines'][number][] = []
    for (const [name, engine] of engines) {
      const took = seconds.get(name)!
      figures.push({
        name,
        cpuSeconds: median(took),
        perSecond: set.count / median(took),
        ratio: median(took.map((each, round) => each / ours[round]!)),
        recall: recallOf(set, await engine.find(EF)),
      })
    }
    return { set: set.name, rows: set.count, dims: set.dims, engines: figures }
  })

export const runIndex = async (args: readonly string[]): Promise<Report> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      set: { type: 'string', multiple: true, default: SETS },
      limit: { type: 'string' },
      rounds: { type: 'string', default: '5' },
    },
  })
  const rounds = countOption('rounds', values.rounds, 1, 100)
  const limit = limitOption(values.limit)
  const figures: BuildFigures[] = []
  for (const name of values.set) figures.push(await builds(await truthSet(name, limit), rounds))
  const goals: Floor[] = figures.map(({ set, engines }) =>
    atLeast(`${set}: insertions over native's`, 1, engines.find(({ name }) => name === 'native')!.ratio),
  )
  const rows = figures.flatMap(({ set, rows: count, engines }) =>
    engines.map(({ name, cpuSeconds, perSecond, ratio, recall }) => [
      set,
      count,
      name,
      cpuSeconds.toFixed(2),
      Math.round(perSecond),
      ratio.toFixed(2),
      recall.toFixed(4),
    ]),
  )
  const head = ['set', 'rows', 'engine', 'cpu s', 'vectors/s', 'graph over it', `recall@10 at ef ${EF}`]
  const text = [table(head, rows), ...floorLines(goals)].join('\n')
  return { json: { benchmark: 'index', machine: machine(), rounds, figures, goals }, text }
}
