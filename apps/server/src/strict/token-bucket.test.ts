import { expect, test } from 'vitest'
import { TokenBucket, TooSoon } from './token-bucket.js'

const refusal = (run: () => void): TooSoon => {
  try {
    run()
  } catch (error) {
    return error as TooSoon
  }
  throw new Error('it was taken')
}

test('[SR6] a bucket is full at first, fills with time and not beyond, and says when to come again', () => {
  const bucket = new TokenBucket(60, 0)
  bucket.take('Read', 60, 0)
  const soon = refusal(() => bucket.take('Read', 3, 500))
  expect(soon).toBeInstanceOf(TooSoon)
  expect(soon.message).toBe(
    'Read rate limit exceeded: Operation requires 3 tokens but only 0.5 were available. Retry after 3s',
  )
  expect(soon.retryAfterSeconds).toBe(3)
  bucket.take('Read', 3, 3000)
  expect(refusal(() => bucket.take('Write', 1, 3000)).retryAfterSeconds).toBe(1)
  bucket.take('Read', 60, 1_000_000)
  expect(() => bucket.take('Read', 1, 1_000_000)).toThrow(TooSoon)
  // A clock that is set back gives nothing.
  expect(() => bucket.take('Read', 1, 0)).toThrow(TooSoon)
})

test('[SR6] what is larger than the bucket is told to be split, and takes nothing', () => {
  const bucket = new TokenBucket(10, 0)
  const never = refusal(() => bucket.take('Write', 11, 0))
  expect([never.message, never.retryAfterSeconds]).toEqual([
    'Write rate limit exceeded, request larger than rate limiter capacity, please try to split your request',
    undefined,
  ])
  bucket.take('Write', 10, 0)
})
