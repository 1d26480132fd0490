import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Kit, openKit } from './testing/region-kit.js'

let kit: Kit
beforeAll(async () => {
  kit = await openKit()
})
afterAll(() => kit[Symbol.asyncDispose]())

const ids = (points: { id: unknown }[]): unknown[] => points.map(({ id }) => id)

const words = (indices: number[], values: number[]) => ({ indices, values })

const makeSparse = async (name: string, modifier?: string): Promise<void> => {
  await kit.ok('PUT', `/collections/${name}`, {
    vectors: { size: 2, distance: 'Dot' },
    sparse_vectors: { text: modifier === undefined ? {} : { modifier }, other: { index: { on_disk: true } } },
  })
  await kit.ok('PUT', `/collections/${name}/points?wait=true`, {
    points: [
      { id: 1, vector: { text: words([7, 1], [2, 1]) }, payload: { odd: true } },
      { id: 2, vector: { '': [1, 0], text: words([1, 9], [3, 1]) } },
      { id: 3, vector: { text: words([4_294_967_295], [1.5]) }, payload: { odd: true } },
      { id: 4, vector: [0, 1] },
      { id: 5, vector: { text: words([], []) } },
    ],
  })
}

test('[VF1] configuration of sparse vectors and multivectors is shown as it was accepted', async () => {
  await makeSparse('shown', 'idf')
  await kit.ok('PUT', '/collections/only', { sparse_vectors: { text: {} } })
  await kit.ok('PUT', '/collections/tokens', {
    vectors: { col: { size: 2, distance: 'Cosine', multivector_config: { comparator: 'max_sim' } } },
  })
  const params = async (name: string) => (await kit.ok('GET', `/collections/${name}`)).config.params
  expect(await params('shown')).toMatchObject({
    vectors: { size: 2, distance: 'Dot' },
    sparse_vectors: { text: { modifier: 'idf' }, other: { index: { on_disk: true } } },
  })
  expect(await params('only')).toMatchObject({ vectors: {}, sparse_vectors: { text: {} } })
  expect((await params('tokens')).vectors.col).toMatchObject({ multivector_config: { comparator: 'max_sim' } })
  expect((await params('tokens')).sparse_vectors).toBeUndefined()
})

test('[VF2] sparse vectors are kept ascending and come back; a point may have only them', async () => {
  await makeSparse('kept')
  const points = await kit.ok('POST', '/collections/kept/points', { ids: [1, 2, 3, 4, 5], with_vector: true })
  expect(points.map(({ vector }: { vector: unknown }) => vector)).toEqual([
    { text: words([1, 7], [1, 2]) },
    { '': [1, 0], text: words([1, 9], [3, 1]) },
    { text: words([4_294_967_295], [1.5]) },
    [0, 1],
    { text: words([], []) },
  ])
  await kit.ok('PUT', '/collections/kept/points/vectors?wait=true', {
    points: [{ id: 4, vector: { text: words([1], [0.1]) } }],
  })
  await kit.ok('POST', '/collections/kept/points/vectors/delete?wait=true', { points: [2], vector: ['text'] })
  const found = await kit.ok('POST', '/collections/kept/points/query', {
    ...{ query: words([1], [1]), using: 'text', with_vector: ['text'] },
  })
  expect(found.points).toMatchObject([
    { id: 1, score: 1, vector: { text: words([1, 7], [1, 2]) } },
    { id: 4, score: 0.1, vector: { text: words([1], [0.1]) } },
  ])
  const has = { must: [{ has_vector: 'text' }] }
  expect(ids((await kit.ok('POST', '/collections/kept/points/scroll', { filter: has })).points)).toEqual([1, 3, 4, 5])
})

