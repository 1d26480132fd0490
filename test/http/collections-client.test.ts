import { ExactIndex } from '@meridian/index'
import { createLog, parseConfig, type RunningServer, startServer } from '@meridian/server'
import { MemoryStorage } from '@meridian/storage'
import { QdrantClient } from '@qdrant/js-client-rest'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

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
beforeEach(async () => {
  await client.deleteCollection('c')
  await client.createCollection('c', { vectors: { size: 2, distance: 'Dot' } })
  const points = [1, 2, 3].map((id) => ({ id, vector: [id, 0], payload: { n: id, tags: ['a', `t${id}`] } }))
  await client.upsert('c', { wait: true, points })
})

const payloadOf = async (id: number): Promise<unknown> => (await client.retrieve('c', { ids: [id] }))[0]?.payload

test('[HT93] the official client makes, moves, lists and drops aliases, and works through them', async () => {
  const actions = [{ create_alias: { collection_name: 'c', alias_name: 'live' } }]
  expect(await client.updateCollectionAliases({ actions })).toBe(true)
  expect(await client.getAliases()).toEqual({ aliases: [{ alias_name: 'live', collection_name: 'c' }] })
  expect(await client.getCollectionAliases('c')).toEqual({ aliases: [{ alias_name: 'live', collection_name: 'c' }] })
  await client.upsert('live', { wait: true, points: [{ id: 9, vector: [9, 0] }] })
  expect((await client.query('live', { query: [1, 0], limit: 1 })).points[0]!.id).toBe(9)
  await client.updateCollectionAliases({
    actions: [
      { rename_alias: { old_alias_name: 'live', new_alias_name: 'other' } },
      { delete_alias: { alias_name: 'other' } },
    ],
  })
  expect(await client.getAliases()).toEqual({ aliases: [] })
  await expect(client.getCollection('live')).rejects.toMatchObject({ status: 404 })
  const missing = { actions: [{ create_alias: { collection_name: 'none', alias_name: 'a' } }] }
  await expect(client.updateCollectionAliases(missing)).rejects.toMatchObject({ status: 404 })
  const taken = { actions: [{ create_alias: { collection_name: 'c', alias_name: 'c' } }] }
  await expect(client.updateCollectionAliases(taken)).rejects.toMatchObject({ status: 409 })
})

test('[HT110] the official client adds and drops vectors', async () => {
  const added = await client.createVectorName('c', 'title', { dense: { size: 3, distance: 'Cosine' } }, { wait: true })
  expect(added).toMatchObject({ status: 'completed' })
  await client.createVectorName('c', 'words', { sparse: {} })
  await client.updateVectors('c', { wait: true, points: [{ id: 1, vector: { title: [0, 3, 4] } }] })
  expect((await client.query('c', { using: 'title', query: [0, 0, 1] })).points).toMatchObject([{ id: 1, score: 0.8 }])
  await client.deleteVectorName('c', 'title', { wait: true })
  await expect(client.query('c', { using: 'title', query: [0, 0, 1] })).rejects.toMatchObject({ status: 400 })
  await client.updateCollection('c', { sparse_vectors: { words: { modifier: 'idf' } } })
  expect((await client.getCollection('c')).config.params.sparse_vectors).toEqual({ words: { modifier: 'idf' } })
})

test('[HT93] the official client declares and drops payload indexes, and finds the same with and without', async () => {
  const filter = {
    must: [
      { key: 'tags', match: { value: 't2' } },
      { key: 'n', range: { gt: 1 } },
    ],
  }
  const found = async () => (await client.scroll('c', { filter })).points.map(({ id }) => id)
  const before = await found()
  const done = await client.createPayloadIndex('c', { field_name: 'n', field_schema: 'integer', wait: true })
  expect(done).toMatchObject({ status: 'completed' })
  const schema = { type: 'keyword', is_tenant: true } as const
  expect(await client.createPayloadIndex('c', { field_name: 'tags', field_schema: schema })).toMatchObject({
    status: 'acknowledged',
  })
  expect((await client.getCollection('c')).payload_schema).toEqual({
    n: { data_type: 'integer', points: 3 },
    tags: { data_type: 'keyword', params: schema, points: 3 },
  })
  expect(await found()).toEqual(before)
  await client.deletePayloadIndex('c', 'n', { wait: true })
  expect(Object.keys((await client.getCollection('c')).payload_schema)).toEqual(['tags'])
  expect(await found()).toEqual(before)
})

test('[HT93] the official client changes a collection and reads the change back', async () => {
  expect(
    await client.updateCollection('c', {
      hnsw_config: { ef_construct: 123 },
      optimizers_config: { indexing_threshold: 10 },
      params: { read_fan_out_factor: 1 },
      vectors: { '': { on_disk: true } },
    }),
  ).toBe(true)
  expect((await client.getCollection('c')).config).toMatchObject({
    hnsw_config: { ef_construct: 123 },
    optimizer_config: { indexing_threshold: 10 },
    params: { read_fan_out_factor: 1, vectors: { size: 2, on_disk: true } },
  })
})

test('[HT93] the official client sends mixed batches', async () => {
  const results = await client.batchUpdate('c', {
    wait: true,
    operations: [
      { upsert: { points: [{ id: 4, vector: [4, 0], payload: { n: 4 } }] } },
      { set_payload: { payload: { seen: true }, filter: { must: [{ key: 'n', range: { gte: 3 } }] } } },
      { overwrite_payload: { payload: { only: 1 }, points: [1] } },
      { delete_payload: { keys: ['tags'], points: [3] } },
      { clear_payload: { points: [2] } },
      { update_vectors: { points: [{ id: 1, vector: [100, 0] }] } },
      { delete_vectors: { points: [2], vector: [''] } },
      { delete: { filter: { must: [{ key: 'seen', match: { value: true } }, { has_id: [3] }] } } },
    ],
  })
  expect(results.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 'completed'))
  expect(await Promise.all([1, 2, 3, 4].map(payloadOf))).toEqual([{ only: 1 }, {}, undefined, { n: 4, seen: true }])
  expect((await client.query('c', { query: [1, 0], limit: 1 })).points[0]!.id).toBe(1)
})

test('[HT93] the official client sends conditional writes and edits below a key', async () => {
  const points = [1, 8].map((id) => ({ id, vector: [1, 1], payload: { fresh: true } }))
  await client.upsert('c', { wait: true, points, update_mode: 'insert_only' })
  expect(await payloadOf(1)).toEqual({ n: 1, tags: ['a', 't1'] })
  expect(await payloadOf(8)).toEqual({ fresh: true })
  await client.upsert('c', { wait: true, points, update_filter: { must: [{ key: 'fresh', match: { value: false } }] } })
  expect(await payloadOf(1)).toEqual({ n: 1, tags: ['a', 't1'] })
  await client.setPayload('c', { payload: { x: 1 }, key: 'deep.er', points: [1] })
  await client.setPayload('c', { payload: { y: 2 }, key: 'deep.er', points: [1] })
  await client.deletePayload('c', { keys: ['deep.er.x', 'tags'], points: [1] })
  expect(await payloadOf(1)).toEqual({ n: 1, deep: { er: { y: 2 } } })
})
