import { isSparse, isSparseSpace, type VectorIndex, type VectorValue } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import type { Target } from './plan.js'

/** Makes what is searched for of what was sent. */
export type Weigh = (value: VectorValue) => VectorValue

const AS_IT_IS: Weigh = (value) => value

/**
 * For a sparse space with the modifier `idf`: each number of a query times the inverse document frequency of its index among
 * the live vectors of the collection, filtered or not. (Robertson and Spärck Jones, 1976, with one added inside the logarithm,
 * so that it stays positive.) An index that no vector has counts most, and matches nothing.
 */
export const weighing = async (collection: Collection, index: VectorIndex, target: Target): Promise<Weigh> => {
  if (!isSparseSpace(target.params) || target.params.modifier !== 'idf') return AS_IT_IS
  const terms = await index.terms(collection.searchable(target.space))
  if (terms === undefined) return AS_IT_IS
  const { vectors } = terms
  const weighed = new Map<VectorValue, VectorValue>()
  return (value) => {
    if (!isSparse(value)) return value
    const before = weighed.get(value)
    if (before !== undefined) return before
    const values = value.values.map((number, i) => {
      const having = terms.having(value.indices[i]!)
      return number * Math.fround(Math.log((vectors - having + 0.5) / (having + 0.5) + 1))
    })
    const after = { indices: value.indices, values }
    weighed.set(value, after)
    return after
  }
}
