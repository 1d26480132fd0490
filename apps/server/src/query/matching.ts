import type { PointId } from '@meridian/core'
import { compareIds } from '@meridian/core'
import type { Filter, Matching } from '@meridian/index'
import type { Collection } from '@meridian/replica'
import { noPoint } from '../http/errors.js'
import type { ReadFilter, Selector } from '../schema/filter.js'
import { payloadIndexOf } from './payload-indexes.js'

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
    ...(a.isNarrower || b.isNarrower ? { isNarrower: true } : {}),
  }
}

/** Ordinals that the collection's payload indexes find, and whether all of them match; `undefined` when they say nothing. */
const indexed = (collection: Collection, filter: ReadFilter): Matching | undefined => {
  const found = payloadIndexOf(collection)?.find(filter.filter)
  return found !== undefined && filter.isNarrower ? { bits: found.bits, isExact: false } : found
}

/** Ordinals of the live records that match, in no order. Valid within the tick. */
export function* matching(collection: Collection, filter: ReadFilter | undefined): Iterable<number> {
  if (filter === undefined || isEmpty(filter.filter)) {
    yield* collection.ordinals()
    return
  }
  const ids = idsOf(filter.filter)
  const known = ids === undefined ? indexed(collection, filter) : undefined
  const candidates = known?.bits.toOrdinals() ?? (ids === undefined ? collection.ordinals() : found(collection, ids))
  for (const ordinal of candidates) if (known?.isExact || passes(collection, ordinal, filter)) yield ordinal
}

function* found(collection: Collection, ids: readonly PointId[]): Iterable<number> {
  for (const id of new Set(ids)) {
    const ordinal = collection.find(id)
    if (ordinal !== undefined) yield ordinal
  }
}

/** Records looked at one by one before the indexes are asked: a page of a filter that most records pass is full by then. */
const LOOKS_FIRST = 256
/** Fewer matches than one in so many records are sorted; of more, the records are walked in order. */
const SORTED_SHARE = 16

/** As `matching`, by ascending id, from `from` (inclusive). */
export function* matchingInOrder(
  collection: Collection,
  filter: ReadFilter | undefined,
  from?: PointId,
): Iterable<number> {
  const isWanted = (id: PointId): boolean => from === undefined || compareIds(id, from) >= 0
  const ids = filter && idsOf(filter.filter)
  if (ids !== undefined) {
    for (const ordinal of found(collection, ids.filter(isWanted).sort(compareIds)))
      if (passes(collection, ordinal, filter)) yield ordinal
    return
  }
  let looked = 0
  let known: Matching | undefined
  let after: PointId | undefined
  for (const ordinal of collection.inOrder(from)) {
    if (filter !== undefined && looked++ === LOOKS_FIRST) {
      known = indexed(collection, filter)
      if (known !== undefined && known.bits.count * SORTED_SHARE < collection.liveCount) {
        after = collection.id(ordinal)
        break
      }
    }
    if (known === undefined ? passes(collection, ordinal, filter) : passesKnown(collection, ordinal, filter, known))
      yield ordinal
  }
  if (known === undefined || after === undefined) return
  const left: { readonly id: PointId; readonly ordinal: number }[] = []
  for (const ordinal of known.bits.toOrdinals()) {
    const id = collection.id(ordinal)
    if (compareIds(id, after) >= 0) left.push({ id, ordinal })
  }
  left.sort((a, b) => compareIds(a.id, b.id))
  for (const { ordinal } of left) if (passesKnown(collection, ordinal, filter, known)) yield ordinal
}

const passesKnown = (
  collection: Collection,
  ordinal: number,
  filter: ReadFilter | undefined,
  { bits, isExact }: Matching,
): boolean => bits.has(ordinal) && (isExact || passes(collection, ordinal, filter))

export const countMatching = (collection: Collection, filter: ReadFilter | undefined): number => {
  if (filter === undefined || isEmpty(filter.filter)) return collection.liveCount
  const known = idsOf(filter.filter) === undefined ? indexed(collection, filter) : undefined
  if (known?.isExact) return known.bits.count
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
