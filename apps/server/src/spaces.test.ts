import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { IndexHit, IndexQuery, SpaceRef } from '@meridian/core'
import { ExactIndex } from '@meridian/index'
import { type Kit, openKit } from './testing/region-kit.js'

let kit: Kit
let data: string
beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'meridian-spaces-'))
  kit = await openKit({ flags: { data } })
  await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  const points = [1, 2, 3].map((id) => ({ id, vector: [id, 1], payload: { n: id } }))
  await kit.ok('PUT', '/collections/c/points?wait=true', { points })
})
afterEach(async () => {
  await kit.server.close()
  rmSync(data, { recursive: true, force: true })
})

const C = '/collections/c'
const add = (name: string, body: unknown) => kit.send('PUT', `${C}/vectors/${name}?wait=true`, body)
const params = async () => (await kit.ok('GET', C)).config.params
const query = async (using: string, vector: unknown) =>
  (await kit.ok('POST', `${C}/points/query`, { using, query: vector, limit: 10 })).points.map(
    ({ id, score }: { id: number; score: number }) => [id, score],
  )

test('[HT110] vectors of every form are added to a collection whose one vector has no name, filled, searched and shown', async () => {
  expect((await add('title', { dense: { size: 3, distance: 'Euclid' } })).json.result).toEqual({
    operation_id: expect.any(Number),
    status: 'completed',
  })
  await kit.ok('PUT', `${C}/vectors/rows`, {
    dense: { size: 2, distance: 'Dot', multivector_config: { comparator: 'max_sim' }, datatype: 'float32' },
  })
  await kit.ok('PUT', `${C}/vectors/words`, { sparse: { modifier: 'idf' } })
  expect(await params()).toMatchObject({
    vectors: {
      '': { size: 2, distance: 'Dot' },
      title: { size: 3, distance: 'Euclid' },
      rows: { size: 2, distance: 'Dot', multivector_config: { comparator: 'max_sim' } },
    },
    sparse_vectors: { words: { modifier: 'idf' } },
  })
  expect(await query('title', [0, 0, 0])).toEqual([])
  await kit.ok('PUT', `${C}/points/vectors?wait=true`, {
    points: [
      { id: 1, vector: { title: [0, 3, 4], rows: [[1, 2]], words: { indices: [7], values: [2] } } },
      { id: 2, vector: { title: [0, 0, 1] } },
    ],
  })
  expect(await query('title', [0, 0, 0])).toEqual([
    [2, 1],
    [1, 5],
  ])
  expect(await query('rows', [[1, 1]])).toEqual([[1, 3]])
  expect((await query('words', { indices: [7], values: [1] }))[0][0]).toBe(1)
  expect((await query('', [1, 0])).length).toBe(3)
  const points = await kit.ok('POST', `${C}/points`, { ids: [1, 3], with_vector: true })
  expect(points.map(({ vector }: { vector: unknown }) => vector)).toEqual([
    { '': [1, 1], title: [0, 3, 4], rows: [[1, 2]], words: { indices: [7], values: [2] } },
    [3, 1],
  ])
  const having = { filter: { must: [{ has_vector: 'title' }] } }
  expect((await kit.ok('POST', `${C}/points/count`, having)).count).toBe(2)
})

test('[HT111] a dropped vector is gone from reads, searches, filters and the configuration; the name can be added anew, empty', async () => {
  await add('v', { dense: { size: 2, distance: 'Dot' } })
  await kit.ok('PUT', `${C}/points/vectors?wait=true`, { points: [{ id: 1, vector: { v: [1, 2] } }] })
  await kit.ok('PATCH', C, { vectors: { v: { on_disk: true } } })
  expect(await kit.ok('DELETE', `${C}/vectors/v?wait=true`)).toMatchObject({ status: 'completed' })
  expect((await params()).vectors).toMatchObject({ size: 2, distance: 'Dot' })
  expect((await kit.ok('GET', `${C}/points/1`)).vector).toEqual([1, 1])
  const gone = await kit.send('POST', `${C}/points/query`, { using: 'v', query: [1, 1] })
  expect([gone.status, gone.json.status.error]).toEqual([
    400,
    expect.stringMatching(/^Wrong input: Not existing vector name error: v/),
  ])
  expect((await kit.send('PUT', `${C}/points`, { points: [{ id: 1, vector: { v: [1, 2] } }] })).status).toBe(400)
  expect((await kit.send('DELETE', `${C}/vectors/v`)).status).toBe(200)
  await add('v', { dense: { size: 4, distance: 'Cosine' } })
  expect((await params()).vectors.v).toEqual({ size: 4, distance: 'Cosine' })
  expect((await kit.ok('GET', `${C}/points/1`)).vector).toEqual([1, 1])
  expect(await query('v', [1, 0, 0, 0])).toEqual([])
})

