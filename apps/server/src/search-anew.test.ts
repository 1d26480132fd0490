import { type IndexHit, type IndexQuery, type SearchWork, type SpaceRef, StoreError } from '@meridian/core'
import { ExactIndex } from '@meridian/index'
import { expect, test, vi } from 'vitest'
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

test('[RD8] a search of vectors that a damaged block keeps from the index is refused, also one that is under way, and says which', async () => {
  const index = new Interrupted()
  await using kit = await openKit({ index })
  await kit.ok('PUT', '/collections/c', { vectors: { size: 1, distance: 'Dot' }, shard_number: 1 })
  const points = [0, 1, 2].map((id) => ({ id, vector: [id + 1], payload: { n: id } }))
  await kit.ok('PUT', '/collections/c/points', { points })
  const { views } = kit.server.replica.collection('c') as unknown as { views: { vector(slot: number): unknown }[] }
  const [view] = views
  const read = view!.vector.bind(view)
  const rotten = vi.spyOn(view!, 'vector').mockImplementation((slot, ...rest: []) => {
    if (slot === 1) throw new StoreError('STORAGE_CORRUPT', 'the checksum does not match')
    return read(slot, ...rest)
  })
  const openAnew = (quantile: number) =>
    kit.ok('PATCH', '/collections/c', { quantization_config: { scalar: { type: 'int8', quantile } } })
  const search = (path = '/query', body: object = { query: [1], limit: 2 }) =>
    kit.send('POST', `/collections/c/points${path}`, body)
  expect((await search()).status).toBe(200)
  index.during = async () => {
    index.during = undefined
    await openAnew(0.99)
  }
  const says =
    /cannot be searched in this region: the index lacks vectors in damaged blocks, 1 in all, that of point 1 among/
  for (const { status, json } of [
    await search(),
    await search(),
    await search('/search', { vector: [1], limit: 2 }),
    await search('/query/groups', { query: [1], limit: 2, group_by: 'n' }),
  ])
    expect([status, json.status.error]).toEqual([503, expect.stringMatching(says)])
  expect((await kit.send('GET', '/collections/c/points/2')).status).toBe(200)
  rotten.mockRestore()
  await openAnew(0.98)
  const { status, json } = await search()
  expect([status, json.result.points.map(({ id }: { id: number }) => id)]).toEqual([200, [2, 1]])
})
