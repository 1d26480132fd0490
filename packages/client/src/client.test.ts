import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { MeridianClient } from './client.js'

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

/** A server that answers each request with the next of `answers` (the last one repeats) and keeps what it saw. */
const serving = async (...answers: ((res: ServerResponse) => void)[]): Promise<{ url: string; seen: Seen[] }> => {
  const seen: Seen[] = []
  server = createServer((req, res) => {
    let body = ''
    req.on('data', (chunk) => (body += chunk))
    req.on('end', () => {
      seen.push({ method: req.method!, url: req.url!, headers: req.headers, body })
      answers[Math.min(seen.length, answers.length) - 1]!(res)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, seen }
}

const ok =
  (result: string) =>
  (res: ServerResponse): void =>
    void res.end(`{"result":${result},"status":"ok","time":0.001}`)
const refuse =
  (status: number, text: string) =>
  (res: ServerResponse): void =>
    void res.writeHead(status).end(text)
const hangUp = (res: ServerResponse): void => void res.destroy()
const noPause = { pause: async () => {} }

test('[CL2] an upsert is one request with key, wait and plain numbers; names are encoded', async () => {
  const { url, seen } = await serving(ok('{"operation_id":4,"status":"completed"}'))
  const client = new MeridianClient({ url, apiKey: 'secret' })
  const point = { id: 2n ** 63n, vector: Float32Array.of(0.5, 1), payload: { a: 1 } }
  expect(await client.upsert('a b/c', [point])).toEqual({ operation_id: 4, status: 'completed' })
  expect(seen[0]).toMatchObject({ method: 'PUT', url: '/collections/a%20b%2Fc/points?wait=true' })
  expect(seen[0]!.headers['api-key']).toBe('secret')
  expect(seen[0]!.body).toBe('{"points":[{"id":9223372036854775808,"vector":[0.5,1],"payload":{"a":1}}]}')
})

test('[CL9] a session sends what its answers gave; an answer replaces only what its call was sent with', async () => {
  const answers: ServerResponse[] = []
  const { url, seen } = await serving((res) => void answers.push(res))
  const client = new MeridianClient({ url, session: true })
  const reply = (n: number, token: string): void => {
    answers[n]!.setHeader('meridian-token', token)
    ok('{"exists":true}')(answers[n]!)
  }
  const call = async (n: number): Promise<Promise<unknown>[]> => {
    const calls = Array.from({ length: n }, () => client.collectionExists('x'))
    const want = answers.length + n
    while (answers.length < want) await new Promise((resolve) => setImmediate(resolve))
    return calls
  }
  const [first] = await call(1)
  reply(0, 'A')
  await first
  const both = await call(2)
  reply(1, 'B')
  reply(2, 'C')
  await Promise.all(both)
  const [last] = await call(1)
  reply(3, 'D')
  await last
  const [end] = await call(1)
  reply(4, 'E')
  await end
  const sent = seen.map(({ headers }) =>
    String(headers['meridian-token'] ?? '')
      .split(',')
      .sort()
      .join(),
  )
  expect(sent).toEqual(['', 'A', 'A', 'B,C', 'D'])
})

test('[CL10] levels travel as headers; without a session no token does', async () => {
  const { url, seen } = await serving((res) => {
    res.setHeader('meridian-token', 'A')
    ok('{"count":1,"operation_id":1,"status":"completed"}')(res)
  })
  const client = new MeridianClient({ url })
  await client.upsert('x', [], { concern: 2 })
  await client.count('x', undefined, { consistency: 'quorum', stalenessMaxMs: 50, allowStale: true })
  expect(seen[0]!.headers['meridian-write-concern']).toBe('2')
  expect(seen[1]!.headers).toMatchObject({
    'meridian-consistency': 'quorum',
    'meridian-max-staleness-ms': '50',
    'meridian-allow-stale': 'true',
  })
  expect(seen.some(({ headers }) => headers['meridian-token'] !== undefined)).toBe(false)
})

test('[CL2] each read unwraps its envelope', async () => {
  const { url } = await serving(
    ok('{"collections":[{"name":"x"},{"name":"y"}]}'),
    ok('{"exists":true}'),
    ok('{"count":7}'),
    ok('{"points":[{"id":9223372036854775808,"version":1,"score":0.5}]}'),
  )
  const client = new MeridianClient({ url })
  expect(await client.listCollections()).toEqual(['x', 'y'])
  expect(await client.collectionExists('x')).toBe(true)
  expect(await client.count('x')).toBe(7)
  expect(await client.query('x', { query: [1] })).toEqual([{ id: 2n ** 63n, version: 1, score: 0.5 }])
})

test('[CL2] a refusal carries the status and the sentence of the server, with an envelope or without', async () => {
  const { url } = await serving(
    refuse(404, `{"status":{"error":"Not found: Collection \`x\` doesn't exist!"},"time":0}`),
    refuse(401, 'Must provide an API key'),
    (res) => void res.end('<html>'),
  )
  const client = new MeridianClient({ url })
  await expect(client.getCollection('x')).rejects.toMatchObject({
    status: 404,
    message: "Not found: Collection `x` doesn't exist!",
  })
  await expect(client.getCollection('x')).rejects.toMatchObject({ status: 401, message: 'Must provide an API key' })
  await expect(client.getCollection('x')).rejects.toMatchObject({ code: 'BAD_ANSWER' })
})

test('[CL3] a dropped connection and a 503 are survived; with retry off they are not', async () => {
  const { url, seen } = await serving(hangUp, refuse(503, 'starting'), ok('true'), hangUp)
  const client = new MeridianClient({ url, ...noPause })
  expect(await client.deleteCollection('x')).toBe(true)
  expect(seen.length).toBe(3)
  await expect(client.deleteCollection('x', { retry: false })).rejects.toMatchObject({
    status: 0,
    code: 'CONNECTION_LOST',
  })
  expect(seen.length).toBe(4)
})

test('[CL4] a silent server ends in TIMEOUT, naming the bound', async () => {
  const { url } = await serving(() => {})
  const client = new MeridianClient({ url, timeoutMs: 50 })
  await expect(client.cluster()).rejects.toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining('50 ms') })
})

test('[CL5] readiness is an answer, never an exception', async () => {
  const { url } = await serving(refuse(503, 'loading index'), (res) => void res.end('all good'))
  const client = new MeridianClient({ url })
  expect(await client.ready()).toEqual({ isReady: false, reason: 'loading index' })
  expect(await client.ready()).toEqual({ isReady: true, reason: 'all good' })
  server!.closeAllConnections()
  server!.close()
  expect(await client.ready()).toMatchObject({ isReady: false, reason: expect.stringContaining('is not reachable') })
})

test('[CL2] a URL that is none is refused when the client is made', () => {
  expect(() => new MeridianClient({ url: 'localhost:6333' })).toThrow(TypeError)
})
