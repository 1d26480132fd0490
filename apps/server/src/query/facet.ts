import type { JsonObject, JsonValue } from '@meridian/core'
import type { Path } from '@meridian/index'
import type { Collection } from '@meridian/replica'
import type { ReadFilter } from '../schema/filter.js'
import { matching } from './matching.js'

/** A payload value that points are counted by. */
export type FacetValue = string | number | boolean

export interface FacetHit {
  readonly value: FacetValue
  /** Points, not occurrences: a value twice in an array counts once. */
  readonly count: number
}

/** How many of the points that match have each value; most frequent first, ties by value. Exact. */
export const countValues = (
  collection: Collection,
  path: Path,
  filter: ReadFilter | undefined,
  limit: number,
): FacetHit[] => {
  const counts = new Map<FacetValue, number>()
  for (const ordinal of matching(collection, filter))
    for (const value of valuesOf(collection.payload(ordinal), path)) counts.set(value, (counts.get(value) ?? 0) + 1)
  return Array.from(counts, ([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || compareValues(a.value, b.value))
    .slice(0, limit)
}

const valuesOf = (payload: JsonObject, path: Path): Set<FacetValue> => {
  const values = new Set<FacetValue>()
  const add = (value: JsonValue): void => {
    if (typeof value === 'string' || typeof value === 'boolean' || Number.isInteger(value))
      values.add(value as FacetValue)
  }
  path(payload, (value) => {
    if (Array.isArray(value)) value.forEach(add)
    else add(value)
    return false
  })
  return values
}

const RANKS = { string: 0, number: 1, boolean: 2 } as const
const rankOf = (value: FacetValue): number => RANKS[typeof value as keyof typeof RANKS]

/** Strings before integers before booleans; strings by code point, as UTF-8 sorts. */
const compareValues = (a: FacetValue, b: FacetValue): number => {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return rankOf(a) - rankOf(b) || Number(a) - Number(b)
}
