import type { PointId } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import type { ReadFilter } from '../schema/filter.js'
import { passes } from './matching.js'
import { Pacer } from './pacer.js'

/** Records looked at between two looks at the clock. */
const CLOCK_EVERY = 128

/**
 * Shows each of `ids` that is there and passes to `visit`, and lets other work in between. A record is looked at as it is in
 * its turn. @throws whatever `signal` was aborted with.
 */
export const scan = async (
  collection: Collection,
  ids: Iterable<PointId>,
  filter: ReadFilter | undefined,
  signal: AbortSignal,
  visit: (ordinal: number, id: PointId) => void,
): Promise<void> => {
  const pacer = new Pacer(signal)
  let seen = 0
  for (const id of ids) {
    if (++seen % CLOCK_EVERY === 0 && pacer.isDue) await pacer.pause()
    const ordinal = collection.find(id)
    if (ordinal === undefined || (pacer.hasPaused && !passes(collection, ordinal, filter))) continue
    visit(ordinal, id)
  }
}
