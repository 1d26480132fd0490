import { StoreError, type SpaceRef, type SpaceStats } from '@meridian/core'
import { ExactIndex } from '@meridian/index'
import { MemoryStorage } from '@meridian/storage'
import { expect, test } from 'vitest'
import { openKit } from './testing/region-kit.js'

test('[HT1] GET / names the API version clients compare, and our own apart', async () => {
  await using kit = await openKit()
  const { json } = await kit.send('GET', '/')
  expect(json).toMatchObject({ title: expect.any(String), version: '1.18.3', commit: expect.any(String) })
  expect(json.ext).toMatchObject({ name: 'meridian', region: 'eu' })
})

test('[HT2] the probes are plain text', async () => {
  await using kit = await openKit()
  for (const path of ['/healthz', '/livez', '/readyz']) {
    const reply = await kit.send('GET', path)
    expect(reply.status).toBe(200)
    expect(reply.headers.get('content-type')).toContain('text/plain')
  }
})

test('[HT2] not ready while a vector space loads, with the reason', async () => {
  class Loading extends ExactIndex {
    override stats(space: SpaceRef): SpaceStats | undefined {
      const stats = super.stats(space)
      return stats && { ...stats, state: 'loading' }
    }
  }
  await using kit = await openKit({ index: new Loading() })
  expect((await kit.send('GET', '/readyz')).status).toBe(200)
  await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  expect(await kit.send('GET', '/readyz')).toMatchObject({ status: 503, text: 'loading the index of collection c' })
  expect((await kit.send('GET', '/livez')).status).toBe(200)
})

test('[HT2] after a failed flush it is neither ready nor alive, and writes say so', async () => {
  class Failing extends MemoryStorage {
    isBroken = false
    override commit(...[ops, done]: Parameters<MemoryStorage['commit']>): void {
      if (this.isBroken) queueMicrotask(() => done(new StoreError('STORAGE_FAILED', 'the disk refused the flush')))
      else super.commit(ops, done)
    }
  }
  const storage = new Failing()
  await using kit = await openKit({ storage })
  await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  storage.isBroken = true
  const points = [{ id: 1, vector: [1, 2] }]
  expect(await kit.send('PUT', '/collections/c/points', { points })).toMatchObject({ status: 500 })
  for (const path of ['/readyz', '/livez', '/healthz']) expect((await kit.send('GET', path)).status).toBe(503)
  expect((await kit.send('GET', '/readyz')).text).toContain('the disk refused the flush')
  expect(kit.logged.filter((line) => line.level === 'error').at(-1)).toMatchObject({
    error_code: 'STORAGE_FAILED',
    stack: expect.any(String),
  })
})

test('[HT4] the smaller service endpoints have the shapes that tools read', async () => {
  await using kit = await openKit()
  expect(await kit.ok('GET', '/cluster')).toEqual({ status: 'disabled' })
  expect(await kit.ok('GET', '/issues')).toEqual({ issues: [] })
  expect(await kit.ok('GET', '/aliases')).toEqual({ aliases: [] })
  const telemetry = await kit.ok('GET', '/telemetry')
  expect(telemetry.app).toMatchObject({ version: '1.18.3', jwt_rbac: false })
  expect(telemetry.collections).toMatchObject({ number_of_collections: 0, max_collections: null })
})

test('[HT5] metrics show latencies, records, tombstones and frames', async () => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  await kit.ok('PUT', '/collections/c/points', {
    points: [
      { id: 1, vector: [1, 2] },
      { id: 2, vector: [1, 2] },
    ],
  })
  await kit.ok('POST', '/collections/c/points/delete', { points: [2] })
  await kit.ok('POST', '/collections/c/points/query', { query: [1, 2] })
  const { text } = await kit.send('GET', '/metrics')
  for (const line of [
    'insert_latency_seconds_count 2',
    'search_latency_seconds_count 1',
    'records{collection="c"} 1',
    'tombstones{collection="c"} 1',
    'frames_dropped_total 0',
    'frames_refused_total 0',
    'connections_refused_total{door="link",reason="malformed"} 0',
    'connections_refused_total{door="room",reason="key"} 0',
    'http_responses_total{status="200"} 4',
  ])
    expect(text.split('\n')).toContain(line)
  for (const name of [
    'index_refresh_seconds',
    'replication_lag_seconds',
    'replication_queue_depth',
    'log_bytes',
    'block_bytes',
    'process_cpu_seconds_total',
  ])
    expect(text).toContain(`# TYPE ${name} `)
})
