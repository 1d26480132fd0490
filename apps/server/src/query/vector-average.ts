import { assert, isDense, isMulti, isSparse, type SparseVector, type VectorValue } from '@meridian/core'

/** Average of values of one space, at least one: a multivector has the rows of all. */
export const meanOf = (values: readonly VectorValue[]): VectorValue => {
  const [first] = values
  assert(first !== undefined, 'an average is of something')
  if (isMulti(first)) {
    const rows = values.filter(isMulti)
    const data = new Float32Array(rows.reduce((sum, { data }) => sum + data.length, 0))
    let at = 0
    for (const each of rows) {
      data.set(each.data, at)
      at += each.data.length
    }
    return { dims: first.dims, data }
  }
  if (isSparse(first)) {
    const sums = new Map<number, number>()
    for (const { indices, values: numbers } of values.filter(isSparse))
      for (const [i, index] of indices.entries()) sums.set(index, (sums.get(index) ?? 0) + numbers[i]!)
    return sparseOf([...sums].map(([index, sum]) => [index, sum / values.length]))
  }
  const sum = new Float64Array(first.length)
  for (const vector of values.filter(isDense)) for (let i = 0; i < sum.length; i++) sum[i]! += vector[i]!
  return Float32Array.from(sum, (value) => value / values.length)
}

/** `towards`, and as far again from `away`: for multivectors, the rows of both, those of `away` turned round. */
export const apart = (towards: VectorValue, away: VectorValue): VectorValue => {
  if (isMulti(towards) && isMulti(away)) {
    const turned = { dims: away.dims, data: away.data.map((value) => -value) }
    return meanOf([towards, turned])
  }
  if (isSparse(towards) && isSparse(away)) {
    const sums = new Map<number, number>()
    for (const [i, index] of towards.indices.entries()) sums.set(index, 2 * towards.values[i]!)
    for (const [i, index] of away.indices.entries()) sums.set(index, (sums.get(index) ?? 0) - away.values[i]!)
    return sparseOf([...sums])
  }
  assert(isDense(towards) && isDense(away), 'the vectors of a space are of one form')
  return towards.map((value, i) => value + value - away[i]!)
}

const sparseOf = (pairs: [index: number, value: number][]): SparseVector => {
  pairs.sort(([a], [b]) => a - b)
  return {
    indices: Uint32Array.from(pairs, ([index]) => index),
    values: Float32Array.from(pairs, ([, value]) => value),
  }
}
