import { expect, test } from 'vitest'
import { ReplyBatch } from './reply-batch.js'
import type { IndexReply } from './worker-protocol.js'

const done = (id: number): IndexReply => ({ type: 'done', id })

test('[IX76] answers of one turn go out together, in order; those that are told to go at once, once', async () => {
  const posted: (readonly IndexReply[])[] = []
  const batch = new ReplyBatch((replies) => void posted.push(replies))
  batch.send()
  batch.add(done(1))
  batch.add(done(2))
  expect(posted).toEqual([])
  await Promise.resolve()
  expect(posted).toEqual([[done(1), done(2)]])
  batch.add(done(3))
  batch.send()
  expect(posted).toHaveLength(2)
  batch.add(done(4))
  await Promise.resolve()
  await Promise.resolve()
  expect(posted).toEqual([[done(1), done(2)], [done(3)], [done(4)]])
})
