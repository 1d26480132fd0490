import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { StoreError } from '@meridian/core'

const hash = (text: string): Buffer => createHash('sha256').update(text).digest()

/**
 * Checks a request's key against the configured one. Hashes are compared, in constant time, so neither the time taken nor
 * the length says anything about the key.
 */
export class ApiKey {
  readonly #expected: Buffer | undefined

  /** `undefined` lets everybody in. */
  constructor(key: string | undefined) {
    this.#expected = key === undefined ? undefined : hash(key)
  }

  admits(headers: IncomingHttpHeaders): boolean {
    return this.#expected === undefined || timingSafeEqual(hash(keyOf(headers)), this.#expected)
  }

  /** @throws StoreError `UNAUTHENTICATED`. */
  check(headers: IncomingHttpHeaders): void {
    if (!this.admits(headers))
      throw new StoreError('UNAUTHENTICATED', 'Must provide an API key or an Authorization bearer token')
  }
}

const keyOf = (headers: IncomingHttpHeaders): string => {
  const key = headers['api-key']
  if (typeof key === 'string') return key
  return /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? ''
}
