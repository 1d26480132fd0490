import { ExactIndex } from '@meridian/index'
import { createLog, parseConfig, type RunningServer, startServer } from '@meridian/server'
import { MemoryStorage } from '@meridian/storage'
import { QdrantClient } from '@qdrant/js-client-rest'
import { afterAll, beforeAll, expect, test } from 'vitest'

let server: RunningServer
let client: QdrantClient
beforeAll(async () => {
  const config = parseConfig({ region: 'eu', port: '0', 'log-level': 'silent' })
  server = await startServer(config, createLog(config), {
    openStorage: async () => new MemoryStorage(),
    openIndex: () => new ExactIndex(),
  })
  client = new QdrantClient({ host: '127.0.0.1', port: server.port, https: false, checkCompatibility: false })
})
afterAll(() => server.close())

test('[VF9] the official client stores, returns and searches every form', async () => {
  await client.createCollection('forms', {
    vectors: {
      dense: { size: 2, distance: 'Dot' },
      rows: { size: 2, distance: 'Dot', multivector_config: { comparator: 'max_sim' } },
    },
    sparse_vectors: { words: { modifier: 'idf' } },
  })
  expect((await client.getCollection('forms')).config.params).toMatchObject({
    vectors: { rows: { multivector_config: { comparator: 'max_sim' } } },
    sparse_vectors: { words: { modifier: 'idf' } },
  })
  const one = {
    dense: [1, 2],
    rows: [
      [1, 0],
      [0, 1],
    ],
    words: { indices: [1, 5], values: [0.5, 2] },
  }
  const two = { words: { indices: [5], values: [1] } }
  await client.upsert('forms', {
    wait: true,
    points: [
      { id: 1, vector: one },
      { id: 2, vector: two },
    ],
  })
  const [first, second] = await client.retrieve('forms', { ids: [1, 2], with_vector: true })
  expect(first!.vector).toEqual(one)
  expect(second!.vector).toEqual(two)
  const words = await client.query('forms', { query: { indices: [5], values: [1] }, using: 'words' })
  expect(words.points.map(({ id }) => id)).toEqual([1, 2])
  const rows = await client.query('forms', {
    query: [
      [2, 0],
      [0, 3],
    ],
    using: 'rows',
  })
  expect(rows.points).toMatchObject([{ id: 1, score: 5 }])
  const fused = await client.query('forms', {
    prefetch: [
      { query: { indices: [5], values: [1] }, using: 'words' },
      { query: [1, 1], using: 'dense' },
    ],
    query: { fusion: 'rrf' },
  })
  expect(fused.points.map(({ id }) => id)).toEqual([1, 2])
  await client.updateVectors('forms', { wait: true, points: [{ id: 2, vector: { rows: [[9, 9]] } }] })
  await client.deleteVectors('forms', { wait: true, points: [1], vector: ['words'] })
  expect((await client.query('forms', { query: 2, using: 'words' })).points).toEqual([])
  expect((await client.query('forms', { query: 1, using: 'rows' })).points).toMatchObject([{ id: 2, score: 18 }])
})
