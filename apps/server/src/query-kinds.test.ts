import { expect, test } from 'vitest'
import { type Kit, openKit } from './testing/region-kit.js'

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely.
type Any = any
const ids = (points: { id: unknown }[]): unknown[] => points.map(({ id }) => id)
const scores = (points: { score: number }[]): number[] => points.map(({ score }) => score)

/** Five points on a line: 1 at [1, 1] to 5 at [5, 1]. */
const withPoints = async (distance = 'Euclid', flags: Record<string, string> = {}): Promise<Kit> => {
  const kit = await openKit({ flags })
  await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance } })
  const points = [1, 2, 3, 4, 5].map((id) => ({
    id,
    vector: [id, 1],
    payload: {
      odd: id % 2 === 1,
      n: 10 - id,
      day: `2024-01-0${id}`,
      tags: [id % 2, id],
      kind: id < 4 ? 'low' : 'high',
    },
  }))
  await kit.ok('PUT', '/collections/c/points', { points })
  return kit
}
const post = (kit: Kit, path: string, body: unknown): Promise<Any> => kit.ok('POST', `/collections/c/${path}`, body)
const query = async (kit: Kit, body: unknown): Promise<Any[]> => (await post(kit, 'points/query', body)).points

test('[QY2] examples are no answers, at whatever depth they stand', async () => {
  await using kit = await withPoints()
  expect(ids(await query(kit, { query: { recommend: { positive: [2], negative: [5] } } }))).toEqual([1, 3, 4])
  const prefetch = [{ query: 1 }, { prefetch: { query: 2 }, query: [4, 1] }]
  expect(ids(await query(kit, { prefetch, query: { fusion: 'rrf' } })).toSorted()).toEqual([3, 4, 5])
})

test('[QY4] [QY5] [QY6] [QY7] kinds with examples rank the larger score first, also by distance', async () => {
  await using kit = await withPoints()
  const best = await query(kit, {
    query: { recommend: { positive: [[4, 1]], negative: [[1, 1]], strategy: 'best_score' } },
  })
  expect(ids(best)).toEqual([4, 3, 5, 2, 1])
  expect(scores(best)).toEqual([0.5, 0.25, 0.25, -0.25, -0.5])
  const sums = await query(kit, {
    query: { recommend: { positive: [[4, 1]], negative: [[1, 1]], strategy: 'sum_scores' } },
    score_threshold: 3,
  })
  expect(sums.map(({ id, score }) => [id, score])).toEqual([
    [5, 15],
    [4, 9],
  ])
  const context = [{ positive: [4, 1], negative: [1, 1] }]
  const found = await query(kit, { query: { discover: { target: [3, 1], context } }, limit: 4 })
  expect(found.map(({ id, score }) => [id, score])).toEqual([
    [3, 1.5],
    [4, 1.25],
    [5, 1.1],
    [2, -0.75],
  ])
  const zone = await query(kit, { query: { context } })
  expect(ids(zone)).toEqual([3, 4, 5, 2, 1])
  expect(scores(zone).slice(0, 3)).toEqual([0, 0, 0])
})

test('[QY9] points come by payload value, from a place on; scrolling too', async () => {
  await using kit = await withPoints()
  const points = await query(kit, { query: { order_by: 'n' }, limit: 2, offset: 1 })
  expect(points).toMatchObject([
    { id: 4, score: 1, order_value: 6 },
    { id: 3, order_value: 7 },
  ])
  const late = { order_by: { key: 'day', direction: 'desc', start_from: '2024-01-03T00:00:00Z' } }
  expect(ids(await query(kit, { query: late }))).toEqual([3, 2, 1])
  const scrolled = await post(kit, 'points/scroll', { ...late, limit: 2, with_payload: false })
  const place = Date.UTC(2024, 0, 3) * 1000
  expect(scrolled.points).toEqual([
    { id: 3, order_value: place },
    { id: 2, order_value: place - 86_400e6 },
  ])
  expect(scrolled.next_page_offset).toBeNull()
  // Once for each value in an array; equal values by id.
  expect(ids(await query(kit, { query: { order_by: 'tags' }, limit: 6 }))).toEqual([2, 4, 1, 3, 5, 2])
  expect(await query(kit, { query: { order_by: 'kind' } })).toEqual([])
})

