import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MAGIC } from './snapshots/format.js'
import { Snapshots } from './snapshots/snapshots.js'
import { type Kit, openKit } from './testing/region-kit.js'

let directory: string
let source: Kit
let target: Kit
let elsewhere: Server
let origin: string
let answer: (request: IncomingMessage, response: ServerResponse) => void
let asked: IncomingMessage[]

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'meridian-snapshot-urls-'))
  source = await openKit({ flags: { data: join(directory, 'eu'), 'api-key': 'of-eu' } })
  target = await openKit({
    flags: {
      region: 'us',
      data: join(directory, 'us'),
      'snapshot-bytes-max': '20000',
      'request-timeout-ms': '2000',
    },
  })
  elsewhere = createServer((request, response) => {
    asked.push(request)
    answer(request, response)
  })
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`
  const as = { 'api-key': 'of-eu' }
  await source.send('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } }, as)
  const points = Array.from({ length: 50 }, (_, id) => ({ id, vector: [id, 1], payload: { n: id } }))
  await source.send('PUT', '/collections/c/points?wait=true', { points }, as)
})
afterAll(async () => {
  elsewhere.closeAllConnections()
  elsewhere.close()
  await Promise.all([source.server.close(), target.server.close()])
  rmSync(directory, { recursive: true, force: true })
})

const made = async (): Promise<{ url: string; checksum: string }> => {
  const { name, checksum } = (await source.send('POST', '/collections/c/snapshots', undefined, { 'api-key': 'of-eu' }))
    .json.result
  return { url: `${source.url}/collections/c/snapshots/${name}`, checksum }
}
const recover = (name: string, body: Record<string, unknown>) =>
  target.send('PUT', `/collections/${name}/snapshots/recover`, body)
const refused = async (name: string, body: Record<string, unknown>): Promise<[number, string]> => {
  const reply = await recover(name, body)
  expect((await target.ok('GET', `/collections/${name}/exists`)).exists).toBe(false)
  const files = readdirSync(join(directory, 'us')).includes('snapshots')
    ? readdirSync(join(directory, 'us', 'snapshots'))
    : []
  expect(files).toEqual([])
  return [reply.status, reply.json.status.error]
}
const serving = (reply: typeof answer): void => {
  asked = []
  answer = reply
}
const redirecting = (to: string): void => serving((_, response) => response.writeHead(302, { location: to }).end())

test('[SN18] a snapshot is fetched from another region with its key, checked and restored', async () => {
  const { url, checksum } = await made()
  expect(await refused('c', { location: url })).toEqual([
    400,
    expect.stringMatching(/^Wrong input: Failed to download .*: status - 401 Unauthorized$/),
  ])
  expect((await refused('c', { location: url, api_key: 'of-eu', checksum: '0'.repeat(64) }))[1]).toContain('SHA-256')
  expect((await recover('c', { location: url, api_key: 'of-eu', checksum })).json).toMatchObject({ result: true })
  const { points } = await target.ok('POST', '/collections/c/points/scroll', { limit: 100, with_vector: true })
  expect(points).toHaveLength(50)
  expect(points[7]).toEqual({ id: 7, payload: { n: 7 }, vector: [7, 1] })
  expect(readdirSync(join(directory, 'us', 'snapshots'))).toEqual([])
  await target.ok('DELETE', '/collections/c')
})

test('[SN18] a redirect is followed, without the key to another origin; a loop and an address of no region are not', async () => {
  const { url } = await made()
  redirecting(url)
  const [status, error] = await refused('d', { location: `${origin}/x`, api_key: 'of-eu' })
  expect([status, error]).toEqual([400, expect.stringContaining('status - 401')])
  expect(asked[0]!.headers['api-key']).toBe('of-eu')
  serving((request, response) =>
    request.url === '/x' ? response.writeHead(307, { location: '/y' }).end() : response.writeHead(404).end(),
  )
  expect((await refused('d', { location: `${origin}/x`, api_key: 'k' }))[1]).toContain('status - 404 Not Found')
  expect(asked.map((each) => each.headers['api-key'])).toEqual(['k', 'k'])
  redirecting('/x')
  expect((await refused('d', { location: `${origin}/x` }))[1]).toContain('redirects more than 5 times')
  for (const to of ['http://169.254.169.254/latest', 'http://[::ffff:a9fe:a9fe]/', 'http://[fe80::1]/'])
    for (const location of [to, `${origin}/x`]) {
      redirecting(to)
      expect(await refused('d', { location })).toEqual([400, expect.stringContaining('link-local or metadata')])
    }
  redirecting('file:///etc/passwd')
  expect((await refused('d', { location: `${origin}/x` }))[1]).toContain('use http or https')
})

test('[SN18] what cannot be had, is no snapshot, is cut off, too large or too slow leaves nothing', async () => {
  expect(await refused('d', { location: 'http://127.0.0.1:1/x' })).toEqual([
    400,
    expect.stringContaining('ECONNREFUSED'),
  ])
  expect(await refused('d', { location: 'http://user:secret@127.0.0.1:1/x' })).toEqual([
    400,
    expect.stringContaining('api_key'),
  ])
  expect((await refused('d', { location: `${origin}/x`, api_key: 'a b' }))[0]).toBe(400)
  serving((_, response) => response.end('<html>no such page</html>'))
  expect((await refused('d', { location: `${origin}/x` }))[1]).toContain('not a snapshot')
  serving((_, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write(MAGIC)
    response.destroy()
  })
  expect((await refused('d', { location: `${origin}/x` }))[0]).toBe(400)
  serving((_, response) => response.writeHead(200, { 'content-length': '30000' }).write('x'))
  expect((await refused('d', { location: `${origin}/x` }))[0]).toBe(413)
  serving((_, response) => {
    response.write(MAGIC)
    response.end(Buffer.alloc(30_000))
  })
  expect((await refused('d', { location: `${origin}/x` }))[0]).toBe(413)
  serving((_, response) => response.write(MAGIC))
  expect(await refused('d', { location: `${origin}/x` })).toEqual([
    408,
    expect.stringContaining('sent nothing for 2000 ms'),
  ])
})

test('[SN18] a fetched file has its place until it is discarded, so that few fill the disk', async () => {
  const alone = await Snapshots.open(join(directory, 'alone'), target.server.replica, { admitNext: async () => {} })
  answer = (_, response) => void response.end(Buffer.concat([Buffer.from(MAGIC), Buffer.alloc(100)]))
  const fetched = () =>
    alone.fetch({ url: new URL(origin), apiKey: undefined, bytesMax: 1000, idleMs: 10_000, totalMs: 10_000 })
  const [one] = [await fetched(), await fetched()]
  await expect(fetched()).rejects.toMatchObject({ code: 'OVERLOADED' })
  await alone.discard(one)
  const again = await fetched()
  await expect(fetched()).rejects.toMatchObject({ code: 'OVERLOADED' })
  await alone.discard(again)
  expect(readdirSync(join(directory, 'alone'))).toHaveLength(1)
  await alone.close()
})

test('[SN18] with wait=false the answer is 202, and URLs can be switched off', async () => {
  const { url, checksum } = await made()
  const body = { location: url, api_key: 'of-eu', checksum }
  expect((await target.send('PUT', '/collections/w/snapshots/recover?wait=false', body)).status).toBe(202)
  await using off = await openKit({ flags: { data: join(directory, 'off'), 'snapshot-urls': 'off' } })
  const reply = await off.send('PUT', '/collections/c/snapshots/recover', body)
  expect([reply.status, reply.json.status.error]).toEqual([400, expect.stringContaining('snapshot-urls')])
})

test('[SN19] an upload may take longer than other requests, as long as it keeps coming', async () => {
  const { url } = await made()
  const bytes = new Uint8Array(await (await fetch(url, { headers: { 'api-key': 'of-eu' } })).arrayBuffer())
  const form = new Response(
    (() => {
      const form = new FormData()
      form.append('snapshot', new Blob([bytes]), 'x.snapshot')
      return form
    })(),
  )
  const whole = new Uint8Array(await form.clone().arrayBuffer())
  const started = performance.now()
  let at = 0
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      if (at >= whole.length) return controller.close()
      const size = Math.ceil(whole.length / 8)
      // A sender that is slow, not one that is waited for: in all it takes longer than an ordinary request may.
      await new Promise((resolve) => setTimeout(resolve, 300))
      controller.enqueue(whole.subarray(at, at + size))
      at += size
    },
  })
  const reply = await fetch(`${target.url}/collections/u/snapshots/upload`, {
    ...{ method: 'POST', body, duplex: 'half', headers: { 'content-type': form.headers.get('content-type')! } },
  } as RequestInit)
  expect(reply.status).toBe(200)
  expect(performance.now() - started).toBeGreaterThan(2000)
  const json = { method: 'PUT', headers: { 'content-type': 'application/json' }, duplex: 'half' }
  const stalled = await fetch(`${target.url}/collections/u/points`, {
    ...json,
    body: new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{')) }),
  } as RequestInit)
  expect(stalled.status).toBe(408)
})
