import type { JsonObject, PointId, VectorInput } from '@meridian/client'

/** One vector, or vectors by name. */
export type RowVector = VectorInput | Readonly<Record<string, VectorInput>>

/**
 * One record of a file. `row` counts from 0 (in NDJSON: line number - 1, blank lines count), `endByte` is where the next one
 * begins: together they are a place to resume at.
 */
export type Row = { readonly row: number; readonly endByte: number } & (
  | {
      readonly kind: 'point'
      readonly id: PointId | undefined
      readonly vector: RowVector
      readonly payload: JsonObject | undefined
    }
  | { readonly kind: 'blank' }
  | { readonly kind: 'bad'; readonly reason: string }
)

/** Where reading starts; `byte` is the offset of the first byte of `row`. */
export interface Place {
  readonly row: number
  readonly byte: number
}

export const START: Place = { row: 0, byte: 0 }

export const isFlat = (vector: RowVector): vector is VectorInput =>
  Array.isArray(vector) || vector instanceof Float32Array
