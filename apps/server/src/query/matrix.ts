import type { PointId } from '@meridian/core'
import { compareIds } from '@meridian/core'
import type { ReadFilter } from '../schema/filter.js'
import type { Scope } from './execute.js'
import { BestHits, type Hit } from './hit.js'
import { matching } from './matching.js'
import { Pacer } from './pacer.js'
import type { Target } from './plan.js'
import { drawSample } from './sample.js'
import { comparable, directionIn, nearestScoring } from './similarity.js'
import { weighing } from './weighing.js'

/** A sample of points and, for each of them, its nearest others in the sample. */
export interface Matrix {
  /** Ascending. */
  readonly ids: readonly PointId[]
  /** By place in `ids`; best first. */
  readonly rows: readonly (readonly Hit[])[]
}

/** At most `sample` points that match and have the vector, each with at most `limit` others. Empty below two points. */
export const distanceMatrix = async (
  { collection, index, draw, signal }: Scope,
  target: Target,
  filter: ReadFilter | undefined,
  sample: number,
  limit: number,
): Promise<Matrix> => {
  const weigh = await weighing(collection, index, target)
  const having: number[] = []
  for (const ordinal of matching(collection, filter))
    if (collection.vectorNames(ordinal).includes(target.space)) having.push(ordinal)
  const points = drawSample(having, sample, draw)
    .flatMap((ordinal) => {
      const vector = comparable(collection, ordinal, target)
      return vector === undefined ? [] : [{ id: collection.id(ordinal), vector }]
    })
    .sort((a, b) => compareIds(a.id, b.id))
  if (points.length < 2) return { ids: [], rows: [] }
  const scoreOf = nearestScoring(target.params)
  const pacer = new Pacer(signal)
  const rows: (readonly Hit[])[] = []
  for (const one of points) {
    if (pacer.isDue) await pacer.pause()
    const best = new BestHits(directionIn(target.params), limit)
    const asked = weigh(one.vector)
    for (const { id, vector } of points) {
      const score = id === one.id ? undefined : scoreOf(asked, vector)
      if (score !== undefined) best.offer({ id, score })
    }
    rows.push(best.take())
  }
  return { ids: points.map(({ id }) => id), rows }
}
