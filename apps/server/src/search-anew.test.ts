import type { IndexHit, IndexQuery, SearchWork, SpaceRef } from '@meridian/core'
import { ExactIndex } from '@meridian/index'
import { expect, test } from 'vitest'
import { openKit } from './testing/region-kit.js'

/** Calls `during` while a search waits, and answers that one in numbers of another opening. */
class Interrupted extends ExactIndex {
  during: (() => Promise<unknown>) | undefined
  fails = false
  searches = 0

  override async search(
    space: SpaceRef,
    query: IndexQuery,
    signal?: AbortSignal,
    tell?: (work: SearchWork) => void,
  ): Promise<IndexHit[]> {
    this.searches++
    const { during } = this
    if (during === undefined) return super.search(space, query, signal, tell)
    await during()
    if (this.fails) throw new Error('an ordinal that nobody has')
    return (await super.search(space, query, signal, tell)).map(({ ordinal }) => ({
      ordinal: 2 - ordinal,
      score: 99,
    }))
  }
}

test('[HT116] a collection that is loaded anew while it is searched is searched once more', async () => {
  const index = new Interrupted()
  await using kit = await openKit({ index })
  await kit.ok('PUT', '/collections/c', { vectors: { size: 1, distance: 'Dot' }, shard_number: 1 })
  const points = [0, 1, 2].map((id) => ({ id, vector: [id + 1], payload: { odd: id % 2 === 1 } }))
  await kit.ok('PUT', '/collections/c/points', { points })
  let changes = 0
  const change = () =>
    kit.ok('PUT', '/meridian/collections/c/conflict-policy', {
      kind: 'content-model',
      models: { a: ++changes },
    })
  const search = () => kit.send('POST', '/collections/c/points/query', { query: [1], limit: 2 })
  const right = [
    { id: 2, score: 3 },
    { id: 1, score: 2 },
  ]
  for (const fails of [false, true]) {
    index.fails = fails
    index.searches = 0
    index.during = async () => {
      index.during = undefined
      await change()
    }
    const { status, json } = await search()
    expect([status, json.result?.points]).toEqual([200, right.map((hit) => expect.objectContaining(hit))])
    expect(index.searches).toBe(2)
  }
  // Each time anew: rather no answer than a wrong one.
  index.during = change
  expect((await search()).status).toBe(503)
  // What fails by itself is not made again.
  index.searches = 0
  index.during = async () => undefined
  expect((await search()).status).toBe(500)
  expect(index.searches).toBe(1)
})
