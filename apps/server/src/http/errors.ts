import { type ErrorCode, StoreError } from '@meridian/core'

interface Presentation {
  readonly status: number
  /** How the sentence of the envelope starts; clients look at some of these. */
  readonly prefix: string
  /** Whole seconds, one digit: js-client-rest reads only the first character. */
  readonly retryAfterSeconds?: number
}

/** How every error code looks to a client. A new code does not compile until it has a row. */
export const PRESENTATION: Readonly<Record<ErrorCode, Presentation>> = {
  BAD_REQUEST: { status: 400, prefix: 'Bad request: ' },
  MALFORMED_BODY: { status: 400, prefix: 'Format error in JSON body: ' },
  VALIDATION: { status: 422, prefix: 'Validation error in JSON body: ' },
  WRONG_INPUT: { status: 400, prefix: 'Wrong input: ' },
  COLLECTION_NOT_FOUND: { status: 404, prefix: 'Not found: ' },
  COLLECTION_EXISTS: { status: 409, prefix: 'Wrong input: ' },
  POINT_NOT_FOUND: { status: 404, prefix: 'Not found: ' },
  UNKNOWN_ROUTE: { status: 404, prefix: 'Not found: ' },
  METHOD_NOT_ALLOWED: { status: 405, prefix: 'Method not allowed: ' },
  UNSUPPORTED: { status: 400, prefix: 'Not supported: ' },
  UNAUTHENTICATED: { status: 401, prefix: '' },
  FORBIDDEN: { status: 403, prefix: 'Forbidden: ' },
  RATE_LIMITED: { status: 429, prefix: '', retryAfterSeconds: 1 },
  INDEX_BEHIND: { status: 429, prefix: 'Too many requests: ', retryAfterSeconds: 1 },
  TOO_MANY_REQUESTS: { status: 429, prefix: 'Rate limiting exceeded: ' },
  BODY_TOO_LARGE: { status: 413, prefix: 'Payload too large: ' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, prefix: 'Unsupported media type: ' },
  TIMEOUT: { status: 408, prefix: 'Timeout: ' },
  NO_QUORUM: { status: 503, prefix: 'Service unavailable: ', retryAfterSeconds: 1 },
  CLOCK_SKEW: { status: 503, prefix: 'Service unavailable: ', retryAfterSeconds: 5 },
  STORAGE_FAILED: { status: 500, prefix: 'Service internal error: ' },
  STORAGE_FULL: { status: 507, prefix: 'No space left: ' },
  MEMORY_FULL: { status: 507, prefix: 'No space left: ' },
  STORAGE_CORRUPT: { status: 503, prefix: 'Service unavailable: ', retryAfterSeconds: 1 },
  OVERLOADED: { status: 503, prefix: 'Service unavailable: ', retryAfterSeconds: 1 },
  SHUTTING_DOWN: { status: 503, prefix: 'Service unavailable: ', retryAfterSeconds: 2 },
  NOT_READY: { status: 503, prefix: 'Service unavailable: ', retryAfterSeconds: 1 },
  IDENTITY_CONFLICT: { status: 500, prefix: 'Service internal error: ' },
  DECODE_FAILED: { status: 500, prefix: 'Service internal error: ' },
  INTERNAL: { status: 500, prefix: 'Service internal error: ' },
}

/** The operating error in whatever was thrown; a bug becomes `INTERNAL` with nothing of its text but in the log. */
export const asStoreError = (thrown: unknown): StoreError =>
  thrown instanceof StoreError ? thrown : new StoreError('INTERNAL', 'unexpected error, see the log', { cause: thrown })

export const badRequest = (message: string): StoreError => new StoreError('BAD_REQUEST', message)
/** The body is not of the shape that the route reads. */
export const formatError = (message: string): StoreError => new StoreError('MALFORMED_BODY', message)
/** A value of the right type but out of range. */
export const invalid = (path: string, message: string): StoreError =>
  new StoreError('VALIDATION', `[${path}: ${message}]`)
export const wrongInput = (message: string): StoreError => new StoreError('WRONG_INPUT', message)
export const unsupported = (message: string): StoreError => new StoreError('UNSUPPORTED', message)
export const collectionExists = (name: string): StoreError =>
  new StoreError('COLLECTION_EXISTS', `Collection \`${name}\` already exists!`)
export const noPoint = (id: unknown): StoreError => new StoreError('POINT_NOT_FOUND', `No point with id ${id} found`)