test('[QY10] a sample is of what matches', async () => {
  await using kit = await withPoints()
  const filter = { must: { key: 'odd', match: { value: true } } }
  const points = await query(kit, { query: { sample: 'random' }, filter, limit: 9, offset: 2 })
  expect(ids(points).toSorted()).toEqual([1, 3, 5])
})

test('[QY11] mmr keeps the scores of the search', async () => {
  await using kit = await withPoints()
  const points = await query(kit, {
    query: { nearest: [1, 1], mmr: { diversity: 0.9, candidates_limit: 5 } },
    limit: 2,
  })
  expect(points.map(({ id, score }) => [id, score])).toEqual([
    [1, 0],
    [5, 4],
  ])
  const few = { nearest: [1, 1], mmr: { diversity: null, candidates_limit: 1 } }
  expect(ids(await query(kit, { query: few, limit: 3 }))).toEqual([1])
})

test('[QY14] each node has its own limit, threshold and filter, and takes on those above it', async () => {
  await using kit = await withPoints()
  const prefetch = { query: [1, 1], limit: 3 }
  expect(ids(await query(kit, { prefetch, query: [5, 1] }))).toEqual([3, 2, 1])
  expect(ids(await query(kit, { prefetch: { ...prefetch, score_threshold: 2 }, query: [5, 1] }))).toEqual([2, 1])
  const odd = { must: { key: 'odd', match: { value: true } } }
  expect(ids(await query(kit, { prefetch, query: [5, 1], filter: odd }))).toEqual([5, 3, 1])
  expect(ids(await query(kit, { prefetch: { ...prefetch, filter: odd }, query: [5, 1], offset: 1 }))).toEqual([3, 1])
  const formula = { formula: { sum: ['$score', { mult: [-1, 'n'] }] } }
  expect(scores(await query(kit, { prefetch, query: formula }))).toEqual([-5, -7, -9])
  const reply = await kit.send('POST', '/collections/c/points/query', { prefetch, query: { formula: 'absent' } })
  expect(reply.status).toBe(400)
  expect(reply.json.status.error).toContain('Wrong input: Expected number value for absent')
})

test('[QY19] vectors of ids may come from another collection', async () => {
  await using kit = await withPoints()
  await kit.ok('PUT', '/collections/d', {
    vectors: { v: { size: 2, distance: 'Dot' }, w: { size: 3, distance: 'Dot' } },
  })
  await kit.ok('PUT', '/collections/d/points', { points: [{ id: 1, vector: { v: [5, 1], w: [1, 1, 1] } }] })
  const lookup_from = { collection: 'd', vector: 'v' }
  expect(ids(await query(kit, { query: 1, lookup_from, limit: 2 }))).toEqual([5, 4])
  const old = { positive: [1], lookup_from, limit: 1, strategy: 'best_score' }
  expect(ids(await post(kit, 'points/recommend', old))).toEqual([5])
  const send = (body: object) => kit.send('POST', '/collections/c/points/query', body)
  expect((await send({ query: 1, lookup_from: { collection: 'd', vector: 'w' } })).json.status.error).toContain(
    'Wrong input: Vector dimension error: expected dim: 2, got 3',
  )
  expect((await send({ query: 1, lookup_from: { collection: 'd' } })).status).toBe(400)
  expect((await send({ query: 7, lookup_from })).status).toBe(404)
  expect((await send({ query: 1, lookup_from: { collection: 'e' } })).status).toBe(404)
})

