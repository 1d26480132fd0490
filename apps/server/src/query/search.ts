import type { IndexHit, IndexQuery, PointId, SearchWork, VectorIndex } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import type { ReadFilter } from '../schema/filter.js'
import { byScore, type Hit } from './hit.js'
import { ordinalsAmong, passes } from './matching.js'
import type { NearestStage } from './plan.js'
import { comparable, directionIn, nearestScoring } from './similarity.js'

/** Nearest neighbours of one vector, found through the index. */
export interface Nearest {
  readonly stage: NearestStage
  readonly filter: ReadFilter | undefined
  readonly limit: number
  /** Points that are no hits: those asked with. */
  readonly except: ReadonlySet<PointId>
}

/** Asked for beyond the limit, so that a few hits may fall away and ties at the end be seen. */
const SPARE = 8
const ROUNDS_MAX = 4

/**
 * The index answers a little later than it was asked, and in ordinals: by then a record may be gone, changed, or another one
 * under its ordinal. So a hit that changed meanwhile is scored again against the record as it is in this tick; the others stand.
 * Ties are ordered by id, so that regions which hold the same records give the same answer; while a tie runs over the end of
 * what was fetched, more is.
 */
export const nearest = async (
  collection: Collection,
  index: VectorIndex,
  query: Nearest,
  signal: AbortSignal,
  tell: (work: SearchWork) => void,
): Promise<readonly Hit[]> => {
  const { stage, limit, except } = query
  const among = ordinalsAmong(collection, query.filter)
  if (limit === 0 || among?.length === 0 || collection.liveCount === 0) {
    tell({ plan: 'scan', candidates: 0, ef: 0, scanned: 0 })
    return []
  }
  let fetched = limit + except.size + SPARE
  // Of when the filter was evaluated: a later round still asks among those that matched then.
  const { mark } = collection
  for (let round = 1; ; round++) {
    const asked: IndexQuery = {
      vector: stage.vector,
      limit: fetched,
      exact: stage.exact,
      ...(stage.ef === undefined ? {} : { ef: Math.max(stage.ef, fetched) }),
      ...(stage.quantization === undefined ? {} : { quantization: stage.quantization }),
      ...(among === undefined ? {} : { among }),
    }
    const raw = await index.search(collection.searchable(stage.target.space), asked, signal, tell)
    // The space may have been opened anew while it was searched, and its vectors been read again.
    collection.searchable(stage.target.space)
    const hits = current(collection, raw, query, collection.changedSince(mark))
    const isAll = raw.length < fetched
    const isCut = !isAll && (hits.length < limit || hits[limit - 1]!.score === raw.at(-1)!.score)
    if (!isCut || round === ROUNDS_MAX) return hits.slice(0, limit)
    fetched *= 4
  }
}

const current = (
  collection: Collection,
  raw: readonly IndexHit[],
  { stage, filter, except }: Nearest,
  changed: ReadonlySet<number> | undefined,
): Hit[] => {
  const { target, vector: asked } = stage
  const again = (ordinal: number): number | undefined => {
    const vector = collection.isLive(ordinal) ? comparable(collection, ordinal, target) : undefined
    if (vector === undefined || !passes(collection, ordinal, filter)) return undefined
    return nearestScoring(target.params)(asked, vector)
  }
  const hits: Hit[] = []
  for (const { ordinal, score: found } of raw) {
    const isAsItWas = changed !== undefined && !changed.has(ordinal)
    const score = isAsItWas ? found : again(ordinal)
    if (score === undefined) continue
    const id = collection.id(ordinal)
    if (!except.has(id)) hits.push({ id, ordinal, score })
  }
  return hits.sort(byScore(directionIn(target.params)))
}
