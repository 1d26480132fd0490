import type { IndexHit, IndexQuery, SpaceRef } from '@meridian/core'
import { ExactIndex } from '@meridian/index'
import { expect, test } from 'vitest'
import { type Kit, openKit } from './testing/region-kit.js'

const ids = (points: { id: unknown }[]): unknown[] => points.map(({ id }) => id)

const withPoints = async (distance = 'Euclid', index = new ExactIndex()): Promise<Kit> => {
  const kit = await openKit({ index })
  await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance } })
  const points = [1, 2, 3, 4, 5].map((id) => ({ id, vector: [id, 1], payload: { odd: id % 2 === 1, n: id } }))
  await kit.ok('PUT', '/collections/c/points', { points })
  return kit
}
const query = async (kit: Kit, body: unknown) => (await kit.ok('POST', '/collections/c/points/query', body)).points

test('[HT70] nearest by vector, best first, without payload and vector unless asked for', async () => {
  await using kit = await withPoints()
  expect(await query(kit, { query: [1, 1], limit: 2 })).toEqual([
    { id: 1, version: expect.any(Number), score: 0 },
    { id: 2, version: expect.any(Number), score: 1 },
  ])
  const [best] = await query(kit, { query: { nearest: [5, 1] }, limit: 1, with_payload: true, with_vector: true })
  expect(best).toMatchObject({ id: 5, score: 0, payload: { odd: true, n: 5 }, vector: [5, 1] })
  expect(ids(await query(kit, { query: [1, 1], offset: 3 }))).toEqual([4, 5])
})

test.each([
  ['Cosine', [1, 2, 3, 4, 5].reverse(), 0.9805807],
  ['Dot', [5, 4, 3, 2, 1], 5],
  ['Euclid', [1, 2, 3, 4, 5], 1],
  ['Manhattan', [1, 2, 3, 4, 5], 1],
])('[HT71] %s ranks and scores as the metric says, in shortest float32', async (distance, order, score) => {
  await using kit = await withPoints(distance)
  const points = await query(kit, { query: distance === 'Cosine' || distance === 'Dot' ? [1, 0] : [0, 1] })
  expect(ids(points)).toEqual(order)
  expect(points[0].score).toBe(score)
})

test('[HT72] score_threshold is strict and follows the direction', async () => {
  await using near = await withPoints('Euclid')
  expect(ids(await query(near, { query: [1, 1], score_threshold: 2 }))).toEqual([1, 2])
  await using similar = await withPoints('Dot')
  expect(ids(await query(similar, { query: [1, 0], score_threshold: 3 }))).toEqual([5, 4])
})

test('[HT73] nearest to a point leaves that point out', async () => {
  await using kit = await withPoints()
  expect(ids(await query(kit, { query: 2, limit: 2 }))).toEqual([1, 3])
  expect(ids(await query(kit, { query: { nearest: 5 }, limit: 1 }))).toEqual([4])
  const reply = await kit.send('POST', '/collections/c/points/query', { query: 99 })
  expect(reply.json.status.error).toBe('Not found: No point with id 99 found')
})

test('[HT74] only what matches the filter is found, exact or not', async () => {
  await using kit = await withPoints()
  const filter = { must: [{ key: 'odd', match: { value: true } }] }
  for (const params of [{}, { exact: true }, { hnsw_ef: 1, indexed_only: true }])
    expect(ids(await query(kit, { query: [1, 1], filter, params, limit: 2 }))).toEqual([1, 3])
  expect(await query(kit, { query: [1, 1], filter: { must: { has_id: [77] } } })).toEqual([])
})

test('[HT75] without a query the points come by id', async () => {
  await using kit = await withPoints()
  expect(ids(await query(kit, { limit: 2, offset: 1 }))).toEqual([2, 3])
  expect((await kit.send('POST', '/collections/c/points/query', { score_threshold: 1 })).status).toBe(400)
})

test('[HT76] ties are in the order of ids, at the end of the page too', async () => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  const points = Array.from({ length: 100 }, (_, i) => ({ id: 100 - i, vector: [1, 1] }))
  await kit.ok('PUT', '/collections/c/points', { points })
  expect(ids(await query(kit, { query: [1, 0], limit: 3 }))).toEqual([1, 2, 3])
  expect(ids(await query(kit, { query: [1, 0], limit: 3, offset: 40 }))).toEqual([41, 42, 43])
})

test('[HT77] a record that went or changed while the index was asked is not shown as it was', async () => {
  let during = async (): Promise<void> => undefined
  class Slow extends ExactIndex {
    override async search(space: SpaceRef, asked: IndexQuery): Promise<IndexHit[]> {
      const hits = this.searchNow(space, asked)
      await during()
      return hits
    }
  }
  await using kit = await withPoints('Euclid', new Slow())
  during = async () => {
    during = async () => undefined
    await kit.ok('POST', '/collections/c/points/delete', { points: [1] })
    await kit.ok('PUT', '/collections/c/points', {
      points: [
        { id: 2, vector: [100, 1] },
        { id: 9, vector: [50, 1] },
      ],
    })
  }
  const points = await query(kit, { query: [1, 1], limit: 10 })
  expect(ids(points).slice(0, 3)).toEqual([3, 4, 5])
  expect(points.find((point: { id: number }) => point.id === 2).score).toBe(99)
})

