import type { CollectionUid } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import { kindOf } from '../guarantees/kind.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import type { Call, Route } from '../http/router.js'
import { collectionOf, type Region } from '../region.js'
import { readTimeout } from '../schema/params.js'
import { isMap } from '../schema/read.js'
import { checkRead } from './read-check.js'
import { memoryPercent, Sizes } from './sizes.js'
import { checkLimit, strictError } from './strict-errors.js'
import { type StrictConfig, strictOf } from './strict-settings.js'
import { TokenBucket } from './token-bucket.js'
import { checkWrite } from './write-check.js'

const PREFIX = '/collections/:collection'
const NOTHING: JsonMap = {}

interface Buckets {
  Read: TokenBucket | undefined
  Write: TokenBucket | undefined
}

/**
 * Holds requests against the strict mode of their collection, before anything else of them happens. Every region judges what is
 * sent to it, by what it has merged: limits of counts and sizes can be passed by regions that write at once, and rates are of one region.
 */
export class StrictMode {
  readonly #buckets = new Map<CollectionUid, Buckets>()
  readonly #sizes: Sizes

  constructor(
    readonly region: Region,
    readonly nowMs: () => number = () => performance.now(),
  ) {
    this.#sizes = new Sizes(() => ({ memory: memoryPercent(), disk: diskPercent(region) }))
  }

  /** @throws StoreError `BAD_REQUEST`, `TOO_MANY_REQUESTS`, and what reading the filters of the request throws. */
  check(route: Route, { params, query, body }: Pick<Call, 'params' | 'query' | 'body'>): void {
    if (!route.path.startsWith(`${PREFIX}/`)) return
    const collection = this.#find(params.collection!)
    const strict = collection && strictOf(collection)
    if (collection === undefined || strict === undefined) return
    const path = route.path.slice(PREFIX.length)
    if (route.method === 'PUT' && path === '/index') checkIndexCount(collection, strict, body)
    if (!path.startsWith('/points') && path !== '/facet') return
    const timeoutMs = readTimeout(query)
    if (timeoutMs !== undefined) checkLimit(timeoutMs / 1000, strict.max_timeout, 'timeout')
    const map = isMap(body ?? null) ? (body as JsonMap) : NOTHING
    if (kindOf(route) === 'read')
      this.#take('Read', checkRead(path, map, strict, collection), strict.read_rate_limit, collection)
    else {
      const cost = checkWrite(`${route.method} ${path}`, map, strict, collection, this.#sizes)
      if (cost !== undefined) this.#take('Write', cost, strict.write_rate_limit, collection)
    }
  }

  /** One that is not there, or damaged, is for the route to tell. */
  #find(name: string): Collection | undefined {
    try {
      return collectionOf(this.region, name)
    } catch {
      return undefined
    }
  }

  #take(what: 'Read' | 'Write', cost: number, perMinute: number | undefined, { uid }: Collection): void {
    if (perMinute === undefined) return
    const nowMs = this.nowMs()
    const buckets = this.#buckets.get(uid) ?? { Read: undefined, Write: undefined }
    // Another limit begins anew.
    if (buckets[what]?.perMinute !== perMinute) buckets[what] = new TokenBucket(perMinute, nowMs)
    if (!this.#buckets.has(uid)) this.#forget()
    this.#buckets.set(uid, buckets)
    buckets[what]!.take(what, cost, nowMs)
  }

  /** Of collections that are gone. */
  #forget(): void {
    const present = new Set(this.region.replica.collections().map(({ uid }) => uid))
    for (const uid of this.#buckets.keys()) if (!present.has(uid)) this.#buckets.delete(uid)
  }
}

const checkIndexCount = (
  { indexes }: Collection,
  { max_payload_index_count: max }: StrictConfig,
  body: Json | undefined,
): void => {
  const field = isMap(body ?? null) ? (body as JsonMap).field_name : undefined
  // One that is declared anew takes no more room.
  if (max === undefined || (typeof field === 'string' && indexes.has(field)) || indexes.size < max) return
  throw strictError(
    `Collection already has the maximum number of payload indices (${max})`,
    'Please delete an existing index before creating a new one.',
  )
}

const diskPercent = ({ health }: Region): number | undefined => {
  const { room } = health
  return room === undefined || room.totalBytes === 0
    ? undefined
    : Math.floor((100 * (room.totalBytes - room.freeBytes)) / room.totalBytes)
}