test('[VF3] a sparse query finds what shares an index with it, best product first', async () => {
  await makeSparse('sparse')
  const ask = async (body: object) =>
    (await kit.ok('POST', '/collections/sparse/points/query', { using: 'text', ...body })).points
  expect(await ask({ query: words([7, 1], [1, 1]) })).toMatchObject([
    { id: 1, score: 3 },
    { id: 2, score: 3 },
  ])
  expect(await ask({ query: words([1], [-1]) })).toMatchObject([
    { id: 1, score: -1 },
    { id: 2, score: -3 },
  ])
  expect(ids(await ask({ query: words([1], [1]), score_threshold: 1 }))).toEqual([2])
  expect(ids(await ask({ query: { nearest: words([1, 4_294_967_295], [1, 9]) } }))).toEqual([3, 2, 1])
  expect(
    ids(await ask({ query: words([1], [1]), filter: { must: [{ key: 'odd', match: { value: true } }] } })),
  ).toEqual([1])
  expect(await ask({ query: words([], []) })).toEqual([])
  expect(ids(await ask({ query: 1 }))).toEqual([2])
  expect(ids(await ask({ prefetch: [{ query: [1, 1], limit: 9 }], query: words([1], [1]) }))).toEqual([2])
  const recommended = { recommend: { positive: [words([7], [1])], negative: [words([9], [1])] } }
  expect(await ask({ query: recommended })).toMatchObject([
    { id: 1, score: 4 },
    { id: 2, score: -1 },
  ])
  const best = { recommend: { positive: [words([7], [1])], strategy: 'sum_scores' } }
  expect((await ask({ query: best })).slice(0, 2)).toMatchObject([
    { id: 1, score: 2 },
    { id: 2, score: 0 },
  ])
  const old = { vector: { name: 'text', vector: words([1], [1]) }, limit: 3 }
  expect(ids(await kit.ok('POST', '/collections/sparse/points/search', old))).toEqual([2, 1])
})

test('[VF4] idf weighs a query by how rare its indices are among the live vectors', async () => {
  await makeSparse('idf', 'idf')
  const ask = async () =>
    (await kit.ok('POST', '/collections/idf/points/query', { using: 'text', query: words([1, 7, 9], [1, 1, 1]) }))
      .points
  const idf = (all: number, having: number): number => Math.log((all - having + 0.5) / (having + 0.5) + 1)
  const [second, first] = await ask()
  expect([first.id, second.id]).toEqual([2, 1])
  expect(first.score).toBeCloseTo(3 * idf(3, 2) + idf(3, 1), 5)
  expect(second.score).toBeCloseTo(idf(3, 2) + 2 * idf(3, 1), 5)
  await kit.ok('POST', '/collections/idf/points/delete?wait=true', { points: [2] })
  const [only, ...rest] = await ask()
  expect(rest).toEqual([])
  expect(only.score).toBeCloseTo(3 * idf(2, 1), 5)
})

test('[VF5] a multivector query sums the best match of each of its rows', async () => {
  for (const [distance, wanted] of [
    [
      'Dot',
      [
        [1, 6],
        [2, 2],
        [3, 0],
      ],
    ],
    [
      'Euclid',
      [
        [1, 1],
        [2, Math.sqrt(3.5)],
        [3, Math.sqrt(5)],
      ],
    ],
    [
      'Manhattan',
      [
        [1, 1],
        [2, 3],
        [3, 3],
      ],
    ],
  ] as const) {
    const path = `/collections/multi-${distance}`
    const multivector_config = { comparator: 'max_sim' }
    await kit.ok('PUT', path, { vectors: { size: 2, distance, multivector_config } })
    await kit.ok('PUT', `${path}/points?wait=true`, {
      points: [
        {
          id: 1,
          vector: [
            [2, 0],
            [0, 2],
          ],
        },
        { id: 2, vector: [[1, 0.5]] },
        {
          id: 3,
          vector: [
            [0, 0],
            [-2, 0],
          ],
        },
      ],
    })
    const query = [
      [1, 0],
      [0, 2],
    ]
    const found = (await kit.ok('POST', `${path}/points/query`, { query, with_vector: true })).points
    expect(ids(found)).toEqual(wanted.map(([id]) => id))
    for (const [i, [, score]] of wanted.entries()) expect(found[i].score).toBeCloseTo(score, 5)
    expect(found.find(({ id }: { id: number }) => id === 3).vector).toEqual([
      [0, 0],
      [-2, 0],
    ])
  }
})

