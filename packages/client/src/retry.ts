import { ClientError } from './client-error.js'

/**
 * When a call is tried again: after a lost connection, 503 or 429, and only if it is idempotent. Every call of this client
 * is, in that repeating it leaves the same records; a repeated write takes a new stamp, so it may win over another region's
 * write that came between. Set `attempts` to 1 where that matters.
 */
export interface RetryPolicy {
  /** Tries in all, at least 1. */
  readonly attempts: number
  /** First pause in ms; doubles with every try. */
  readonly baseMs: number
  /** Longest pause in ms. */
  readonly maxMs: number
}

export const RETRY_DEFAULT: RetryPolicy = { attempts: 4, baseMs: 100, maxMs: 2_000 }
export const NO_RETRY: RetryPolicy = { attempts: 1, baseMs: 0, maxMs: 0 }

/**
 * Pause before try number `attempt + 1`, in ms: exponential with "equal jitter" (half fixed, half drawn), so that clients
 * cut off together do not come back together. `draw` is in [0, 1). A server's `Retry-After` is the least that is waited.
 */
export const backoffMs = (policy: RetryPolicy, attempt: number, draw: number, retryAfterMs = 0): number => {
  const step = Math.min(policy.maxMs, policy.baseMs * 2 ** (attempt - 1))
  return Math.max(retryAfterMs, Math.round(step / 2 + (step / 2) * draw))
}

/** Resolves after `delayMs`; rejects at once with the signal's reason when it aborts. */
export type Pause = (delayMs: number, signal: AbortSignal | undefined) => Promise<void>

export const pause: Pause = (delayMs, signal) =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, delayMs)
    signal?.addEventListener('abort', onAbort, { once: true })
  })

export interface RetryOptions {
  readonly policy: RetryPolicy
  readonly signal?: AbortSignal | undefined
  readonly pause?: Pause
  readonly draw?: () => number
  /** Which errors are worth another try. Default: the transient ones. */
  readonly isRetried?: (error: ClientError) => boolean
  /** The next try needs no pause: it goes elsewhere. Default: none. */
  readonly isAtOnce?: (error: ClientError) => boolean
  /** Told before every pause. */
  readonly onRetry?: (error: ClientError, attempt: number, delayMs: number) => void
}

/** Runs `call` until it succeeds, fails for good, or the tries are used up; then throws the last error. */
export const withRetry = async <T>(call: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(attempt)
    } catch (error) {
      if (!(error instanceof ClientError) || attempt >= options.policy.attempts) throw error
      if (!(options.isRetried?.(error) ?? error.isTransient)) throw error
      const delayMs = options.isAtOnce?.(error)
        ? 0
        : backoffMs(options.policy, attempt, (options.draw ?? Math.random)(), error.retryAfterMs)
      options.onRetry?.(error, attempt, delayMs)
      try {
        await (options.pause ?? pause)(delayMs, options.signal)
      } catch (cause) {
        throw new ClientError(0, 'call was cancelled', 'ABORTED', undefined, { cause })
      }
    }
  }
}
