import { expect, test, vi } from 'vitest'
import { PendingReplies } from './pending-replies.js'

test('[IX19] of many requests with one signal those that wait are aborted; the signal keeps one listener', async () => {
  const replies = new PendingReplies()
  const { signal, ...controller } = withAbort()
  const listens = vi.spyOn(signal, 'addEventListener')
  for (let i = 0; i < 1000; i++) {
    const { id, answer } = replies.expect(signal)
    if (i % 2 === 0) replies.resolve(id, () => i)
    else replies.reject(id, new Error(`failed ${i}`))
    await expect(answer.catch((error: Error) => error.message)).resolves.toBe(i % 2 === 0 ? i : `failed ${i}`)
  }
  const waiting = [replies.expect(signal), replies.expect(signal)]
  const other = replies.expect()
  const asked = Promise.allSettled(waiting.map(({ answer }) => answer))
  controller.abort(new Error('gone'))
  expect((await asked).map((each) => each.status === 'rejected' && each.reason.message)).toEqual(['gone', 'gone'])
  expect(listens).toHaveBeenCalledTimes(1)
  expect(replies.size).toBe(1)
  replies.resolve(waiting[0]!.id, () => 'late')
  replies.resolve(other.id, () => 'there')
  await expect(other.answer).resolves.toBe('there')
})

const withAbort = () => {
  const controller = new AbortController()
  return { signal: controller.signal, abort: (reason: Error) => controller.abort(reason) }
}
