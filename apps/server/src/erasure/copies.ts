import { type PointId, spacesOf, type Trace, type VectorIndex } from '@meridian/core'
import { type Collection, type Copies, type FindCopies, SNAPSHOTS_NAMED_MAX } from '@meridian/replica'
import type { Snapshots } from '../snapshots/snapshots.js'

/** Looks for what index and snapshots of this region have of a point. `snapshots` is asked each time: it is opened later. */
export const findCopies =
  (index: VectorIndex, snapshots: () => Snapshots | undefined): FindCopies =>
  (collection, id, done) => {
    void Promise.all([indexTraces(index, collection, id), held(snapshots(), collection, id)]).then(([traces, files]) =>
      done({ ...traces, ...files }),
    )
  }

const indexTraces = async (
  index: VectorIndex,
  collection: Collection,
  id: PointId,
): Promise<Pick<Copies, 'graph' | 'files'>> => {
  try {
    const found = await Promise.all(
      spacesOf(collection.config).map(([name]) => index.traces(collection.space(name), String(id))),
    )
    return { graph: worst(found.map(({ graph }) => graph)), files: worst(found.map(({ files }) => files)) }
  } catch {
    // It is being loaded or built anew, or is closed.
    return { graph: 'unknown', files: 'unknown' }
  }
}

const worst = (traces: readonly Trace[]): Trace =>
  traces.includes('holds') ? 'holds' : traces.includes('unknown') ? 'unknown' : 'clear'

const held = async (
  snapshots: Snapshots | undefined,
  collection: Collection,
  id: PointId,
): Promise<Pick<Copies, 'snapshots' | 'unread'>> => {
  try {
    const found = await snapshots?.holders(collection, id)
    if (found === undefined) return { snapshots: [], unread: 1 }
    const named = found.snapshots.slice(0, SNAPSHOTS_NAMED_MAX).map(({ name, createdAt }) => ({ name, createdAt }))
    return { snapshots: named, unread: found.unread }
  } catch {
    return { snapshots: [], unread: 1 }
  }
}
