import { StoreError } from '@meridian/core'

/** A request that comes too soon. */
export class TooSoon extends StoreError {
  constructor(
    message: string,
    /** `undefined`: waiting does not help. */
    readonly retryAfterSeconds: number | undefined,
  ) {
    super('TOO_MANY_REQUESTS', message)
  }
}

/** As many tokens a minute as it holds; full at first, so that a burst is taken. */
export class TokenBucket {
  #tokens: number
  #atMs: number

  constructor(
    readonly perMinute: number,
    nowMs: number,
  ) {
    this.#tokens = perMinute
    this.#atMs = nowMs
  }

  /** Takes `cost` tokens or none. @throws TooSoon in Qdrant's words. */
  take(what: 'Read' | 'Write', cost: number, nowMs: number): void {
    if (cost > this.perMinute)
      throw new TooSoon(
        `${what} rate limit exceeded, request larger than rate limiter capacity, please try to split your request`,
        undefined,
      )
    const perMs = this.perMinute / 60_000
    this.#tokens = Math.min(this.perMinute, this.#tokens + Math.max(0, nowMs - this.#atMs) * perMs)
    this.#atMs = nowMs
    if (this.#tokens >= cost) {
      this.#tokens -= cost
      return
    }
    const seconds = Math.ceil((cost - this.#tokens) / perMs / 1000)
    throw new TooSoon(
      `${what} rate limit exceeded: Operation requires ${cost} tokens but only ${this.#tokens.toFixed(1)} were available. Retry after ${seconds}s`,
      seconds,
    )
  }
}
