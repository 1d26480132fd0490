import { expect, test } from 'vitest'
import { ClientError } from './client-error.js'
import { backoffMs, withRetry } from './retry.js'

const policy = { attempts: 4, baseMs: 100, maxMs: 300 }
const lost = () => new ClientError(0, 'gone', 'CONNECTION_LOST')

test('[CL3] pauses double up to the bound, at least half is fixed, and Retry-After is the least', () => {
  expect([1, 2, 3, 4].map((attempt) => backoffMs(policy, attempt, 0))).toEqual([50, 100, 150, 150])
  expect(backoffMs(policy, 2, 0.999)).toBeLessThanOrEqual(200)
  expect(backoffMs(policy, 1, 0, 1_000)).toBe(1_000)
})

test('[CL3] a transient failure is tried again until it succeeds', async () => {
  const pauses: number[] = []
  const answer = await withRetry(async (attempt) => (attempt < 3 ? Promise.reject(lost()) : 'done'), {
    policy,
    draw: () => 0,
    pause: async (delayMs) => void pauses.push(delayMs),
  })
  expect([answer, pauses]).toEqual(['done', [50, 100]])
})

test('[CL3] tries are bounded, and a refusal is not tried again', async () => {
  let calls = 0
  const failing = (error: ClientError) =>
    withRetry(
      () => {
        calls++
        return Promise.reject(error)
      },
      { policy, pause: async () => {} },
    )
  await expect(failing(new ClientError(503, 'later'))).rejects.toThrow('later')
  expect(calls).toBe(4)
  calls = 0
  for (const error of [new ClientError(400, 'no'), new ClientError(0, 'slow', 'TIMEOUT')])
    await expect(failing(error)).rejects.toBe(error)
  expect(calls).toBe(2)
})

test('[CL4] cancelling ends the pause at once', async () => {
  const controller = new AbortController()
  const run = withRetry(() => Promise.reject(lost()), {
    policy: { attempts: 2, baseMs: 1_000_000, maxMs: 1_000_000 },
    signal: controller.signal,
    onRetry: () => queueMicrotask(() => controller.abort()),
  })
  await expect(run).rejects.toMatchObject({ code: 'ABORTED' })
})
