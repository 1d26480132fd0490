import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SpaceRef, SpaceStats } from '@meridian/core'
import { ExactIndex } from '@meridian/index'
import { expect, test } from 'vitest'
import { openKit } from './testing/region-kit.js'

class Behind extends ExactIndex {
  pending = 0
  override stats(space: SpaceRef): SpaceStats | undefined {
    const stats = super.stats(space)
    return stats && { ...stats, pending: this.pending }
  }
}

const point = { id: 1, vector: [1, 2], payload: { a: 1 } }

test('[IN5] a write that is not admitted in time is 429 with retry-after, the connection stays, and later it is taken', async () => {
  const index = new Behind()
  await using kit = await openKit({ index, flags: { 'index-pending-bytes-max': String(1024 * 1024) } })
  await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  await kit.ok('PUT', '/collections/c/points', { points: [point] })
  index.pending = 131_072
  const refused = await kit.send('PUT', '/collections/c/points', { points: [point] })
  expect(refused.status).toBe(429)
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(refused.headers.get('connection')).not.toBe('close')
  expect(refused.json.status.error).toMatch(/^Too many requests: 1 MiB of vectors of collection c wait to be indexed/)
  // What is decided when its turn comes is refused as well; what has no vectors is taken.
  const conditional = { points: [point], update_mode: 'insert_only' }
  expect(
    (await kit.send('PUT', '/collections/c/points', { ...conditional, points: [{ ...point, id: 2 }] })).status,
  ).toBe(429)
  await kit.ok('PUT', '/collections/c/points', conditional)
  await kit.ok('POST', '/collections/c/points/payload', { payload: { b: 1 }, points: [1] })
  const { text } = await kit.send('GET', '/metrics')
  for (const line of ['writes_refused_total{reason="pending"} 2', 'index_pending_bytes{collection="c"} 1048576'])
    expect(text).toContain(line)
  index.pending = 131_071
  await kit.ok('PUT', '/collections/c/points', { points: [point] })
  await kit.ok('POST', '/collections/c/points/delete', { points: [1] })
})

const vectors = { points: [{ id: 1, vector: [3, 4] }] }

test.each([
  ['an upsert', 'PUT', '/points', { points: [{ ...point, id: 2 }] }],
  ['one on a condition', 'PUT', '/points', { points: [point], update_mode: 'update_only' }],
  ['new vectors', 'PUT', '/points/vectors', vectors],
  [
    'a batch',
    'POST',
    '/points/batch',
    { operations: [{ clear_payload: { points: [1] } }, { update_vectors: vectors }] },
  ],
])(
  '[IN7] %s to a collection whose graph is behind waits, is counted, and goes in when the graph has come nearer',
  async (_, method, path, body) => {
    const index = new Behind()
    await using kit = await openKit({ index, flags: { 'index-pending-bytes-slow': String(1024 * 1024) } })
    await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
    await kit.ok('PUT', '/collections/c/points', { points: [point] })
    index.pending = 131_072
    await kit.ok('PUT', '/collections/c/points/payload', { payload: { b: 1 }, points: [1] })
    const slowed = kit.ok(method, `/collections/c${path}`, body)
    for (;;) {
      const { text } = await kit.send('GET', '/metrics')
      if (text.includes('writes_slowed_total 1')) break
    }
    index.pending = 131_071
    await slowed
    const { text } = await kit.send('GET', '/metrics')
    expect(text).toContain('writes_slowed_total 1')
  },
)

test('[IN5] at the ceiling of memory a write is 507, a deletion is taken, and `/health` says why', async () => {
  // This process has more than that already.
  await using kit = await openKit({ flags: { 'memory-max': String(64 * 1024 * 1024) } })
  const ballast = Buffer.alloc(64 * 1024 * 1024, 1)
  await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  for (const path of ['/points', '/points?wait=false']) {
    const refused = await kit.send('PUT', `/collections/c${path}`, { points: [point] })
    expect(refused.status).toBe(507)
    expect(refused.json.status.error).toMatch(
      /^No space left: \d+ MiB of memory are in use and 64 are allowed: .*--memory-max/,
    )
  }
  expect(ballast.length).toBeGreaterThan(0)
  await kit.ok('POST', '/collections/c/points/delete', { points: [1] })
  for (;;) {
    const { degradations } = await kit.ok('GET', '/health')
    const found = degradations.find(({ code }: { code: string }) => code === 'MEMORY_FULL')
    if (found === undefined) await new Promise((resolve) => setTimeout(resolve, 50))
    else break
  }
  const { text } = await kit.send('GET', '/metrics')
  for (const line of ['memory_max_bytes 67108864', 'writes_refused_total{reason="memory"} 2'])
    expect(text).toContain(line)
})

test('[IN6] a restore is let in as clients are: at the ceiling of memory it is 507, and done again it goes on', async () => {
  const data = mkdtempSync(join(tmpdir(), 'meridian-intake-'))
  try {
    let bytes: Uint8Array<ArrayBuffer>
    {
      await using roomy = await openKit({ flags: { data } })
      await roomy.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
      await roomy.ok('PUT', '/collections/c/points', { points: [point] })
      const { name } = await roomy.ok('POST', '/collections/c/snapshots')
      bytes = new Uint8Array(await (await fetch(`${roomy.url}/collections/c/snapshots/${name}`)).arrayBuffer())
    }
    const upload = async (url: string): Promise<number> => {
      const form = new FormData()
      form.append('snapshot', new Blob([bytes]), 'file.snapshot')
      return (await fetch(`${url}/collections/d/snapshots/upload`, { method: 'POST', body: form })).status
    }
    const ballast = Buffer.alloc(64 * 1024 * 1024, 1)
    await using full = await openKit({ flags: { data, 'memory-max': String(ballast.length) } })
    expect(await upload(full.url)).toBe(507)
    expect(await full.ok('POST', '/collections/d/points/count', { exact: true })).toEqual({ count: 0 })
    await using roomy = await openKit({ flags: { data } })
    expect(await upload(roomy.url)).toBe(200)
    expect(await roomy.ok('POST', '/collections/d/points/count', { exact: true })).toEqual({ count: 1 })
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
})
