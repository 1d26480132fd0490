import type { PointId } from '@meridian/core'

/**
 * A condition on a point's id and payload, in the JSON shape of Qdrant's filters with every "object or array" already an
 * array. Absent and empty clauses say nothing; a filter without clauses matches every point.
 */
export interface Filter {
  /** All of them. */
  readonly must?: readonly Condition[] | undefined
  /** At least one of them. */
  readonly should?: readonly Condition[] | undefined
  /** None of them. */
  readonly must_not?: readonly Condition[] | undefined
  /** At least `min_count` of `conditions`. */
  readonly min_should?: { readonly conditions: readonly Condition[]; readonly min_count: number } | undefined
}

export type Condition = FieldCondition | IsEmptyCondition | IsNullCondition | HasIdCondition | Filter

/**
 * A test of the values that `key` leads to: it holds when one value passes; an array's elements are tested one by one
 * (one level deep). With both `match` and `range`, either will do. Key syntax: see `parsePath`.
 */
export interface FieldCondition {
  readonly key: string
  readonly match?: Match | undefined
  readonly range?: Range | undefined
}

export type MatchScalar = string | number | boolean

export type Match =
  /** Equal, of the same type; numbers must be integers (1 and 1.0 are equal). */
  | { readonly value: MatchScalar }
  /** Equal to one of these. */
  | { readonly any: readonly (string | number)[] }
  /** There, not null, and equal to none of these. Not a negation: an array passes by one element outside the list. */
  | { readonly except: readonly (string | number)[] }

/** Bounds on a number; strings never match. Absent and null bounds are open. */
export interface Range {
  readonly gt?: number | null | undefined
  readonly gte?: number | null | undefined
  readonly lt?: number | null | undefined
  readonly lte?: number | null | undefined
}

/** Every value under the key is null or `[]`, or there is none. */
export interface IsEmptyCondition {
  readonly is_empty: { readonly key: string }
}

/** A value under the key is null, or an array that holds null. Absence is not null. */
export interface IsNullCondition {
  readonly is_null: { readonly key: string }
}

export interface HasIdCondition {
  readonly has_id: readonly PointId[]
}
