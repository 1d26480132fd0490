import type { JsonValue } from '@meridian/core'
import type { Test } from '../filter/field.js'
import type { Bits } from './bits.js'
import { GeoColumn } from './geo-column.js'
import { NumberColumn } from './number-column.js'
import { ValueColumn } from './value-column.js'

/**
 * What one payload key leads to, by ordinal, in a form that a test runs through fast. It holds every value exactly, whatever
 * type the index was declared with, so that what it says never differs from a look at the payload.
 */
export interface Column {
  /** Rough, as held now. */
  readonly bytes: number
  /** Values that the key leads to, in order, in place of what the record had; none: it leads nowhere. */
  set(ordinal: number, values: readonly JsonValue[]): void
  /** Adds the ordinals below its length of which one value passes. */
  fill(bits: Bits, test: Test): void
}

/** The types that an index may be declared with; others are of later versions, and are not indexed. */
export const columnOf = (type: string): Column | undefined => {
  switch (type) {
    case 'integer':
    case 'float':
      return new NumberColumn()
    case 'geo':
      return new GeoColumn()
    case 'keyword':
    case 'bool':
    case 'datetime':
    case 'uuid':
    case 'text':
      return new ValueColumn()
    default:
      return undefined
  }
}
