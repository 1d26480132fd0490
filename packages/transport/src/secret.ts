import { createHash, timingSafeEqual } from 'node:crypto'
import { StoreError } from '@meridian/core'

const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest()

/** Whether two secrets are equal, in a time that tells neither their content nor their lengths. */
export const sameSecret = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b))

/**
 * The secret itself, if it fits into a header as one bearer token.
 * @throws StoreError `BAD_REQUEST` unless it is visible ASCII without spaces. The message does not quote it.
 */
export const parseSecret = (secret: string): string => {
  if (/^[!-~]+$/.test(secret)) return secret
  throw new StoreError('BAD_REQUEST', 'a key must be one or more visible ASCII characters without spaces')
}

/** The token of an `authorization: Bearer <token>` header; `undefined` for any other header. */
export const bearerToken = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : /^bearer +(\S+) *$/i.exec(header)?.[1]