test('[HT83] a collection dropped while it is searched is a 404, not a failure', async () => {
  class Dropping extends ExactIndex {
    drop = async (): Promise<void> => undefined
    override async search(space: SpaceRef, asked: IndexQuery): Promise<IndexHit[]> {
      const hits = this.searchNow(space, asked)
      await this.drop()
      return hits
    }
  }
  const index = new Dropping()
  await using kit = await withPoints('Euclid', index)
  index.drop = () => kit.ok('DELETE', '/collections/c')
  const reply = await kit.send('POST', '/collections/c/points/query', { query: [1, 1], with_payload: true })
  expect(reply.json).toMatchObject({ status: { error: "Not found: Collection `c` doesn't exist!" } })
  expect(reply.status).toBe(404)
})

test('[HT78] named vectors are searched with using; the older search names them its own way', async () => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', {
    vectors: { a: { size: 2, distance: 'Dot' }, b: { size: 1, distance: 'Euclid' } },
  })
  await kit.ok('PUT', '/collections/c/points', {
    points: [
      { id: 1, vector: { a: [1, 0], b: [5] } },
      { id: 2, vector: { a: [2, 0] } },
    ],
  })
  expect(ids(await query(kit, { query: [1, 0], using: 'a' }))).toEqual([2, 1])
  expect(ids(await query(kit, { query: [4], using: 'b', with_vector: ['b'] }))).toEqual([1])
  const reply = await kit.send('POST', '/collections/c/points/query', { query: [4], using: 'z' })
  expect(reply.json.status.error).toContain('Wrong input: Not existing vector name error: z')
  expect((await kit.send('POST', '/collections/c/points/query', { query: 2, using: 'b' })).json.status.error).toContain(
    'has no vector `b`',
  )
  expect(
    ids(await kit.ok('POST', '/collections/c/points/search', { vector: { name: 'a', vector: [1, 0] }, limit: 1 })),
  ).toEqual([2])
})

test('[HT79] points/search answers with a bare array and knows top', async () => {
  await using kit = await withPoints()
  expect(ids(await kit.ok('POST', '/collections/c/points/search', { vector: [1, 1], top: 2 }))).toEqual([1, 2])
  const batch = await kit.ok('POST', '/collections/c/points/search/batch', {
    searches: [
      { vector: [1, 1], limit: 1 },
      { vector: [5, 1], limit: 1 },
    ],
  })
  expect(batch.map(ids)).toEqual([[1], [5]])
  expect((await kit.send('POST', '/collections/c/points/search', { vector: [1, 1] })).json.status.error).toContain(
    'missing field `limit`',
  )
  expect((await kit.send('POST', '/collections/c/points/search', { limit: 1 })).json.status.error).toContain(
    'missing field `vector`',
  )
})

test('[HT80] a batch answers each search, and is refused whole when one is bad', async () => {
  await using kit = await withPoints()
  const path = '/collections/c/points/query/batch'
  const answers = await kit.ok('POST', path, {
    searches: [{ query: [1, 1], limit: 1 }, { query: 5, limit: 1 }, { limit: 1 }],
  })
  expect(answers.map((answer: { points: { id: unknown }[] }) => ids(answer.points))).toEqual([[1], [4], [1]])
  expect((await kit.send('POST', path, { searches: [{ query: [1, 1] }, { query: [1] }] })).status).toBe(400)
  expect((await kit.send('POST', path, {})).status).toBe(400)
})

