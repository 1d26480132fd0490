import type { JsonObject, JsonValue, Metric, PointId } from '@meridian/core'

export type { JsonObject, JsonValue, Metric, PointId }

/** A vector going out; typed arrays are sent as plain numbers. */
export type VectorInput = readonly number[] | Float32Array

export interface VectorParamsInput {
  readonly size: number
  readonly distance: Metric
  readonly hnsw_config?: { readonly m?: number; readonly ef_construct?: number }
}

export interface CreateCollection {
  /** One unnamed space, or spaces by name. */
  readonly vectors: VectorParamsInput | Readonly<Record<string, VectorParamsInput>>
  readonly shard_number?: number
  readonly hnsw_config?: { readonly m?: number; readonly ef_construct?: number }
}

export interface CollectionInfo {
  readonly status: string
  readonly points_count: number
  readonly indexed_vectors_count: number
  readonly config: {
    readonly params: {
      readonly vectors: VectorParamsInput | Readonly<Record<string, VectorParamsInput>>
      readonly shard_number?: number
    }
  }
}

export interface PointInput {
  readonly id: PointId
  /** One unnamed vector, or vectors by name. */
  readonly vector: VectorInput | Readonly<Record<string, VectorInput>>
  readonly payload?: JsonObject
}

export interface UpdateResult {
  /** Sequence of the write's transaction in the region that took it. */
  readonly operation_id?: number
  readonly status: 'acknowledged' | 'completed' | 'wait_timeout'
}

/** A filter in Qdrant's form; checked by the server. */
export type Filter = JsonObject

/** Which points a write is about. */
export type Selector = { readonly points: readonly PointId[] } | { readonly filter: Filter }

export type PayloadSelector =
  | boolean
  | readonly string[]
  | { readonly include: readonly string[] }
  | { readonly exclude: readonly string[] }

export interface PointRecord {
  readonly id: PointId
  readonly payload?: JsonObject | null
  readonly vector?: number[] | Record<string, number[]> | null
}

export interface ScoredPoint extends PointRecord {
  readonly version: number
  readonly score: number
}

export interface ReadOptions {
  readonly with_payload?: PayloadSelector
  readonly with_vector?: boolean | readonly string[]
}

export interface ScrollRequest extends ReadOptions {
  readonly filter?: Filter
  /** Default 10. */
  readonly limit?: number
  /** First id of the page, inclusive. */
  readonly offset?: PointId
}

export interface ScrollPage {
  readonly points: PointRecord[]
  readonly next_page_offset?: PointId | null
}

export interface NearestQuery {
  readonly nearest: VectorInput | PointId
  /** Maximal marginal relevance: `diversity` from 0 (nearest) to 1 (most diverse), among so many candidates. */
  readonly mmr?: { readonly diversity?: number; readonly candidates_limit?: number }
}

export interface QueryRequest extends ReadOptions {
  /** A vector, the id of a point to search from, or `{ nearest }`, with `mmr` for diverse answers. */
  readonly query?: VectorInput | PointId | NearestQuery
  /** Name of the vector space. */
  readonly using?: string
  readonly filter?: Filter
  readonly limit?: number
  readonly offset?: number
  readonly score_threshold?: number
  readonly params?: {
    readonly hnsw_ef?: number
    readonly exact?: boolean
    /** Of a space whose graph holds int8 codes. */
    readonly quantization?: { readonly ignore?: boolean; readonly rescore?: boolean; readonly oversampling?: number }
  }
}

/** One call's options, beside its contents. */
export interface CallOptions {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
  /** `false`: this call is tried once. */
  readonly retry?: boolean
  /** Reads: what the answer must contain, beside what the session has seen. See `docs/guarantees.md`. */
  readonly consistency?: 'local' | 'quorum' | 'all' | 'linearizable'
  /** Reads: nothing may be missing that any region had so many ms ago. */
  readonly stalenessMaxMs?: number
  /** Reads: answer though that was not reached in time. */
  readonly allowStale?: boolean
}

export interface WriteOptions extends CallOptions {
  /** Wait until local searches see it. Default true. */
  readonly wait?: boolean
  /**
   * How many regions must have it on disk. Late is no error: `status` is then `wait_timeout`. A `linearizable` write, of whole
   * points by id, is sent once unless `retry` is true: one that is repeated may take effect twice.
   */
  readonly concern?: 'local' | 'quorum' | 'all' | 'linearizable' | number
}
