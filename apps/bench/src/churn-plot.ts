import { DEAD_SHARE_MAX } from '@meridian/index'
import type { ChurnFigures } from './churn.js'
import { type Axis, plot, risingTicks, type Series, stacked } from './plot.js'

/** Recall, times and dead share over the rounds, one below the other, as one SVG. */
export const churnPlot = (title: string, { fresh, again, looks, rounds }: ChurnFigures): string => {
  const x: Axis = {
    label: 'times that every vector was replaced',
    ticks: Array.from({ length: rounds.length + 1 }, (_, round) => round),
    scale: (value) => value,
  }
  const churned = (name: string, of: (look: (typeof looks)[number]) => number): Series => ({
    name,
    points: looks.map((look) => [look.rounds, of(look)] as const),
  })
  const fromNew = (of: (figures: typeof again) => number): Series => ({
    name: 'new, at rest',
    points: [
      [0, of(fresh)],
      [rounds.length, of(again)],
    ],
  })
  const lostMost = Math.max(0.01, ...[fresh, again, ...looks].map(({ recall }) => 1 - recall))
  const msMost = Math.max(fresh.p95Ms, again.p95Ms, ...looks.map(({ p95Ms }) => p95Ms))
  const deadMost = Math.max(0.25, ...looks.map(({ deadShare }) => deadShare))
  const risen = (label: string, most: number): Axis => ({ label, ticks: risingTicks(most), scale: (value) => value })
  return stacked(`${title}: every vector replaced again and again`, [
    plot(
      `${title}: recall`,
      x,
      {
        label: 'recall@10',
        ticks: risingTicks(lostMost)
          .map((lost) => Number((1 - lost).toFixed(6)))
          .reverse(),
        scale: (value) => value,
      },
      [churned('churned', ({ recall }) => recall), fromNew(({ recall }) => recall)],
    ),
    plot(`${title}: times of searches`, x, risen('95th percentile, ms', msMost), [
      churned('under way', ({ p95Ms }) => p95Ms),
      fromNew(({ p95Ms }) => p95Ms),
    ]),
    plot(`${title}: dead share of the graph`, x, risen('dead of all slots', deadMost), [
      churned('dead', ({ deadShare }) => deadShare),
      {
        name: 'rebuilt above',
        points: [
          [0, DEAD_SHARE_MAX],
          [rounds.length, DEAD_SHARE_MAX],
        ],
      },
    ]),
  ])
}