test.each([
  [
    { dense: { size: 3, distance: 'Dot' } },
    400,
    'Wrong input: Vector `v` already exists with a different configuration',
  ],
  [{ sparse: {} }, 400, 'Wrong input: Vector `v` already exists as a dense vector'],
  [{ dense: { size: 0, distance: 'Dot' } }, 422, '[dense.size: value 0 invalid'],
  [{ dense: { distance: 'Dot' } }, 400, 'missing field `size`'],
  [{ dense: { size: 2, distance: 'Far' } }, 400, 'dense.distance: unknown variant `Far`'],
  [{ dense: { size: 2, distance: 'Dot', datatype: 'int8' } }, 400, 'Not supported: dense.datatype'],
  [{ sparse: { datatype: 'float16' } }, 400, 'Not supported: sparse.datatype'],
  [{ sparse: { modifier: 'bm25' } }, 400, 'sparse.modifier: unknown variant'],
  [{ size: 2, distance: 'Dot' }, 400, 'send exactly one of'],
  [{ dense: { size: 2, distance: 'Dot' }, sparse: {} }, 400, 'send exactly one of'],
  ['[]', 400, 'expected an object'],
] as const)('[HT112] an addition that cannot be made is refused: %j', async (body, status, sentence) => {
  await add('v', { dense: { size: 2, distance: 'Dot' } })
  const before = await params()
  const reply = await add('v', body)
  expect(reply.json.status.error).toContain(sentence)
  expect(reply.status).toBe(status)
  expect(await params()).toEqual(before)
})

test('[HT112] the same again is no error, and names and collections are looked at', async () => {
  const body = { dense: { size: 2, distance: 'Dot' } }
  for (let i = 0; i < 2; i++) expect((await add('v', body)).status).toBe(200)
  expect((await add('x'.repeat(201), body)).status).toBe(422)
  expect((await add('v~0123abcd', body)).status).toBe(422)
  expect((await kit.send('PUT', '/collections/none/vectors/v', body)).status).toBe(404)
  expect((await kit.send('DELETE', '/collections/none/vectors/v')).status).toBe(404)
})

test.each([
  ['created without', { vectors: {} }],
  ['whose last was dropped', { vectors: { only: { size: 1, distance: 'Dot' } } }],
])('[HT115] a collection %s has points with payload only, and can be given a vector', async (_, creation) => {
  const path = '/collections/plain'
  await kit.ok('PUT', path, creation)
  await kit.ok('DELETE', `${path}/vectors/only`)
  expect((await kit.ok('GET', path)).config.params.vectors).toEqual({})
  const points = [1, 2, 3].map((id) => ({ id, vector: {}, payload: { n: id } }))
  await kit.ok('PUT', `${path}/points?wait=true`, { points })
  await kit.ok('PUT', `${path}/points?wait=true`, { batch: { ids: [4], vectors: {}, payloads: [{ n: 4 }] } })
  expect(await kit.ok('GET', path)).toMatchObject({ status: 'green', points_count: 4, indexed_vectors_count: 0 })
  const filter = { must: [{ key: 'n', range: { gte: 3 } }] }
  const ids = async (route: string, body: object) =>
    (await kit.ok('POST', `${path}/points/${route}`, body)).points.map(({ id }: { id: number }) => id)
  expect(await ids('scroll', { filter, with_vector: true })).toEqual([3, 4])
  expect(await ids('query', { query: { order_by: { key: 'n', direction: 'desc' } }, limit: 2 })).toEqual([4, 3])
  expect((await ids('query', { query: { sample: 'random' } })).sort()).toEqual([1, 2, 3, 4])
  expect(await kit.ok('POST', `${path}/facet`, { key: 'n' })).toMatchObject({ hits: { length: 4 } })
  const snapshot = await kit.ok('POST', `${path}/snapshots`)
  await kit.ok('PUT', '/collections/plain-copy/snapshots/recover', { location: `file:///${snapshot.name}` })
  expect(await kit.ok('POST', '/collections/plain-copy/points/count', {})).toEqual({ count: 4 })
  await kit.ok('DELETE', '/collections/plain-copy')
  const [shown] = await kit.ok('POST', `${path}/points`, { ids: [1], with_vector: true })
  expect(shown).toEqual({ id: 1, payload: { n: 1 }, vector: {} })
  for (const [method, route, body] of [
    ['POST', 'points/search', { vector: [1], limit: 1 }],
    ['POST', 'points/query', { query: [1] }],
    ['POST', 'points/query', { query: 1 }],
    ['POST', 'points/recommend', { positive: [1], limit: 1 }],
    ['PUT', 'points', { points: [{ id: 1, vector: [1] }] }],
  ] as const) {
    const reply = await kit.send(method, `${path}/${route}`, body)
    expect([reply.status, reply.json.status.error]).toEqual([400, expect.stringContaining('Not existing vector name')])
  }
  await kit.ok('PUT', `${path}/vectors/v`, { dense: { size: 1, distance: 'Dot' } })
  await kit.ok('PUT', `${path}/points/vectors?wait=true`, { points: [{ id: 2, vector: { v: [1] } }] })
  expect(await ids('query', { query: [1], using: 'v' })).toEqual([2])
  await kit.ok('DELETE', path)
})

