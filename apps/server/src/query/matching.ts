import type { PointId } from '@meridian/core'
import { compareIds } from '@meridian/core'
import type { Filter } from '@meridian/index'
import type { Collection } from '@meridian/replica'
import { noPoint } from '../http/errors.js'
import type { ReadFilter, Selector } from '../schema/filter.js'

/** Ids that every match must be one of, if the filter says so at its top, or at the top of a filter that must hold. */
const idsOf = (filter: Filter): readonly PointId[] | undefined => {
  for (const condition of filter.must ?? []) {
    if ('has_id' in condition) return condition.has_id
    const below = 'must' in condition ? idsOf(condition) : undefined
    if (below !== undefined) return below
  }
  return undefined
}

const isEmpty = ({ must, should, must_not, min_should }: Filter): boolean =>
  !must?.length && !should?.length && !must_not?.length && !min_should?.conditions.length

/** Whether the live record passes. */
export const passes = (collection: Collection, ordinal: number, filter: ReadFilter | undefined): boolean =>
  filter === undefined ||
  filter.matches(collection.id(ordinal), collection.payload(ordinal), () => collection.vectorNames(ordinal))

/** Both together; `undefined` is a filter that everything passes. */
export const bothFilters = (a: ReadFilter | undefined, b: ReadFilter | undefined): ReadFilter | undefined => {
  if (a === undefined) return b
  if (b === undefined) return a
  return {
    filter: { must: [a.filter, b.filter] },
    matches: (...point) => a.matches(...point) && b.matches(...point),
  }
}

/** Ordinals of the live records that match, in no order. Valid within the tick. */
export function* matching(collection: Collection, filter: ReadFilter | undefined): Iterable<number> {
  if (filter === undefined || isEmpty(filter.filter)) {
    yield* collection.ordinals()
    return
  }
  const ids = idsOf(filter.filter)
  for (const ordinal of ids === undefined ? collection.ordinals() : found(collection, ids))
    if (passes(collection, ordinal, filter)) yield ordinal
}

function* found(collection: Collection, ids: readonly PointId[]): Iterable<number> {
  for (const id of new Set(ids)) {
    const ordinal = collection.find(id)
    if (ordinal !== undefined) yield ordinal
  }
}

/** As `matching`, by ascending id, from `from` (inclusive). */
export function* matchingInOrder(
  collection: Collection,
  filter: ReadFilter | undefined,
  from?: PointId,
): Iterable<number> {
  const ids = filter && idsOf(filter.filter)
  const candidates =
    ids === undefined
      ? collection.inOrder(from)
      : found(collection, ids.filter((id) => from === undefined || compareIds(id, from) >= 0).sort(compareIds))
  for (const ordinal of candidates) if (passes(collection, ordinal, filter)) yield ordinal
}

export const countMatching = (collection: Collection, filter: ReadFilter | undefined): number => {
  if (filter === undefined || isEmpty(filter.filter)) return collection.liveCount
  let count = 0
  for (const _ of matching(collection, filter)) count++
  return count
}

/** Ascending, as the index wants them; `undefined` when every record is meant. */
export const ordinalsAmong = (collection: Collection, filter: ReadFilter | undefined): Uint32Array | undefined => {
  if (filter === undefined || isEmpty(filter.filter)) return undefined
  return Uint32Array.from(matching(collection, filter)).sort()
}

/**
 * The points a write names, each once. Resolved here and now: what is replicated are the ids.
 * @throws StoreError `POINT_NOT_FOUND` for an id that is not there, unless `missing` are left out.
 */
export const selected = (collection: Collection, selector: Selector, missing: 'refuse' | 'skip'): PointId[] => {
  if (selector.kind === 'filter')
    return Array.from(matching(collection, selector.filter), (ordinal) => collection.id(ordinal))
  const ids = [...new Set(selector.ids)]
  if (missing === 'skip') return ids.filter((id) => collection.find(id) !== undefined)
  for (const id of ids) if (collection.find(id) === undefined) throw noPoint(id)
  return ids
}
