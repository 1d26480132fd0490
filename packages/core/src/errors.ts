/**
 * Every way an operation can fail for a reason outside the code. A bug is an `assert`, not one of these.
 * The HTTP status and the wording of the envelope of each are chosen in one exhaustive table at the edge.
 */
export type ErrorCode =
  | 'BAD_REQUEST'
  | 'MALFORMED_BODY'
  | 'VALIDATION'
  | 'WRONG_INPUT'
  | 'COLLECTION_NOT_FOUND'
  | 'COLLECTION_EXISTS'
  | 'POINT_NOT_FOUND'
  | 'UNKNOWN_ROUTE'
  | 'METHOD_NOT_ALLOWED'
  | 'UNSUPPORTED'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'RATE_LIMITED'
  | 'INDEX_BEHIND'
  | 'TOO_MANY_REQUESTS'
  | 'BODY_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'TIMEOUT'
  | 'NO_QUORUM'
  | 'CLOCK_SKEW'
  | 'STORAGE_FAILED'
  | 'STORAGE_FULL'
  | 'MEMORY_FULL'
  | 'STORAGE_CORRUPT'
  | 'OVERLOADED'
  | 'SHUTTING_DOWN'
  | 'NOT_READY'
  | 'IDENTITY_CONFLICT'
  | 'DECODE_FAILED'
  | 'INTERNAL'

export class StoreError extends Error {
  override readonly name = 'StoreError'
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** A broken promise of our own code. Never caught to go on. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}

export const unreachable = (value: never): never => {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}
