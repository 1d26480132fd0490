import type { JsonValue } from '@meridian/core'
import type { GeoPoint, Path } from '@meridian/index'
import type { ReadFilter } from '../../schema/filter.js'

export type DecayKind = 'lin' | 'exp' | 'gauss'

/** A payload value that a formula reads. */
export interface Variable {
  /** As the request writes it, for errors and defaults. */
  readonly key: string
  readonly path: Path
}

/** A parsed formula: a tree of these. Numbers of the request are float32, what is computed from them is not. */
export type Expression =
  | { readonly kind: 'constant'; readonly value: number }
  /** Score of a source, by its place in the request. */
  | { readonly kind: 'score'; readonly source: number }
  | { readonly kind: 'payload'; readonly variable: Variable }
  /** 1 where it holds, else 0. */
  | { readonly kind: 'condition'; readonly filter: ReadFilter }
  /** Metres. */
  | { readonly kind: 'geo_distance'; readonly origin: GeoPoint; readonly to: Variable }
  /** Seconds since 1970. */
  | { readonly kind: 'datetime_key'; readonly variable: Variable }
  | { readonly kind: 'sum' | 'mult'; readonly terms: readonly Expression[] }
  | { readonly kind: 'neg' | 'abs' | 'sqrt' | 'exp' | 'log10' | 'ln'; readonly of: Expression }
  | {
      readonly kind: 'div'
      readonly left: Expression
      readonly right: Expression
      readonly byZeroDefault: number | undefined
    }
  | { readonly kind: 'pow'; readonly base: Expression; readonly exponent: Expression }
  | {
      readonly kind: 'decay'
      readonly shape: DecayKind
      readonly x: Expression
      readonly target: Expression | undefined
      /** Steepness, from scale and midpoint: see `decayRate`. */
      readonly rate: number
    }

export interface Formula {
  readonly root: Expression
  /** By source: its score for a point that it did not find. */
  readonly scoreDefaults: ReadonlyMap<number, number>
  /** By payload key as the request writes it. */
  readonly defaults: ReadonlyMap<string, JsonValue>
}
