import type { PointId } from '@meridian/core'
import type { GeoBoundingBox, GeoPolygon, GeoRadius } from './geo.js'

/**
 * A condition on a point's id, payload and vectors, in the JSON shape of Qdrant's filters with every "object or array"
 * already an array. Absent and empty clauses say nothing; a filter without clauses matches every point.
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

export type Condition =
  | FieldCondition
  | IsEmptyCondition
  | IsNullCondition
  | HasIdCondition
  | HasVectorCondition
  | NestedCondition
  | Filter

/**
 * A test of the values that `key` leads to: it holds when one value passes; an array's elements are tested one by one (one
 * level deep), except that `values_count` looks at the array itself. Of several tests any one will do, and nothing under the
 * key passes none of them. Key syntax: see `parsePath`.
 */
export interface FieldCondition {
  readonly key: string
  readonly match?: Match | undefined
  readonly range?: Range | DatetimeRange | undefined
  readonly geo_bounding_box?: GeoBoundingBox | undefined
  readonly geo_radius?: GeoRadius | undefined
  readonly geo_polygon?: GeoPolygon | undefined
  readonly values_count?: ValuesCount | undefined
}

export type MatchScalar = string | number | boolean

export type Match =
  /** Equal, of the same type; numbers must be integers (1 and 1.0 are equal). */
  | { readonly value: MatchScalar }
  /** Equal to one of these. */
  | { readonly any: readonly (string | number)[] }
  /** There, not null, and equal to none of these. Not a negation: an array passes by one element outside the list. */
  | { readonly except: readonly (string | number)[] }
  /** A string that contains this one, case and all: Qdrant's meaning where there is no text index. */
  | { readonly text: string }
  /** As `text`; Qdrant tells them apart only on text-indexed fields. */
  | { readonly phrase: string }
  /** A string that contains at least one of the words, as they stand between white space. */
  | { readonly text_any: string }

interface Bounds<T> {
  readonly gt?: T | null | undefined
  readonly gte?: T | null | undefined
  readonly lt?: T | null | undefined
  readonly lte?: T | null | undefined
}

/** Bounds on a number; strings never match. Absent and null bounds are open. */
export interface Range extends Bounds<number> {}

/** Bounds on an instant, each in a form that `parseInstant` reads; so must the value be, or it does not match. */
export interface DatetimeRange extends Bounds<string> {}

/** Bounds on how many values there are: the length of an array, 0 for null, else 1. A missing key has no count at all. */
export interface ValuesCount extends Bounds<number> {}

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

/** The point has a vector of this name; `''` is the unnamed one. */
export interface HasVectorCondition {
  readonly has_vector: string
}

/**
 * One and the same element of the array under `key` is an object that matches `filter`, whose keys start at the element.
 * `key` and `key[]` mean the same. Ids and vectors belong to points, so `has_id` and `has_vector` cannot stand inside.
 */
export interface NestedCondition {
  readonly nested: { readonly key: string; readonly filter: Filter }
}