test('[HT113] the modifier of a sparse vector changes what searches of it weigh, at once and back', async () => {
  await add('s', { sparse: {} })
  const words = { indices: [1], values: [2] }
  await kit.ok('PUT', `${C}/points/vectors?wait=true`, { points: [{ id: 1, vector: { s: words } }] })
  const score = async () => (await query('s', { indices: [1], values: [1] }))[0][1]
  expect(await score()).toBe(2)
  await kit.ok('PATCH', C, { sparse_vectors: { s: { modifier: 'idf' } } })
  expect((await params()).sparse_vectors).toEqual({ s: { modifier: 'idf' } })
  expect(await score()).toBeCloseTo(2 * Math.log(0.5 / 1.5 + 1), 6)
  await kit.ok('PATCH', C, { sparse_vectors: { s: { modifier: 'none', index: { on_disk: true } } } })
  expect((await params()).sparse_vectors).toEqual({ s: { index: { on_disk: true } } })
  expect(await score()).toBe(2)
  const wrong = await kit.send('PATCH', C, { sparse_vectors: { s: { modifier: 'bm25' } } })
  expect([wrong.status, wrong.json.status.error]).toEqual([400, expect.stringContaining('unknown variant `bm25`')])
})

test('[HT114] a snapshot holds the vectors that were added, and is restored with them', async () => {
  await add('v', { dense: { size: 2, distance: 'Dot' } })
  await kit.ok('PUT', `${C}/points/vectors?wait=true`, { points: [{ id: 1, vector: { v: [1, 2] } }] })
  const { name } = await kit.ok('POST', `${C}/snapshots`)
  await kit.ok('PUT', '/collections/copy/snapshots/recover', { location: `file:///${name}` })
  expect((await kit.ok('GET', '/collections/copy/points/1')).vector).toEqual({ '': [1, 1], v: [1, 2] })
  await kit.ok('DELETE', `${C}/vectors/v`)
  await add('v', { dense: { size: 2, distance: 'Dot' } })
  await kit.ok('PUT', `${C}/snapshots/recover`, { location: `file:///${name}` })
  expect((await kit.ok('GET', `${C}/points/1`)).vector).toEqual({ '': [1, 1], v: [1, 2] })
})

test('[HT111] a vector that is dropped while it is searched is a 400, not a failure', async () => {
  class Dropping extends ExactIndex {
    drop = async (): Promise<void> => undefined
    override async search(space: SpaceRef, asked: IndexQuery): Promise<IndexHit[]> {
      await this.drop()
      return super.search(space, asked)
    }
  }
  const index = new Dropping()
  await using region = await openKit({ index })
  await region.ok('PUT', C, { vectors: { a: { size: 1, distance: 'Dot' }, b: { size: 1, distance: 'Dot' } } })
  await region.ok('PUT', `${C}/points`, { points: [{ id: 1, vector: { a: [1], b: [1] } }] })
  index.drop = () => region.ok('DELETE', `${C}/vectors/a`)
  const reply = await region.send('POST', `${C}/points/query`, { using: 'a', query: [1] })
  expect([reply.status, reply.json.status.error]).toEqual([400, expect.stringContaining('was dropped while')])
})

test('[HT110] what is shown of a collection can be created anew, the vector without a name beside named ones', async () => {
  await add('x', { dense: { size: 1, distance: 'Dot' } })
  const { vectors } = await params()
  await kit.ok('PUT', '/collections/again', { vectors })
  expect((await kit.ok('GET', '/collections/again')).config.params.vectors).toEqual(vectors)
  const points = [
    { id: 1, vector: { '': [1, 2], x: [3] } },
    { id: 2, vector: [4, 5] },
  ]
  await kit.ok('PUT', '/collections/again/points', { points })
  const shown = await kit.ok('POST', '/collections/again/points', { ids: [1, 2], with_vector: true })
  expect(shown.map(({ vector }: { vector: unknown }) => vector)).toEqual(points.map(({ vector }) => vector))
})