test('[VF6] a dense vector stands for one row; rows of a cosine space are normalised each', async () => {
  await kit.ok('PUT', '/collections/rows', {
    vectors: { size: 2, distance: 'Cosine', multivector_config: { comparator: 'max_sim' } },
  })
  await kit.ok('PUT', '/collections/rows/points?wait=true', {
    points: [
      {
        id: 1,
        vector: [
          [3, 4],
          [0, 2],
        ],
      },
      { id: 2, vector: [5, 0] },
    ],
  })
  const found = (await kit.ok('POST', '/collections/rows/points/query', { query: [2, 0], with_vector: true })).points
  expect(found).toMatchObject([
    { id: 2, score: 1, vector: [[1, 0]] },
    {
      id: 1,
      score: 0.6,
      vector: [
        [0.6, 0.8],
        [0, 1],
      ],
    },
  ])
  expect((await kit.ok('POST', '/collections/rows/points/query', { query: 1 })).points).toMatchObject([
    { id: 2, score: 0.6 },
  ])
})

test('[VF7] what is none of the space is refused, and nothing of its batch is stored', async () => {
  await makeSparse('strict')
  await kit.ok('PUT', '/collections/many', {
    vectors: { size: 2, distance: 'Dot', multivector_config: { comparator: 'max_sim' } },
  })
  const put = (name: string, vector: unknown) =>
    kit.send('PUT', `/collections/${name}/points`, {
      points: [
        { id: 90, vector: name === 'many' ? [[1, 1]] : [1, 1] },
        { id: 91, vector },
      ],
    })
  const bad: [status: number, collection: string, vector: unknown][] = [
    [422, 'strict', { text: words([1, 1], [1, 2]) }],
    [422, 'strict', { text: words([1, 2], [1]) }],
    [400, 'strict', { text: words([-1], [1]) }],
    [400, 'strict', { text: words([4_294_967_296], [1]) }],
    [400, 'strict', { text: { indices: [1] } }],
    [422, 'strict', { text: words([1], [1e39]) }],
    [400, 'strict', { text: [1, 2] }],
    [400, 'strict', { '': words([1], [1]) }],
    [400, 'strict', words([1], [1])],
    [400, 'strict', [[1, 2]]],
    [400, 'strict', { unknown: words([1], [1]) }],
    [422, 'many', []],
    [422, 'many', [[1, 2], []]],
    [400, 'many', [[1, 2], [1]]],
    [400, 'many', [[1, 2], 3]],
    [400, 'many', words([1], [1])],
  ]
  for (const [status, collection, vector] of bad) {
    const reply = await put(collection, vector)
    expect(reply.status, JSON.stringify(vector)).toBe(status)
    expect((await kit.send('GET', `/collections/${collection}/points/90`)).status).toBe(404)
  }
  const ask = (body: object) => kit.send('POST', '/collections/strict/points/query', body)
  expect((await ask({ query: [1, 1], using: 'text' })).status).toBe(400)
  expect((await ask({ query: words([1], [1]) })).status).toBe(400)
  expect((await ask({ query: 4, using: 'text' })).status).toBe(404)
  const create = (body: object) => kit.send('PUT', '/collections/never', body)
  expect((await create({ sparse_vectors: { a: { modifier: 'bm25' } } })).status).toBe(400)
  expect((await create({ vectors: { a: { size: 2, distance: 'Dot' } }, sparse_vectors: { a: {} } })).status).toBe(422)
  expect(
    (await create({ vectors: { size: 2, distance: 'Dot', multivector_config: { comparator: 'mean' } } })).status,
  ).toBe(400)
})
