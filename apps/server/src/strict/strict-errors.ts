import type { StoreError } from '@meridian/core'
import { badRequest } from '../http/errors.js'

/** What strict mode refuses, in Qdrant's words: what is wrong, and what helps. */
export const strictError = (what: string, help: string): StoreError => badRequest(`${what}. Help: ${help}`)

/** @throws StoreError `BAD_REQUEST`. */
export const checkLimit = (value: number | undefined, limit: number | undefined, name: string): void => {
  if (value !== undefined && limit !== undefined && value > limit)
    throw strictError(
      `Limit exceeded ${value} > ${limit} for "${name}"`,
      `Reduce the "${name}" parameter to or below ${limit}.`,
    )
}
