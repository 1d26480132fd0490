import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ENGINES, type EngineName, OTHERS, SETS, withEngines } from './engines.js'
import { atLeast, type Floor } from './goal.js'
import { plot } from './plot.js'
import { countOption, floorLines, limitOption, machine, type Report } from './report.js'
import { median, type SweepPoint, speedAt } from './sweep.js'
import { table } from './table.js'
import { recallOf, type TruthSet, truthSet } from './truth-set.js'

const TARGETS = [0.95, 0.99, 0.999]
const EFS = [10, 12, 14, 17, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640, 900, 1280]
/** A sweep goes on until this recall is reached. */
const ENOUGH = 0.9995
const RIVALS: readonly (readonly [EngineName, number])[] = [
  ['native', 1],
  ['stock', 2],
]

interface SetFigures {
  readonly set: string
  readonly rows: number
  readonly dims: number
  /** By engine; speeds are medians of the rounds. */
  readonly sweeps: Readonly<Partial<Record<EngineName, readonly SweepPoint[]>>>
  /** Queries a second at each target, and ours over theirs: medians of what single rounds gave. */
  readonly targets: readonly {
    readonly recall: number
    readonly perSecond: Readonly<Partial<Record<EngineName, number>>>
    readonly over: Readonly<Partial<Record<EngineName, number>>>
  }[]
}

/** All engines in turn at each setting, round by round: what else the machine does falls on all of them alike. */
const sweep = (set: TruthSet, names: readonly EngineName[], rounds: number): Promise<SetFigures> =>
  withEngines(set, names, async (engines) => {
    const settings = new Map<EngineName, { ef: number; recall: number; speeds: number[] }[]>()
    for (const [name, engine] of engines) {
      await engine.build()
      const list: { ef: number; recall: number; speeds: number[] }[] = []
      for (const ef of name === 'brute' ? [0] : EFS) {
        const recall = recallOf(set, await engine.find(ef))
        list.push({ ef, recall, speeds: [] })
        if (recall >= ENOUGH) break
      }
      settings.set(name, list)
    }
    for (let round = 0; round < rounds; round++)
      for (let i = 0; i < EFS.length; i++)
        for (const [name, engine] of engines) {
          const setting = settings.get(name)![i]
          if (setting !== undefined) setting.speeds.push(await engine.speed(setting.ef))
        }
    const points = (name: EngineName, round?: number): SweepPoint[] =>
      settings.get(name)!.map(({ ef, recall, speeds }) => {
        return { ef, recall, perSecond: round === undefined ? median(speeds) : speeds[round]! }
      })
    const targets = TARGETS.map((recall) => {
      const perRound = (name: EngineName): (number | undefined)[] =>
        Array.from({ length: rounds }, (_, round) => speedAt(points(name, round), recall))
      const ours = perRound('graph')
      const perSecond: Partial<Record<EngineName, number>> = {}
      const over: Partial<Record<EngineName, number>> = {}
      for (const name of names) {
        const theirs = name === 'brute' ? points(name).map((point) => point.perSecond) : perRound(name)
        if (theirs.some((speed) => speed === undefined)) continue
        perSecond[name] = median(theirs as number[])
        if (ours.every((speed) => speed !== undefined))
          over[name] = median(ours.map((speed, round) => speed! / theirs[round % theirs.length]!))
      }
      return { recall, perSecond, over }
    })
    const sweeps = Object.fromEntries(names.map((name) => [name, points(name)]))
    return { set: set.name, rows: set.count, dims: set.dims, sweeps, targets }
  })

const plotOf = ({ set, rows, dims, sweeps }: SetFigures): string => {
  const shown = (Object.keys(sweeps) as EngineName[]).filter((name) => name !== 'brute')
  const speeds = shown.flatMap((name) => sweeps[name]!.map(({ perSecond }) => perSecond))
  const powers = [30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000]
  const first = powers.findLastIndex((power) => power <= Math.min(...speeds))
  const last = powers.findIndex((power) => power >= Math.max(...speeds))
  return plot(
    `${set}: ${rows} x ${dims}`,
    {
      label: 'recall@10',
      ticks: [0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995],
      scale: (recall) => -Math.log(1.0002 - recall),
    },
    {
      label: 'queries per second of processor time',
      ticks: powers.slice(Math.max(0, first), last === -1 ? undefined : last + 1),
      scale: Math.log,
    },
    shown.map((name) => ({
      name,
      points: sweeps[name]!.map(({ recall, perSecond }) => [recall, perSecond] as const),
    })),
  )
}

export const runSearch = async (args: readonly string[]): Promise<Report> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      set: { type: 'string', multiple: true, default: SETS },
      limit: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      plots: { type: 'string' },
      others: { type: 'boolean', default: false },
    },
  })
  const rounds = countOption('rounds', values.rounds, 1, 100)
  const limit = limitOption(values.limit)
  const names = values.others ? [...ENGINES, ...OTHERS] : ENGINES
  const figures: SetFigures[] = []
  for (const name of values.set) figures.push(await sweep(await truthSet(name, limit), names, rounds))
  if (values.plots !== undefined) {
    await mkdir(values.plots, { recursive: true })
    for (const each of figures) await writeFile(join(values.plots, `search-${each.set}.svg`), plotOf(each))
  }
  const goals: Floor[] = figures.flatMap(({ set, targets }) =>
    targets.flatMap(({ recall, over }) =>
      RIVALS.map(([name, least]) =>
        atLeast(`${set}, recall ${recall}: searches over ${name}'s`, least, over[name] ?? 0),
      ),
    ),
  )
  const rows = figures.flatMap(({ set, targets }) =>
    targets.flatMap(({ recall, perSecond, over }) =>
      names.map((name) => [
        set,
        recall,
        name,
        perSecond[name] === undefined ? 'not measured' : Math.round(perSecond[name]),
        over[name]?.toFixed(2) ?? '',
      ]),
    ),
  )
  const text = [table(['set', 'recall@10', 'engine', 'queries/s', 'graph over it'], rows), ...floorLines(goals)].join(
    '\n',
  )
  return { json: { benchmark: 'search', machine: machine(), rounds, figures, goals }, text }
}