test('[QY20] groups are in the order of their best, each with its best', async () => {
  await using kit = await withPoints()
  const { groups } = await post(kit, 'points/query/groups', {
    query: [4.9, 1],
    group_by: 'kind',
    group_size: 2,
    with_payload: ['n'],
  })
  expect(groups.map(({ id, hits }: Any) => [id, ids(hits)])).toEqual([
    ['high', [5, 4]],
    ['low', [3, 2]],
  ])
  expect(groups[0].hits[0]).toMatchObject({ score: expect.any(Number), payload: { n: 5 } })
  const several = await post(kit, 'points/query/groups', { query: [1, 1], group_by: 'tags', group_size: 1, limit: 3 })
  expect(several.groups.map(({ id, hits }: Any) => [id, ids(hits)])).toEqual([
    [1, [1]],
    [0, [2]],
    [2, [2]],
  ])
})

test('[QY20] in an order by an array a point stands in its group once, and crowds nobody out', async () => {
  await using kit = await withPoints()
  const crowd = { id: 6, vector: [6, 1], payload: { kind: 'low', tags: [-5, -4, -3, -2, -1, 9] } }
  await kit.ok('PUT', '/collections/c/points', { points: [crowd] })
  const grouped = async (direction: string): Promise<unknown> => {
    const query = { order_by: { key: 'tags', direction } }
    const { groups } = await post(kit, 'points/query/groups', { query, group_by: 'kind', group_size: 9 })
    return groups.map(({ id, hits }: Any) => [id, hits.map((hit: Any) => [hit.id, hit.order_value])])
  }
  const up = {
    low: [
      [6, -5],
      [2, 0],
      [1, 1],
      [3, 1],
    ],
    high: [
      [4, 0],
      [5, 1],
    ],
  }
  const down = {
    low: [
      [6, 9],
      [3, 3],
      [2, 2],
      [1, 1],
    ],
    high: [
      [5, 5],
      [4, 4],
    ],
  }
  expect(await grouped('asc')).toEqual(Object.entries(up))
  expect(await grouped('desc')).toEqual(Object.entries(down))
})

test('[QY20] a group far down the list is filled', async () => {
  await using kit = await withPoints()
  const points = Array.from({ length: 200 }, (_, i) => ({
    id: 100 + i,
    vector: [i, 1],
    payload: { kind: i === 1 || i > 197 ? 'rare' : 'common' },
  }))
  await kit.ok('PUT', '/collections/c/points', { points })
  const body = {
    query: [0, 1],
    group_by: 'kind',
    group_size: 3,
    limit: 2,
    filter: { must: { key: 'kind', match: { any: ['rare', 'common'] } } },
  }
  const { groups } = await post(kit, 'points/query/groups', body)
  expect(groups.map(({ id, hits }: Any) => [id, ids(hits)])).toEqual([
    ['common', [100, 102, 103]],
    ['rare', [101, 298, 299]],
  ])
})

test('[QY21] groups look their points up', async () => {
  await using kit = await withPoints()
  await kit.ok('PUT', '/collections/d', { vectors: { size: 1, distance: 'Dot' } })
  await kit.ok('PUT', '/collections/d/points', { points: [{ id: 1, vector: [1], payload: { name: 'one' } }] })
  const ask = async (with_lookup: unknown) =>
    (await post(kit, 'points/query/groups', { query: [1, 1], group_by: 'tags', limit: 2, with_lookup })).groups
  expect((await ask('d')).map(({ lookup }: Any) => lookup)).toEqual([{ id: 1, payload: { name: 'one' } }, null])
  const [first] = await ask({ collection: 'd', with_payload: false, with_vectors: true })
  expect(first.lookup).toEqual({ id: 1, vector: [1] })
})

test('[QY22] facets count points', async () => {
  await using kit = await withPoints()
  const hits = async (body: unknown) =>
    (await post(kit, 'facet', body)).hits.map(({ value, count }: Any) => [value, count])
  expect(await hits({ key: 'kind' })).toEqual([
    ['low', 3],
    ['high', 2],
  ])
  expect(await hits({ key: 'tags', limit: 3 })).toEqual([
    [1, 3],
    [0, 2],
    [2, 1],
  ])
  expect(await hits({ key: 'odd', filter: { must: { key: 'n', range: { lt: 8 } } } })).toEqual([
    [true, 2],
    [false, 1],
  ])
  expect(await hits({ key: 'absent' })).toEqual([])
  expect((await kit.send('POST', '/collections/c/facet', {})).status).toBe(400)
})

