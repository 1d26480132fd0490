import type { Datatype } from './datatype.js'

/** How two vectors of a space are compared. */
export type Metric = 'Cosine' | 'Dot' | 'Euclid' | 'Manhattan'
export const METRICS: readonly Metric[] = ['Cosine', 'Dot', 'Euclid', 'Manhattan']

/** Whether a larger score is a better match. */
export const isSimilarity = (metric: Metric): boolean => metric === 'Cosine' || metric === 'Dot'

export interface HnswParams {
  /** Links a node. 4-128. */
  readonly m: number
  /** Candidates looked at while inserting. 4-4096. */
  readonly efConstruct: number
}

/** Measured best for this engine: recall of M 16 / ef 200 at 1.7 times its insert rate. */
export const HNSW_DEFAULT: HnswParams = { m: 24, efConstruct: 100 }

/** Codes of one byte a number in the graph; whole vectors decide the order of what it finds. */
export interface Quantization {
  /** Share of the numbers that the range of the codes is to hold: 0.5-1. */
  readonly quantile: number
}

/** A vector space: vectors of different spaces are never compared with one another. */
export interface VectorParams {
  /** 1-65,536. */
  readonly size: number
  readonly metric: Metric
  readonly hnsw: HnswParams
  /** Records hold several vectors of the space: a query's score is the sum, over its rows, of the best match of each. */
  readonly multi?: 'max_sim'
  /** Numbers are stored so, and rounded to it. Absent: float32. */
  readonly datatype?: Datatype
  /** A setting, and no part of a collection's configuration: only the index is told. */
  readonly quantization?: Quantization
}

/** A space of sparse vectors. They are compared by their product, over the indices that both have. */
export interface SparseParams {
  /** `idf`: a search weighs the numbers of its query by how rare their indices are among the vectors of the space. */
  readonly modifier: 'none' | 'idf'
}

export type SpaceParams = VectorParams | SparseParams

export const isSparseSpace = (params: SpaceParams): params is SparseParams => 'modifier' in params

/** What makes two collections of one name the same collection. */
export interface CollectionConfig {
  /** By vector name; the unnamed vector has the name ''. At least one, here or in `sparse`. */
  readonly vectors: Readonly<Record<string, VectorParams>>
  /** Names that `vectors` does not have. Absent when there are none, so that each configuration has one form. */
  readonly sparse?: Readonly<Record<string, SparseParams>>
  /** Fixed for the life of the collection. 1-256. */
  readonly shards: number
}

export const SHARDS_DEFAULT = 4
export const SHARDS_MAX = 256

/** Dense spaces first. */
export const spacesOf = ({ vectors, sparse }: CollectionConfig): [name: string, params: SpaceParams][] => [
  ...Object.entries(vectors),
  ...Object.entries(sparse ?? {}),
]

export const spaceNamed = ({ vectors, sparse }: CollectionConfig, name: string): SpaceParams | undefined => {
  if (Object.hasOwn(vectors, name)) return vectors[name]
  return sparse !== undefined && Object.hasOwn(sparse, name) ? sparse[name] : undefined
}

/** How a space stores its numbers; `undefined`: as float32. */
export const datatypeOf = (params: SpaceParams | undefined): Datatype | undefined =>
  params === undefined || isSparseSpace(params) ? undefined : params.datatype
