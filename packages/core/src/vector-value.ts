import { isSparseSpace, type SpaceParams } from './collection-config.js'

/** Few numbers of a wide space: those at `indices`; the others are 0. Parallel arrays; indices ascend and are unique. */
export interface SparseVector {
  readonly indices: Uint32Array
  readonly values: Float32Array
}

/** Several vectors of one record in one space: rows of `dims` numbers, one after the other. At least one row. */
export interface MultiVector {
  readonly dims: number
  readonly data: Float32Array
}

/** What a record may hold under a vector's name; a `Float32Array` is a dense vector. */
export type VectorValue = Float32Array | SparseVector | MultiVector

/** Numbers of a sparse vector, inclusive. */
export const SPARSE_LENGTH_MAX = 65_536
/** Numbers of all rows of a multivector together, inclusive. */
export const MULTI_LENGTH_MAX = 1_048_576

export const isDense = (value: VectorValue): value is Float32Array => value instanceof Float32Array
export const isSparse = (value: VectorValue): value is SparseVector => 'indices' in value
export const isMulti = (value: VectorValue): value is MultiVector => 'dims' in value

/** Its numbers, without their places. */
export const numbersOf = (value: VectorValue): Float32Array =>
  isDense(value) ? value : isSparse(value) ? value.values : value.data

export const vectorBytes = (value: VectorValue): number =>
  isSparse(value) ? value.indices.byteLength + value.values.byteLength : numbersOf(value).byteLength

/** The rows of a multivector, as views. */
export const rowsOf = ({ dims, data }: MultiVector): Float32Array[] =>
  Array.from({ length: data.length / dims }, (_, row) => data.subarray(row * dims, (row + 1) * dims))

const isAscending = (indices: Uint32Array): boolean => {
  for (let i = 1; i < indices.length; i++) if (indices[i]! <= indices[i - 1]!) return false
  return true
}

/** Whether all numbers are finite. Zero times anything else is no zero: several numbers are tried in one step, without a branch. */
export const isFinite32 = (numbers: Float32Array): boolean => {
  const even = numbers.length & ~3
  let a = 0
  let b = 0
  let i = 0
  for (; i < even; i += 4) {
    a += numbers[i]! * 0 + numbers[i + 1]! * 0
    b += numbers[i + 2]! * 0 + numbers[i + 3]! * 0
  }
  for (; i < numbers.length; i++) a += numbers[i]! * 0
  return a + b === 0
}

/** Says what is unsound in a value, whatever the space, or nothing: what is unsound is never stored or sent. */
export const valueProblem = (value: VectorValue): string | undefined => {
  if (isSparse(value)) {
    if (value.indices.length !== value.values.length) return 'indices and values differ in number'
    if (value.indices.length > SPARSE_LENGTH_MAX) return `more than ${SPARSE_LENGTH_MAX} numbers`
    if (!isAscending(value.indices)) return 'indices do not ascend'
  } else if (isMulti(value)) {
    if (!Number.isInteger(value.dims) || value.dims < 1) return 'rows without numbers'
    if (value.data.length === 0 || value.data.length % value.dims !== 0) return 'no whole rows'
    if (value.data.length > MULTI_LENGTH_MAX) return `more than ${MULTI_LENGTH_MAX} numbers`
  }
  return isFinite32(numbersOf(value)) ? undefined : 'an element is not a finite float32'
}

const describe = (value: VectorValue): string =>
  isDense(value) ? 'a dense vector' : isSparse(value) ? 'a sparse vector' : 'a multivector'

/** Says why a sound value is none of this space, or nothing. */
export const spaceProblem = (params: SpaceParams, value: VectorValue): string | undefined => {
  if (isSparseSpace(params)) return isSparse(value) ? undefined : `expected a sparse vector, got ${describe(value)}`
  const isExpected = params.multi === undefined ? isDense(value) : isMulti(value)
  if (!isExpected)
    return `expected ${params.multi === undefined ? 'a dense vector' : 'a multivector'}, got ${describe(value)}`
  const dims = isMulti(value) ? value.dims : numbersOf(value).length
  return dims === params.size ? undefined : `Vector dimension error: expected dim: ${params.size}, got ${dims}`
}
