import {
  isSparse,
  type JsonObject,
  type JsonValue,
  numbersOf,
  type RecordState,
  type Stamp,
  type VectorValue,
  type VisibleRecord,
} from '@meridian/core'

/** Whether two records read the same, to the last float. */
export const isSameRecord = (a: VisibleRecord, b: VisibleRecord): boolean =>
  a.vectors.size === b.vectors.size &&
  [...a.vectors].every(([name, vector]) => {
    const other = b.vectors.get(name)
    return other !== undefined && isSameVector(vector, other)
  }) &&
  isSameJson(a.payload, b.payload)

const isSameVector = (a: VectorValue, b: VectorValue): boolean =>
  areSameNumbers(numbersOf(a), numbersOf(b)) &&
  isSparse(a) === isSparse(b) &&
  (!isSparse(a) || !isSparse(b) || areSameNumbers(a.indices, b.indices))

const areSameNumbers = (a: ArrayLike<number>, b: ArrayLike<number>): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Whatever the order of keys. */
export const isSameJson = (a: JsonValue, b: JsonValue): boolean => {
  if (a === b) return true
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false
  if (Array.isArray(a) || Array.isArray(b))
    return (
      Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each, i) => isSameJson(each, b[i]!))
    )
  return isSameObject(a, b)
}

const isSameObject = (a: JsonObject, b: JsonObject): boolean => {
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isSameJson(a[key]!, b[key]!))
  )
}

/** Whether two states are made of the same writes. */
export const isSameState = (a: RecordState, b: RecordState): boolean =>
  a.presence?.alive === b.presence?.alive &&
  isSameStamp(a.presence?.stamp, b.presence?.stamp) &&
  isSameStamp(a.cleared, b.cleared) &&
  areSameCells(a.vectors, b.vectors) &&
  areSameCells(a.payload, b.payload)

type Cells = ReadonlyMap<string, { readonly stamp: Stamp }>

const areSameCells = (a: Cells, b: Cells): boolean => {
  if (a.size !== b.size) return false
  for (const [name, { stamp }] of a) {
    const other = b.get(name)
    if (other === undefined || !isSameStamp(stamp, other.stamp)) return false
  }
  return true
}

export const isSameStamp = (a: Stamp | undefined, b: Stamp | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.ms === b.ms && a.counter === b.counter && a.writer === b.writer)