test('[QY23] a matrix of the whole collection, in pairs and in offsets', async () => {
  await using kit = await withPoints()
  const { pairs } = await post(kit, 'points/search/matrix/pairs', { limit: 1 })
  expect(pairs).toEqual([
    { a: 1, b: 2, score: 1 },
    { a: 2, b: 1, score: 1 },
    { a: 3, b: 2, score: 1 },
    { a: 4, b: 3, score: 1 },
    { a: 5, b: 4, score: 1 },
  ])
  const filter = { must: { has_id: [2, 4, 5] } }
  expect(await post(kit, 'points/search/matrix/offsets', { filter, limit: 1 })).toEqual({
    ids: [2, 4, 5],
    offsets_row: [0, 1, 2],
    offsets_col: [1, 2, 1],
    scores: [2, 1, 1],
  })
  expect(await post(kit, 'points/search/matrix/pairs', { filter: { must: { has_id: [2] } } })).toEqual({ pairs: [] })
  expect((await post(kit, 'points/search/matrix/offsets', { sample: 3 })).ids.length).toBe(3)
  expect((await kit.send('POST', '/collections/c/points/search/matrix/pairs', { sample: 1 })).status).toBe(422)
})

test('[QY24] older requests ask the same', async () => {
  await using kit = await withPoints()
  expect(ids(await post(kit, 'points/recommend', { positive: [2], negative: [[5, 1]], top: 2 }))).toEqual([1, 3])
  const target = { target: [3, 1], context: [{ positive: 4, negative: 1 }], limit: 2 }
  expect(ids(await post(kit, 'points/discover', target))).toEqual([3, 5])
  expect(ids(await post(kit, 'points/discover', { context: target.context, limit: 2 }))).toEqual([3, 5])
  const batch = await post(kit, 'points/recommend/batch', {
    searches: [
      { positive: [2], limit: 1 },
      { positive: [5], limit: 1 },
    ],
  })
  expect(batch.map(ids)).toEqual([[1], [4]])
  expect((await post(kit, 'points/discover/batch', { searches: [target] })).map(ids)).toEqual([[3, 5]])
  const sizes = { group_by: 'kind', group_size: 1, limit: 2 }
  const found = await post(kit, 'points/search/groups', { vector: [1, 1], ...sizes })
  expect(found.groups.map(({ id, hits }: Any) => [id, ids(hits)])).toEqual([
    ['low', [1]],
    ['high', [4]],
  ])
  const liked = await post(kit, 'points/recommend/groups', { positive: [5], ...sizes })
  expect(liked.groups.map(({ id, hits }: Any) => [id, ids(hits)])).toEqual([
    ['high', [4]],
    ['low', [3]],
  ])
})

test.each([
  ['points/recommend', { positive: [1] }, 400, 'missing field `limit`'],
  ['points/recommend', { limit: 1 }, 400, 'Bad request: At least one positive vector ID'],
  ['points/discover', { limit: 1 }, 400, 'Bad request: target and/or context must be specified'],
  ['points/search/groups', { vector: [1, 1], group_by: 'kind', limit: 1 }, 400, 'missing field `group_size`'],
  ['points/query/groups', { query: [1, 1] }, 400, 'missing field `group_by`'],
  ['points/query/groups', { group_by: '' }, 422, '[group_by:'],
  ['points/query/groups', { group_by: 'a', limit: 1000, group_size: 1000 }, 422, '[group_size:'],
  ['points/query/groups', { group_by: 'a', with_lookup: 'e' }, 404, "Collection `e` doesn't exist!"],
  ['points/recommend', { positive: [1], limit: 1, shard_key: 'k' }, 400, 'Not supported: shard_key'],
  ['facet', { key: 'a', limit: 0 }, 422, '[limit: value 0 invalid'],
])('[QY24] %s refuses %j', async (path, body, status, sentence) => {
  await using kit = await withPoints()
  const reply = await kit.send('POST', `/collections/c/${path}`, body)
  expect(reply.json.status.error).toContain(sentence)
  expect(reply.status).toBe(status)
})
