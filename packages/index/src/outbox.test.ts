import { expect, test } from 'vitest'
import { Outbox } from './outbox.js'
import type { IndexRequest } from './worker-protocol.js'

const vectorsOf = (requests: readonly IndexRequest[]): number[] =>
  requests.flatMap((request) => (request.type === 'change' ? [...request.changes.vectors] : []))

const fill = (outbox: Outbox, from: number, count: number, dims: number): void => {
  for (let i = 0; i < count; i++) outbox.set(1, from + i, `id ${from + i}`, '1', new Float32Array(dims).fill(from + i))
}

test('[IX80] batches of changing sizes hold what was set, in order, and no more', () => {
  const outbox = new Outbox()
  let from = 0
  for (const count of [3, 100, 1, 40, 41]) {
    fill(outbox, from, count, 64)
    outbox.remove(1, 7)
    const requests = outbox.take()
    const expected = Array.from({ length: count }, (_, i) => new Array<number>(64).fill(from + i)).flat()
    expect(vectorsOf(requests)).toEqual(expected)
    from += count
  }
  expect(outbox.take()).toEqual([])
})

test('[IX80] a batch as large as the one before takes no more room than it fills', () => {
  const outbox = new Outbox()
  const room = (): number => {
    const [request] = outbox.take()
    return request?.type === 'change' ? request.changes.vectors.buffer.byteLength : Number.NaN
  }
  fill(outbox, 0, 100, 784)
  outbox.take()
  fill(outbox, 100, 100, 784)
  expect(room()).toBe(100 * 784 * 4)
  // What is small is copied: the room that was kept for more does not go along.
  fill(outbox, 200, 1, 784)
  expect(room()).toBe(784 * 4)
})
