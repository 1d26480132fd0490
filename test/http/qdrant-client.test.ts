import { MemoryStorage } from '@meridian/storage'
import { ExactIndex } from '@meridian/index'
import { createLog, parseConfig, type RunningServer, startServer } from '@meridian/server'
import { QdrantClient } from '@qdrant/js-client-rest'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

let server: RunningServer
let client: QdrantClient

beforeAll(async () => {
  const config = parseConfig({ region: 'eu', port: '0', 'api-key': 'key', 'log-level': 'silent' })
  server = await startServer(config, createLog(config), {
    openStorage: async () => new MemoryStorage(),
    openIndex: () => new ExactIndex(),
  })
  client = new QdrantClient({ host: '127.0.0.1', port: server.port, https: false, apiKey: 'key' })
})
afterAll(() => server.close())

const vector = (x: number): number[] => [x, 1, 0, 0]

test('[HT90] the official client finds a version it is made for', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  const checked = new QdrantClient({ host: '127.0.0.1', port: server.port, https: false, checkCompatibility: true })
  expect(await checked.versionInfo()).toMatchObject({ version: expect.stringMatching(/^1\.18\./) })
  expect(warn.mock.calls.filter(([text]) => String(text).includes('ncompatible'))).toEqual([])
  warn.mockRestore()
})

test('[HT90] the official client makes, fills, searches, edits and drops a collection', async () => {
  expect(await client.createCollection('smoke', { vectors: { size: 4, distance: 'Cosine' } })).toBe(true)
  expect(await client.collectionExists('smoke')).toEqual({ exists: true })
  expect(await client.getCollections()).toEqual({ collections: [{ name: 'smoke' }] })
  const points = [1, 2, 3].map((id) => ({ id, vector: vector(id), payload: { city: id === 3 ? 'Rome' : 'Oslo', id } }))
  expect(await client.upsert('smoke', { wait: true, points })).toMatchObject({ status: 'completed' })
  expect((await client.getCollection('smoke')).points_count).toBe(3)

  const found = await client.query('smoke', { query: vector(3), limit: 2, with_payload: true })
  expect(found.points.map(({ id }) => id)).toEqual([3, 2])
  expect(found.points[0]).toMatchObject({ score: 1, payload: { city: 'Rome' } })
  const filter = { must: [{ key: 'city', match: { value: 'Oslo' } }] }
  expect((await client.search('smoke', { vector: vector(3), limit: 5, filter })).map(({ id }) => id)).toEqual([2, 1])
  const batch = await client.queryBatch('smoke', {
    searches: [
      { query: 1, limit: 1 },
      { query: vector(1), limit: 1 },
    ],
  })
  expect(batch.map(({ points: [first] }) => first!.id)).toEqual([2, 1])

  const page = await client.scroll('smoke', { limit: 2, with_vector: true })
  expect(page.points.map(({ id }) => id)).toEqual([1, 2])
  expect(page.next_page_offset).toBe(3)
  expect(await client.retrieve('smoke', { ids: [2] })).toMatchObject([{ id: 2, payload: { city: 'Oslo' } }])
  expect(await client.count('smoke', { filter, exact: true })).toEqual({ count: 2 })

  await client.setPayload('smoke', { payload: { seen: true }, points: [1] })
  await client.overwritePayload('smoke', { payload: { only: 1 }, points: [2] })
  await client.deletePayload('smoke', { keys: ['city'], points: [1] })
  await client.clearPayload('smoke', { points: [3] })
  const payloads = (await client.scroll('smoke', {})).points.map(({ payload }) => payload)
  expect(payloads).toEqual([{ id: 1, seen: true }, { only: 1 }, {}])
  await client.updateVectors('smoke', { points: [{ id: 1, vector: vector(9) }] })
  expect((await client.query('smoke', { query: vector(9), limit: 1 })).points[0]!.id).toBe(1)

  expect(await client.delete('smoke', { points: [1] })).toMatchObject({
    status: expect.stringMatching(/acknowledged|completed/),
  })
  expect((await client.count('smoke')).count).toBe(2)
  expect(await client.deleteCollection('smoke')).toBe(true)
  expect(await client.deleteCollection('smoke')).toBe(false)
})

test('[HT91] the official client sees errors as it expects them', async () => {
  await expect(client.getCollection('none')).rejects.toMatchObject({ status: 404 })
  await client.createCollection('twice', { vectors: { size: 4, distance: 'Dot' } })
  await expect(client.createCollection('twice', { vectors: { size: 4, distance: 'Dot' } })).rejects.toMatchObject({
    status: 409,
  })
  await expect(client.upsert('twice', { points: [{ id: 1, vector: [1] }] })).rejects.toMatchObject({ status: 400 })
  const stranger = new QdrantClient({
    host: '127.0.0.1',
    port: server.port,
    https: false,
    apiKey: 'wrong',
    checkCompatibility: false,
  })
  await expect(stranger.getCollections()).rejects.toMatchObject({ status: 401 })
})
