import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { StoreError } from '@meridian/core'
import type { KeyAccess, KeyGrant } from './keys-file.js'

/** What a route does: reads, changes points and payload indexes, or anything else. */
export type Need = 'read' | 'write' | 'manage'

/** What the key of one request may do. */
export interface Grant {
  /** For the log. */
  readonly name: string
  readonly access: KeyAccess
  /** All when `undefined`. */
  readonly collections: readonly string[] | undefined
}

const ALL: Grant = { name: 'open', access: 'admin', collections: undefined }
const RANK: Readonly<Record<KeyAccess | Need, number>> = {
  read: 0,
  'read-only': 0,
  write: 1,
  'read-write': 1,
  manage: 2,
  admin: 2,
}

export interface KeyOptions {
  readonly apiKey?: string | undefined
  readonly readOnlyApiKey?: string | undefined
  readonly keys?: readonly KeyGrant[]
}

const hash = (text: string): Buffer => createHash('sha256').update(text).digest()

/**
 * Knows the keys of a region. A request's key is hashed and compared with every known one, each in constant time, so neither
 * the time taken nor a length says anything about a key.
 */
export class Keyring {
  readonly #keys: { readonly digest: Buffer; readonly grant: Grant }[] = []

  constructor({ apiKey, readOnlyApiKey, keys = [] }: KeyOptions) {
    const add = (digest: Buffer, grant: Grant): void => void this.#keys.push({ digest, grant })
    if (apiKey !== undefined) add(hash(apiKey), { ...ALL, name: 'api-key' })
    if (readOnlyApiKey !== undefined)
      add(hash(readOnlyApiKey), { name: 'read-only-api-key', access: 'read-only', collections: undefined })
    for (const { sha256, name, access, collections } of keys)
      add(Buffer.from(sha256, 'hex'), { name, access, collections })
  }

  /** Without keys everybody may do everything. */
  get isOpen(): boolean {
    return this.#keys.length === 0
  }

  /** `undefined` for a wrong or missing key. */
  find(headers: IncomingHttpHeaders): Grant | undefined {
    if (this.isOpen) return ALL
    const given = hash(keyOf(headers) ?? '')
    let found: Grant | undefined
    for (const { digest, grant } of this.#keys) if (timingSafeEqual(digest, given)) found ??= grant
    return found
  }
}

/** The key that a request carries; `undefined` when it carries none. */
export const keyOf = (headers: IncomingHttpHeaders): string | undefined => {
  const key = headers['api-key']
  if (typeof key === 'string') return key
  return /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1]
}

/** `collection`: its name in the catalog, no alias; `undefined` when a route is of no single collection. */
export const allows = (grant: Grant, need: Need, collection: string | undefined): boolean => {
  if (RANK[grant.access] < RANK[need]) return false
  return grant.collections === undefined || (collection !== undefined && grant.collections.includes(collection))
}

export const forbidden = (grant: Grant, need: Need): StoreError =>
  new StoreError('FORBIDDEN', `this key (${grant.name}) may not ${need} here; use one with that access`)
