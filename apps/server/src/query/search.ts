import {
  type IndexHit,
  type IndexQuery,
  type PointId,
  compareIds,
  type VectorIndex,
  type VectorParams,
} from '@meridian/core'
import { isBetter, score } from '@meridian/index'
import type { Collection } from '@meridian/replica'
import { shortFloat32 } from '../http/float32.js'
import type { ReadFilter } from '../schema/filter.js'
import { ordinalsAmong } from './matching.js'

/** Nearest neighbours of one vector. */
export interface Nearest {
  readonly space: string
  readonly params: VectorParams
  readonly vector: Float32Array
  readonly filter: ReadFilter | undefined
  /** Hits, best first, after `offset` better ones. */
  readonly limit: number
  readonly offset: number
  /** Exclusive bound, on the better side of which scores must lie. */
  readonly threshold: number | undefined
  readonly exact: boolean
  readonly ef: number | undefined
  /** A point that is not a hit: the one asked with. */
  readonly except: PointId | undefined
}

export interface Hit {
  readonly ordinal: number
  readonly id: PointId
  readonly score: number
}

/** Asked for beyond the limit, so that a few hits may fall away and ties at the end be seen. */
const SPARE = 8
const ROUNDS_MAX = 4

/**
 * The index answers a little later than it was asked, and in ordinals: by then a record may be gone, changed, or another one
 * under its ordinal. So every hit is scored again against the record as it is in this tick. Ties are ordered by id, so that
 * regions which hold the same records give the same answer; while a tie runs over the end of what was fetched, more is.
 */
export const nearest = async (
  collection: Collection,
  index: VectorIndex,
  query: Nearest,
  signal: AbortSignal,
): Promise<Hit[]> => {
  const wanted = query.offset + query.limit
  const among = ordinalsAmong(collection, query.filter)
  if (among?.length === 0 || collection.liveCount === 0) return []
  let fetched = wanted + SPARE
  for (let round = 1; ; round++) {
    const asked: IndexQuery = {
      vector: query.vector,
      limit: fetched,
      exact: query.exact,
      ...(query.ef === undefined ? {} : { ef: Math.max(query.ef, fetched) }),
      ...(among === undefined ? {} : { among }),
    }
    const raw = await index.search(collection.space(query.space), asked, signal)
    const hits = current(collection, raw, query)
    const isAll = raw.length < fetched
    const isCut = !isAll && (hits.length < wanted || hits[wanted - 1]!.score === raw.at(-1)!.score)
    if (!isCut || round === ROUNDS_MAX) return within(hits, query)
    fetched *= 4
  }
}

const current = (collection: Collection, raw: readonly IndexHit[], query: Nearest): Hit[] => {
  const hits: Hit[] = []
  for (const { ordinal } of raw) {
    const vector = collection.isLive(ordinal) ? collection.vector(ordinal, query.space) : undefined
    if (vector === undefined) continue
    const id = collection.id(ordinal)
    if (id === query.except || !(query.filter?.matches(id, collection.payload(ordinal)) ?? true)) continue
    hits.push({ ordinal, id, score: score(query.params.metric, query.vector, vector) })
  }
  const { metric } = query.params
  return hits.sort((a, b) =>
    a.score === b.score ? compareIds(a.id, b.id) : isBetter(metric, a.score, b.score) ? -1 : 1,
  )
}

const within = (hits: readonly Hit[], query: Nearest): Hit[] => {
  const bound = query.threshold === undefined ? undefined : Math.fround(query.threshold)
  const passing = bound === undefined ? hits : hits.filter((hit) => isBetter(query.params.metric, hit.score, bound))
  return passing.slice(query.offset, query.offset + query.limit)
}

/** A dot product may leave the range of a float32; JSON has no word for infinity. */
const FLOAT32_MAX = 3.4028234663852886e38
export const shownScore = (value: number): number => shortFloat32(Math.max(-FLOAT32_MAX, Math.min(FLOAT32_MAX, value)))
