import { ByteReader, malformed } from '@meridian/core'
import { readSigned } from './signed.js'

/**
 * Operations in a change, and references to earlier ones. An honest change has a dozen. Automerge's time for a map of many keys
 * is more than linear: 5 ms for 500 keys, 300 ms for 4,000.
 */
export const OPS_MAX = 512
const COLUMNS_MAX = 64

// A column's specification: id << 4 | deflated << 3 | type.
const DEFLATED = 8
const TYPE = { group: 0, actor: 1, integer: 2, delta: 3, boolean: 4, text: 5, valueHead: 6, value: 7 } as const
const COLUMN_OBJECT = 0x02
const COLUMN_ACTION = 0x42

/** What a change's columns hold. */
export interface ColumnCounts {
  readonly ops: number
  /** Operations on the root object. */
  readonly rootOps: number
}

/**
 * Walks the columns of a change without unrolling them: every count is bounded by `OPS_MAX`, and so is what groups add up to.
 * Takes everything that is left of `body`.
 * @throws StoreError `DECODE_FAILED`.
 */
export const checkColumns = (body: ByteReader): ColumnCounts => {
  const columns: { spec: number; length: number }[] = []
  for (let left = body.varuint(COLUMNS_MAX); left > 0; left--) {
    const spec = body.varuint(0xffffffff)
    if ((spec & DEFLATED) !== 0) throw malformed('compressed column in a change')
    if (spec <= (columns.at(-1)?.spec ?? -1)) throw malformed('columns out of order')
    columns.push({ spec, length: body.varuint() })
  }
  let ops = 0
  let inObjects = 0
  for (const { spec, length } of columns) {
    const column = new ByteReader(body.raw(length))
    const counts = countColumn(column, spec)
    if (spec === COLUMN_ACTION) ops = counts.rows
    if (spec === COLUMN_OBJECT) inObjects = counts.filled
  }
  body.end()
  return { ops, rootOps: Math.max(ops - inObjects, 0) }
}

interface Counts {
  rows: number
  /** Rows that are not null. */
  filled: number
}

const countColumn = (column: ByteReader, spec: number): Counts => {
  const type = spec & 7
  const counts: Counts = { rows: 0, filled: 0 }
  if (type === TYPE.value) return counts
  if (type === TYPE.boolean) {
    while (column.remaining > 0) add(counts, column.varuint(OPS_MAX), true)
    return counts
  }
  let grouped = 0
  while (column.remaining > 0) {
    const run = readSigned(column)
    if (run > 0) {
      add(counts, run, true)
      grouped += run * readValue(column, spec)
    } else if (run === 0) {
      add(counts, column.varuint(OPS_MAX), false)
    } else {
      add(counts, -run, true)
      for (let left = -run; left > 0; left--) grouped += readValue(column, spec)
    }
    if (grouped > OPS_MAX) throw malformed(`change with more than ${OPS_MAX} references`)
  }
  return counts
}

const add = (counts: Counts, rows: number, filled: boolean): void => {
  counts.rows += rows
  if (filled) counts.filled += rows
  if (counts.rows > OPS_MAX) throw malformed(`change with more than ${OPS_MAX} operations`)
}

/** Skips one value; what it adds to a group's size. */
const readValue = (column: ByteReader, spec: number): number => {
  const type = spec & 7
  if (type === TYPE.text) {
    column.bytes()
    return 0
  }
  if (type === TYPE.delta) {
    readSigned(column)
    return 0
  }
  const value = column.varuint()
  // Automerge numbers the root object 0.
  if (spec === COLUMN_OBJECT && value === 0) throw malformed('change writes the root of the catalog')
  return type === TYPE.group ? value : 0
}
