import { compareIds, isSimilarity, type Metric, type PointId } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import { shortFloat32 } from '../http/float32.js'

/** One found point. Ordinals mean something within one tick only, so what travels between stages is the id. */
export interface Hit {
  readonly id: PointId
  /** Where it was when it was found: a guess that saves looking the id up, for `placeOf` to judge. */
  readonly ordinal?: number
  /** A float32. */
  readonly score: number
  /** The value that an `order_by` query put it in its place by. */
  readonly orderValue?: number
}

/** Where the hit's record is now; `undefined`: it is gone. */
export const placeOf = (collection: Collection, { id, ordinal }: Hit): number | undefined =>
  ordinal !== undefined && collection.isLive(ordinal) && collection.id(ordinal) === id ? ordinal : collection.find(id)

/** Which of two scores is the better one. */
export type Direction = 'larger' | 'smaller'

export const directionOf = (metric: Metric): Direction => (isSimilarity(metric) ? 'larger' : 'smaller')

export const isBetterBy = (direction: Direction, a: number, b: number): boolean =>
  direction === 'larger' ? a > b : a < b

/** Best first, ties by ascending id: regions which hold the same records give the same answer. */
export const byScore =
  (direction: Direction) =>
  (a: Hit, b: Hit): number =>
    a.score === b.score ? compareIds(a.id, b.id) : isBetterBy(direction, a.score, b.score) ? -1 : 1

/** Drops what is not strictly better than `threshold`, which is compared as the float32 that scores are. */
export const beyond = (hits: readonly Hit[], direction: Direction, threshold: number | undefined): readonly Hit[] => {
  if (threshold === undefined) return hits
  const bound = Math.fround(threshold)
  return hits.filter((hit) => isBetterBy(direction, hit.score, bound))
}

/** Keeps the best `capacity` hits of many, in memory for about twice as many. */
export class BestHits {
  readonly #compare: (a: Hit, b: Hit) => number
  #hits: Hit[] = []

  constructor(
    direction: Direction,
    readonly capacity: number,
  ) {
    this.#compare = byScore(direction)
  }

  offer(hit: Hit): void {
    this.#hits.push(hit)
    if (this.#hits.length >= 2 * this.capacity + 64) this.#hits = this.take()
  }

  /** Best first. */
  take(): Hit[] {
    return this.#hits.sort(this.#compare).slice(0, this.capacity)
  }
}

/** A dot product may leave the range of a float32; JSON has no word for infinity. */
const FLOAT32_MAX = 3.4028234663852886e38
export const shownScore = (value: number): number => shortFloat32(Math.max(-FLOAT32_MAX, Math.min(FLOAT32_MAX, value)))
