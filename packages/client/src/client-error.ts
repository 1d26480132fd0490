/** Why a call got no usable answer; absent on `ClientError` when the server did answer, with an error status. */
export type ClientErrorCode = 'CONNECTION_LOST' | 'TIMEOUT' | 'ABORTED' | 'BAD_ANSWER'

/**
 * A call that did not succeed. With a `status` of 400 and up the server said no, and `message` is its sentence. With status
 * 0 no whole answer came: then nothing is known about a write except that sending it again is safe (see `RetryPolicy`).
 */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  constructor(
    /** HTTP status; 0 when no whole answer came. */
    readonly status: number,
    message: string,
    readonly code?: ClientErrorCode,
    /** What the server asked for in `Retry-After`, in milliseconds. */
    readonly retryAfterMs?: number,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }

  /** Whether the same call may succeed a little later without anything else changing. */
  get isTransient(): boolean {
    return this.status === 503 || this.status === 429 || this.code === 'CONNECTION_LOST'
  }
}
