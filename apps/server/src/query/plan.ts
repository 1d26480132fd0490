import type { PointId, QuantizedSearch, SpaceParams, VectorValue } from '@meridian/core'
import type { ReadFilter } from '../schema/filter.js'
import type { Formula } from './formula/expression.js'
import type { Fusion } from './fusion.js'
import type { OrderBy } from './order-by.js'

/** The vectors that a stage compares with. */
export interface Target {
  /** Vector name; the unnamed one is ''. */
  readonly space: string
  readonly params: SpaceParams
}

/** Scores one point by how alike it is to the examples that the scoring was made from. Larger is better. */
export type ExampleScoring = (similarity: (example: VectorValue) => number) => number

export interface Mmr {
  /** Weight of relevance against diversity; 0-1. */
  readonly lambda: number
  /** How many of the nearest are chosen from. */
  readonly candidates: number
}

export interface NearestStage {
  readonly kind: 'nearest'
  readonly target: Target
  /** As vectors of the space are compared. */
  readonly vector: VectorValue
  readonly exact: boolean
  readonly ef: number | undefined
  readonly quantization?: QuantizedSearch
}

/** How one node of a query orders points: all that match its filter, or, with sources, those that the sources found. */
export type Stage =
  | { readonly kind: 'list' }
  | NearestStage
  | { readonly kind: 'mmr'; readonly nearest: NearestStage; readonly mmr: Mmr }
  | { readonly kind: 'examples'; readonly target: Target; readonly scoring: ExampleScoring }
  | { readonly kind: 'order'; readonly by: OrderBy }
  | { readonly kind: 'sample' }
  | { readonly kind: 'fusion'; readonly fusion: Fusion }
  | { readonly kind: 'formula'; readonly formula: Formula }

/** A node of a query: a request is a tree of them, its prefetches below it. */
export interface Plan {
  readonly stage: Stage
  /** In the order of the request: weights and `$score[i]` count on it. */
  readonly sources: readonly Plan[]
  /** The node's own and those of all nodes above it. */
  readonly filter: ReadFilter | undefined
  readonly threshold: number | undefined
  readonly limit: number
}

/** A parsed request. */
export interface Query {
  readonly plan: Plan
  /** Points that the request names as examples: they are no answers, at any depth. */
  readonly except: ReadonlySet<PointId>
  readonly offset: number
}
