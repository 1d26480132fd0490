import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { IndexHit, IndexQuery, SpaceRef } from '@meridian/core'
import { ExactIndex } from '@meridian/index'
import { afterEach, expect, test, vi } from 'vitest'
import { parseConfig } from './config.js'
import { createLog } from './logging.js'
import { startServer } from './serve.js'
import { openKit } from './testing/region-kit.js'

const directories: string[] = []
const directory = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'meridian-serve-'))
  directories.push(made)
  return made
}
afterEach(() => {
  for (const made of directories.splice(0)) rmSync(made, { recursive: true, force: true })
})

const VECTORS = { vectors: { size: 2, distance: 'Euclid' } }
const onDisk = (data: string, port = '0') => {
  const config = parseConfig({ region: 'eu', port, data, 'log-level': 'silent' })
  return startServer(config, createLog(config))
}
const call = async (url: string, method: string, path: string, body?: unknown) => {
  const response = await fetch(url + path, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  return (await response.json()) as { result: Record<string, never> }
}

/** A port that nothing listens on, as far as anybody can know. */
const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

test('[SV1] what was acknowledged is there after a stop and a start, and is found', async () => {
  const data = directory()
  const first = await onDisk(data)
  await call(first.url, 'PUT', '/collections/c', VECTORS)
  await call(first.url, 'PUT', '/collections/c/points', { points: [{ id: 1, vector: [3, 4], payload: { a: 1 } }] })
  await first.close()
  await first.close()
  await using second = await onDisk(data)
  const query = { query: [3, 4], with_payload: true }
  expect((await call(second.url, 'POST', '/collections/c/points/query', query)).result).toMatchObject({
    points: [{ id: 1, score: 0, payload: { a: 1 } }],
  })
  await vi.waitFor(async () => expect((await fetch(`${second.url}/readyz`)).status).toBe(200))
})

test('[SV2] a port in use is one line, and nothing is left open', async () => {
  await using first = await onDisk(directory())
  const data = directory()
  await expect(onDisk(data, String(first.port))).rejects.toThrow(
    `--port ${first.port}: 127.0.0.1:${first.port} is in use by another process; stop it or choose another port`,
  )
  await using _second = await onDisk(data)
})

test('[SV2] a data directory that is held or is of another region is refused', async () => {
  const data = directory()
  {
    await using _holder = await onDisk(data)
    await expect(onDisk(data)).rejects.toMatchObject({ code: 'IDENTITY_CONFLICT' })
  }
  const config = parseConfig({ region: 'us', port: '0', data, 'log-level': 'silent' })
  await expect(startServer(config, createLog(config))).rejects.toMatchObject({ code: 'IDENTITY_CONFLICT' })
})

test('[SV3] a stop lets requests under way end, and answers later ones with 503 and when to come back', async () => {
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let entered: () => void = () => undefined
  const asked = new Promise<void>((resolve) => {
    entered = resolve
  })
  class Held extends ExactIndex {
    override async search(space: SpaceRef, query: IndexQuery): Promise<IndexHit[]> {
      entered()
      await held
      return this.searchNow(space, query)
    }
  }
  const kit = await openKit({ index: new Held(), flags: { 'drain-ms': '10000' } })
  await kit.ok('PUT', '/collections/c', VECTORS)
  await kit.ok('PUT', '/collections/c/points', { points: [{ id: 1, vector: [3, 4] }] })
  const socket = connect(kit.server.port, '127.0.0.1')
  await once(socket, 'connect')
  const search = kit.send('POST', '/collections/c/points/query', { query: [3, 4] })
  await asked
  const closing = kit.server.close()
  socket.write('GET /collections HTTP/1.1\r\nhost: x\r\n\r\n')
  const refused = String(await once(socket, 'data'))
  expect(refused).toMatch(/^HTTP\/1.1 503/)
  expect(refused).toMatch(/\r\nretry-after: 2\r\n/i)
  expect(refused).toMatch(/\r\nconnection: close\r\n/i)
  expect((await kit.send('GET', '/readyz')).text).toBe('shutting down')
  release()
  const answered = await search
  expect(answered.status).toBe(200)
  expect(answered.json.result.points).toHaveLength(1)
  await closing
  await expect(fetch(kit.url)).rejects.toThrow()
})

test('[SV4] two regions find each other, agree, can be cut and heal', async () => {
  const [a, b] = [await freePort(), await freePort()]
  const keys = { 'cluster-key': 'between-us', 'api-key': 'for-clients' }
  await using eu = await openKit({
    flags: { ...keys, region: 'eu', port: String(a), peer: [`us=http://127.0.0.1:${b}`] },
  })
  await using us = await openKit({
    flags: { ...keys, region: 'us', port: String(b), peer: [`eu=http://127.0.0.1:${a}`] },
  })
  const auth = { 'api-key': 'for-clients' }
  const get = async (kit: typeof eu, path: string) => (await kit.send('GET', path, undefined, auth)).json?.result
  const count = async (kit: typeof eu) => (await get(kit, '/collections/c'))?.points_count
  const patient = { timeout: 20_000, interval: 50 }

  await vi.waitFor(() => expect(eu.server.replica.isLinked('us' as never)).toBe(true), patient)
  await eu.send('PUT', '/collections/c', VECTORS, auth)
  await vi.waitFor(async () => expect(await count(us)).toBe(0), patient)
  await us.send('PUT', '/collections/c/points', { points: [{ id: 1, vector: [3, 4] }] }, auth)
  await vi.waitFor(async () => expect(await count(eu)).toBe(1), patient)

  for (const [kit, peer] of [
    [eu, 'us'],
    [us, 'eu'],
  ] as const)
    expect((await kit.send('PUT', `/meridian/links/${peer}`, { enabled: false }, auth)).status).toBe(200)
  await vi.waitFor(() => expect(eu.server.replica.isLinked('us' as never)).toBe(false), patient)
  expect(await get(eu, '/meridian/cluster')).toMatchObject({
    region: 'eu',
    links: [{ region: 'us', enabled: false }],
    peers: [{ region: 'us', enabled: false, state: 'down' }],
  })
  await eu.send('PUT', '/collections/c/points', { points: [{ id: 2, vector: [1, 1] }] }, auth)
  await us.send('PUT', '/collections/c/points', { points: [{ id: 3, vector: [2, 2] }] }, auth)
  expect([await count(eu), await count(us)]).toEqual([2, 2])

  for (const [kit, peer] of [
    [eu, 'us'],
    [us, 'eu'],
  ] as const)
    await kit.send('PUT', `/meridian/links/${peer}`, { enabled: true }, auth)
  const digest = async (kit: typeof eu) => (await get(kit, '/meridian/collections/c/digest')).shards
  await vi.waitFor(async () => {
    expect([await count(eu), await count(us)]).toEqual([3, 3])
    expect(await digest(eu)).toEqual(await digest(us))
  }, patient)
  const metrics = (await eu.send('GET', '/metrics', undefined, auth)).text
  expect(metrics).toMatch(/^replication_lag_seconds\{peer="us"\} /m)
  expect(metrics).toMatch(/^replication_queue_depth\{peer="us"\} /m)
})

test('[SV5] the cluster and the digests say what this region holds', async () => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', { ...VECTORS, shard_number: 2 })
  await kit.ok('PUT', '/collections/c/points', {
    points: [
      { id: 1, vector: [3, 4] },
      { id: 2, vector: [3, 4] },
    ],
  })
  await kit.ok('POST', '/collections/c/points/delete', { points: [2] })
  expect(await kit.ok('GET', '/meridian/cluster')).toMatchObject({
    region: 'eu',
    version: expect.any(String),
    uptimeSeconds: expect.any(Number),
    peers: [],
    vectors: { merged: expect.any(Object) },
    collections: [{ name: 'c', points: 1, tombstones: 1, shards: 2, indexPending: 0 }],
  })
  const digest = await kit.ok('GET', '/meridian/collections/c/digest')
  expect(digest).toMatchObject({ collection: 'c', uid: expect.stringMatching(/^[0-9a-f]{16}$/), live: 1 })
  expect(digest.shards).toHaveLength(2)
  expect(digest.shards[0].digest).toMatch(/^[0-9a-f]{16}$/)
  expect((await kit.send('PUT', '/meridian/links/us', { enabled: false })).status).toBe(404)
  expect((await kit.send('PUT', '/meridian/links/us', { enabled: 1 })).status).toBe(400)
  expect((await kit.send('GET', '/meridian/collections/x/digest')).status).toBe(404)
})
