import { StoreError } from '@meridian/core'
import { expect, test } from 'vitest'
import { failure } from './envelope.js'
import { asStoreError, PRESENTATION } from './errors.js'

test('[HT14] every code has an error status, and what can pass by itself says when to come back, in one digit', () => {
  for (const [code, { status, retryAfterSeconds }] of Object.entries(PRESENTATION)) {
    expect(status, code).toBeGreaterThanOrEqual(400)
    // A rate says for each request how soon its time comes, which for one larger than the rate is never.
    const passes = (status === 503 || status === 429) && code !== 'TOO_MANY_REQUESTS'
    expect(retryAfterSeconds !== undefined, code).toBe(passes)
    if (retryAfterSeconds !== undefined) expect(String(retryAfterSeconds)).toMatch(/^[1-9]$/)
  }
})

test('[HT14] a bug is a 500 that tells nothing of its text', () => {
  const answer = failure(asStoreError(new TypeError('secret detail')), 0)
  expect(answer.status).toBe(500)
  expect(answer.body).not.toContain('secret detail')
  expect(asStoreError(new TypeError('x')).cause).toBeInstanceOf(TypeError)
  expect(failure(new StoreError('SHUTTING_DOWN', 'x'), 0).headers).toEqual({ 'retry-after': '2' })
})