test.each([
  [{ query: [1] }, 400, 'Wrong input: Vector dimension error: expected dim: 2, got 1'],
  [{ query: [] }, 422, '[query: the vector is empty'],
  [{ query: '12' }, 400, 'is not a valid point ID'],
  [{ query: [1, 1], limit: 0 }, 422, '[limit: value 0 invalid'],
  [{ query: [1, 1], offset: -1 }, 422, '[offset:'],
  [{ query: { indices: [1], values: [1] } }, 400, 'expected a dense vector, got a sparse one'],
  [{ query: { text: 'x', model: 'm' } }, 400, 'inference is not supported'],
  [{ query: { what: 1 } }, 400, 'Format error in JSON body: query'],
  [{ query: { nearest: [1, 1], sample: 'random' } }, 400, 'nearest and sample are both given'],
  [{ query: { sample: 'shuffled' } }, 400, 'query.sample: expected random'],
  [{ query: { nearest: [1, 1], mmr: { diversity: 2 } } }, 422, '[query.mmr.diversity: value 2 invalid'],
  [{ query: { recommend: {} } }, 400, 'Bad request: At least one positive vector ID required with this strategy'],
  [{ query: { recommend: { strategy: 'best_score' } } }, 400, 'At least one positive or negative vector ID'],
  [{ query: { recommend: { positive: [1], strategy: 'x' } } }, 400, 'query.recommend.strategy: expected one of'],
  [{ query: { recommend: { positive: [99] } } }, 404, 'Not found: No point with id 99 found'],
  [{ query: { discover: { context: [] } } }, 400, 'query.discover.target'],
  [{ query: { fusion: 'rrf' } }, 400, 'Bad request: cannot apply Fusion without prefetches'],
  [{ query: { fusion: 'sum' }, prefetch: {} }, 400, 'query.fusion: expected rrf or dbsf'],
  [{ query: { fusion: 'rrf' }, prefetch: {}, using: 'a' }, 400, "cannot be combined with the 'using' field"],
  [{ query: { rrf: { k: 0 } }, prefetch: {} }, 422, '[query.rrf.k: value 0 invalid'],
  [{ query: { rrf: { weights: [1] } }, prefetch: [{}, {}] }, 400, 'got 1, expected 2'],
  [{ query: { formula: 1 } }, 400, 'Bad request: cannot apply Formula without prefetches'],
  [{ prefetch: { query: [1, 1] } }, 400, 'Bad request: A query is needed to merge the prefetches.'],
  [{ query: [1, 1], prefetch: { prefetch: {} } }, 400, 'Bad request: A query is needed to merge the prefetches.'],
  [{ query: [1, 1], prefetch: [{}, { query: [1] }] }, 400, '(prefetch[1].query)'],
  [{ score_threshold: 1 }, 400, 'Bad request: A query is needed to use the score_threshold.'],
  [{ query: { order_by: 'n' }, score_threshold: 1 }, 400, "Bad request: Can't use score_threshold with an order_by"],
  [{ query: { order_by: { key: 'n', direction: 'up' } } }, 400, 'query.order_by.direction: expected asc or desc'],
  [{ query: { order_by: { key: 'n', start_from: 'soon' } } }, 400, 'query.order_by.start_from'],
  [{ query: [1, 1], lookup_from: { collection: 'd' } }, 404, "Not found: Collection `d` doesn't exist!"],
  [{ query: [1, 1], shard_key: 'k' }, 400, 'Not supported: shard_key'],
  [{ query: [1, 1], params: { exact: 'yes' } }, 400, 'params.exact: expected true or false'],
])('[HT81] the query %j is refused, never answered with something else', async (body, status, sentence) => {
  await using kit = await withPoints()
  const reply = await kit.send('POST', '/collections/c/points/query', body)
  expect(reply.json.status.error).toContain(sentence)
  expect(reply.status).toBe(status)
})

test('[HT82] a search that outlasts its timeout is ended with 408', async () => {
  class Stuck extends ExactIndex {
    override search(_space: SpaceRef, _query: IndexQuery, signal?: AbortSignal): Promise<IndexHit[]> {
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    }
  }
  await using kit = await withPoints('Euclid', new Stuck())
  const reply = await kit.send('POST', '/collections/c/points/query?timeout=1', { query: [1, 1] })
  expect(reply.status).toBe(408)
  expect(reply.json.status.error).toContain('longer than 1 s')
})

test('[QY26] the header meridian-plan tells how each step was done, and how many are not shown', async () => {
  await using kit = await withPoints()
  const plan = async (path: string, body: unknown) => {
    const reply = await kit.send('POST', `/collections/c/points/${path}`, body)
    expect(reply.status).toBe(200)
    return reply.headers.get('meridian-plan')
  }
  const filter = { must: [{ key: 'odd', match: { value: true } }] }
  expect(await plan('query', { query: [1, 1] })).toBe('plan=scan; candidates=5; ef=0; scanned=5')
  expect(await plan('query', { query: [1, 1], filter })).toBe('plan=scan; candidates=3; ef=0; scanned=3')
  const none = { must: [{ has_id: [77] }] }
  expect(await plan('query', { query: [1, 1], filter: none })).toBe('plan=scan; candidates=0; ef=0; scanned=0')
  const fused = { prefetch: [{ query: [1, 1] }, { query: { order_by: 'n' }, filter }], query: { fusion: 'rrf' } }
  expect(await plan('query', fused)).toBe(
    'plan=scan; candidates=5; ef=0; scanned=5, plan=records; candidates=3; ef=0; scanned=3',
  )
  const batch = { searches: Array.from({ length: 20 }, () => ({ query: [1, 1] })) }
  expect((await plan('query/batch', batch))?.endsWith('scanned=5, more=4')).toBe(true)
  expect(await plan('scroll', {})).toBeNull()
})
