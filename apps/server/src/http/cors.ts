import type { IncomingHttpHeaders } from 'node:http'

const METHODS = 'GET, PUT, POST, PATCH, DELETE'
const HEADERS_FALLBACK = 'api-key, authorization, content-type'
const EXPOSED =
  'x-request-id, retry-after, meridian-token, meridian-served-by, meridian-write-status, meridian-durable-in, meridian-plan'
const MAX_AGE_SECONDS = '3600'

/**
 * What a page of another origin may do. Keys travel in headers that a page sets itself, so credentials (cookies) are never
 * allowed, and `*` gives nothing away that the key does not guard.
 */
export class Cors {
  readonly #origins: ReadonlySet<string>

  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins)
  }

  /** Headers of an answer. */
  headers({ origin }: IncomingHttpHeaders): Record<string, string> {
    if (this.#origins.size === 0) return {}
    if (this.#origins.has('*')) return { 'access-control-allow-origin': '*', 'access-control-expose-headers': EXPOSED }
    if (origin === undefined || !this.#origins.has(origin)) return { vary: 'origin' }
    return { 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED, vary: 'origin' }
  }

  /** Headers of the answer to a preflight; `undefined` when the request is none, or its origin may not call. */
  preflight(method: string, headers: IncomingHttpHeaders): Record<string, string> | undefined {
    if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return undefined
    const allowed = this.headers(headers)
    if (allowed['access-control-allow-origin'] === undefined) return undefined
    const wanted = headers['access-control-request-headers']
    return {
      ...allowed,
      'access-control-allow-methods': METHODS,
      'access-control-allow-headers':
        wanted !== undefined && /^[\w\s,-]{1,1000}$/.test(wanted) ? wanted : HEADERS_FALLBACK,
      'access-control-max-age': MAX_AGE_SECONDS,
    }
  }
}
