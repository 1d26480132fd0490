import type { VectorParams } from '@meridian/core'
import { extraNumbers } from './embedding.js'
import { formOf, packedBytes } from './number-form.js'
import { codesOf, isQuantized } from './quantizer.js'
import type { Rows } from './rows.js'

/** Links of upper levels, label table, locks and what the allocator adds: measured 100-160 bytes a slot at M 16-24. */
const SLOT_EXTRA_BYTES = 160

const vectorBytes = (params: VectorParams): number => {
  if (isQuantized(params)) return codesOf(params)
  const { size, metric } = params
  const floats = metric === 'Dot' ? extraNumbers(size) : 0
  const form = formOf(params)
  if (form === 'float32') return (size + floats) * 4
  return packedBytes({ numbers: form, floats, isDirected: metric === 'Cosine' }, size)
}

/** Bytes that a slot of a graph takes at most: vector and what is beside it, links of the lowest level, the rest. */
const slotBytes = (params: VectorParams): number => {
  return vectorBytes(params) + 4 + params.hnsw.m * 2 * 4 + 8 + SLOT_EXTRA_BYTES
}

/** About; capacity grows ahead of need and is not counted: its pages are not touched. */
export const graphBytes = (params: VectorParams, slots: number): number => slots * slotBytes(params)

/** Id, version, ordinal, label and their tables, about. */
const ROW_EXTRA_BYTES = 160

/** Of rows and the vectors that are theirs. */
export const rowsBytes = ({ end, heldBytes }: Rows): number => heldBytes + end * ROW_EXTRA_BYTES
