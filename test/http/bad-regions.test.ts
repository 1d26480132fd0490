import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type DiskRegion, openRegion } from './kit/region.js'

/* Rows of bad input that take two regions: what one of them does while the other writes. */

const PATIENT = { timeout: 30_000, interval: 50 }
let eu: DiskRegion
let us: DiskRegion

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

beforeAll(async () => {
  const [a, b] = [await freePort(), await freePort()]
  eu = await openRegion({ region: 'eu', port: String(a), peer: [`us=http://127.0.0.1:${b}`] })
  us = await openRegion({ region: 'us', port: String(b), peer: [`eu=http://127.0.0.1:${a}`] })
  await linked(true)
})
afterAll(async () => {
  await eu[Symbol.asyncDispose]()
  await us[Symbol.asyncDispose]()
})

const linked = async (isLinked: boolean): Promise<void> => {
  await eu.send('PUT', '/meridian/links/us', { enabled: isLinked })
  await us.send('PUT', '/meridian/links/eu', { enabled: isLinked })
  await vi.waitFor(() => {
    expect(eu.server.replica.isLinked('us' as never)).toBe(isLinked)
    expect(us.server.replica.isLinked('eu' as never)).toBe(isLinked)
  }, PATIENT)
}

const scrolled = async (region: DiskRegion, collection: string) =>
  (await region.send('POST', `/collections/${collection}/points/scroll`, { with_vector: true, limit: 1000 })).result
    ?.points

test('[H17] a collection made again with other dimensions elsewhere never holds both', async () => {
  await eu.send('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  await vi.waitFor(async () => expect(await scrolled(us, 'c')).toEqual([]), PATIENT)
  await linked(false)
  await us.send('DELETE', '/collections/c')
  await us.send('PUT', '/collections/c', { vectors: { size: 3, distance: 'Dot' } })
  await us.send('PUT', '/collections/c/points', { points: [{ id: 1, vector: [1, 2, 3] }] })
  // Late: this region does not know yet.
  expect((await eu.send('PUT', '/collections/c/points', { points: [{ id: 2, vector: [1, 2] }] })).status).toBe(200)
  await linked(true)
  await vi.waitFor(async () => {
    for (const region of [eu, us]) expect(await scrolled(region, 'c')).toMatchObject([{ id: 1, vector: [1, 2, 3] }])
  }, PATIENT)
  for (const region of [eu, us]) {
    const late = await region.send('PUT', '/collections/c/points', { points: [{ id: 3, vector: [1, 2] }] })
    expect(late.error).toContain('expected dim: 3, got 2')
  }
})

test('[H18] of two embeddings of one point one wins whole, with its model and text, and the other is in the history', async () => {
  await eu.send('PUT', '/collections/m', { vectors: { size: 2, distance: 'Dot' } })
  await vi.waitFor(async () => expect(await scrolled(us, 'm')).toEqual([]), PATIENT)
  await linked(false)
  const embedded = (model: string, vector: number[]) => ({
    points: [{ id: 1, vector, payload: { model, text: `read by ${model}` } }],
  })
  const [amenities, tickets] = [embedded('amenities', [1, 0]), embedded('tickets', [0, 1])]
  await eu.send('PUT', '/collections/m/points', amenities)
  await us.send('PUT', '/collections/m/points', tickets)
  await linked(true)
  await vi.waitFor(async () => {
    const both = [await scrolled(eu, 'm'), await scrolled(us, 'm')]
    expect(both[0]).toEqual(both[1])
  }, PATIENT)
  const [kept] = await scrolled(eu, 'm')
  expect([amenities, tickets].map(({ points: [point] }) => point)).toContainEqual(kept)
  const histories = await Promise.all(
    [eu, us].map((region) => region.send('GET', '/meridian/collections/m/points/1/history')),
  )
  expect(histories[0]!.result).toEqual(histories[1]!.result)
  const found = await us.send('POST', '/collections/m/points/query', { query: kept.vector, with_payload: true })
  expect(found.result.points).toMatchObject([{ id: 1, score: 1, payload: kept.payload }])
})
