import type { ConflictCell } from './conflict.js'
import type { Entry } from './entry.js'
import { canonicalJson, type JsonObject, type JsonValue } from './json.js'
import { isDense, isSparse, numbersOf, type VectorValue } from './vector-value.js'

/** What one write says of a disputed cell. */
export interface CellValue {
  /** The record, or the payload key, is taken away. */
  readonly isRemoved: boolean
  readonly vectors: ReadonlyMap<string, VectorValue>
  /** Vectors that a patch takes away. */
  readonly dropped: readonly string[]
  /** Of the whole record, the whole payload, or the one key. */
  readonly payload: JsonObject
}

const NOTHING: CellValue = { isRemoved: false, vectors: new Map(), dropped: [], payload: {} }

export const cellValue = (entry: Entry, cell: ConflictCell): CellValue => {
  if (entry.kind === 'delete') return { ...NOTHING, isRemoved: true }
  const payload = entry.kind === 'put' ? entry.payload : entry.set
  switch (cell.kind) {
    case 'record':
      return { ...NOTHING, vectors: entry.vectors, payload }
    case 'vectors':
      return { ...NOTHING, vectors: entry.vectors, dropped: entry.kind === 'patch' ? entry.dropVectors : [] }
    case 'payload': {
      const { key } = cell
      if (key === undefined) return { ...NOTHING, payload }
      const isThere = Object.hasOwn(payload, key) && !(entry.kind === 'patch' && entry.unset.includes(key))
      return isThere ? { ...NOTHING, payload: { [key]: payload[key] as JsonValue } } : { ...NOTHING, isRemoved: true }
    }
  }
}

/** Whether it makes no difference which of the two won: then there is nothing to list. */
export const isSameValue = (a: CellValue, b: CellValue): boolean =>
  a.isRemoved === b.isRemoved &&
  canonicalJson(a.payload) === canonicalJson(b.payload) &&
  [...a.dropped].sort().join('\0') === [...b.dropped].sort().join('\0') &&
  a.vectors.size === b.vectors.size &&
  [...a.vectors].every(([name, value]) => {
    const other = b.vectors.get(name)
    return other !== undefined && isSameVector(value, other)
  })

const isSameVector = (a: VectorValue, b: VectorValue): boolean => {
  if (isDense(a) !== isDense(b) || isSparse(a) !== isSparse(b)) return false
  if (isSparse(a) && isSparse(b) && !areEqual(a.indices, b.indices)) return false
  if (!isDense(a) && !isSparse(a) && 'dims' in b && a.dims !== b.dims) return false
  return areEqual(numbersOf(a), numbersOf(b))
}

const areEqual = (a: ArrayLike<number>, b: ArrayLike<number>): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** -1 to 1; `undefined` for what has no direction, differs in length or form, or consists of several vectors. */
export const cosineOf = (a: VectorValue, b: VectorValue): number | undefined => {
  if (isDense(a) && isDense(b)) {
    if (a.length !== b.length) return undefined
    let dot = 0
    for (let i = 0; i < a.length; i++) dot += a[i]! * b[i]!
    return ratio(dot, a, b)
  }
  if (!isSparse(a) || !isSparse(b)) return undefined
  let dot = 0
  for (let i = 0, j = 0; i < a.indices.length && j < b.indices.length; ) {
    const order = a.indices[i]! - b.indices[j]!
    if (order === 0) dot += a.values[i]! * b.values[j]!
    if (order <= 0) i++
    if (order >= 0) j++
  }
  return ratio(dot, a.values, b.values)
}

const ratio = (dot: number, a: Float32Array, b: Float32Array): number | undefined => {
  const length = Math.sqrt(squares(a)) * Math.sqrt(squares(b))
  return length === 0 ? undefined : Math.max(-1, Math.min(1, dot / length))
}

const squares = (numbers: Float32Array): number => {
  let sum = 0
  for (const number of numbers) sum += number * number
  return sum
}
