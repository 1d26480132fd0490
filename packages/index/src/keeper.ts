import type { Metric } from '@meridian/core'

/** Where no row is. */
export const NO_ROW = 0xffffffff
/** Where no label is. */
export const NO_LABEL = 0xffffffff

/** Keeps the vectors of rows for them, so that there is one copy of each: a graph, whose elements have them anyway. */
export interface Keeper {
  /** Every label is below it. */
  readonly end: number
  /** Whether the vector of the row is here. */
  keeps(row: number): boolean
  /** `NO_LABEL` for a row that it does not have. */
  labelOf(row: number): number
  /** `NO_ROW` for a label that is dead. */
  rowOf(label: number): number
  /** Copies the vector of a label as it is stored: see `Rows.storedAt`. */
  read(label: number, into: Float32Array): void
  /** As `ScoreVectors`, of the vectors of labels as they are compared. */
  score(metric: Metric, query: Float32Array, labels: Uint32Array, scores: Float32Array): void
}
