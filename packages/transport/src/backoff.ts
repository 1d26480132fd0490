import type { Random } from '@meridian/core'

export interface BackoffOptions {
  readonly minMs: number
  readonly maxMs: number
}

/**
 * Wait after the `attempt`-th failure in a row, counted from 1: doubles from `minMs` to `maxMs` (inclusive), of which the
 * upper half is drawn at random, so that peers that lost each other together do not dial together for ever.
 */
export const backoffMs = (attempt: number, random: Random, { minMs, maxMs }: BackoffOptions): number => {
  const fullMs = Math.min(maxMs, minMs * 2 ** Math.min(attempt - 1, 30))
  return fullMs / 2 + (fullMs / 2) * (random.uint32() / 0xffffffff)
}
