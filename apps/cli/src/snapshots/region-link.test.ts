import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { RegionLink } from './region-link.js'
import { serving } from './testing.js'

const signal = new AbortController().signal
const MIB = new Uint8Array(1024 * 1024).fill(7)

const upload = (pieces: AsyncIterable<Uint8Array>, bytes: number) =>
  ({ method: 'POST', path: '/x', body: { contentType: 'text/plain', bytes, pieces } }) as const

test('[CB4] a body is sent as it is made, with its length and the key, and the result comes back', async () => {
  const hash = createHash('sha256')
  let headers: unknown
  await using server = await serving((request, response) => {
    headers = request.headers
    request.on('data', (piece: Uint8Array) => hash.update(piece))
    request.on('end', () => response.end('{"result":{"ok":true},"status":"ok"}'))
  })
  const link = new RegionLink({ url: `${server.url}/`, apiKey: 'secret', signal })
  const expected = createHash('sha256')
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 20; i++) {
      expected.update(MIB)
      yield MIB
    }
  }
  expect(await link.result(upload(pieces(), 20 * MIB.length))).toEqual({ ok: true })
  expect(headers).toMatchObject({ 'api-key': 'secret', 'content-length': String(20 * MIB.length) })
  expect(hash.digest('hex')).toBe(expected.digest('hex'))
})

test('[CB8] a refusal that comes before the body is sent is the answer, and no more is sent', async () => {
  await using server = await serving((_, response) => {
    response.writeHead(413).end('{"status":{"error":"Payload error: too large"}}')
  })
  const link = new RegionLink({ url: server.url, signal })
  let made = 0
  let isEnded = false
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (; made < 4096; made++) yield MIB
    } finally {
      isEnded = true
    }
  }
  await expect(link.result(upload(endless(), 4096 * MIB.length))).rejects.toMatchObject({
    status: 413,
    message: 'Payload error: too large',
  })
  while (!isEnded) await new Promise((resolve) => setImmediate(resolve))
  expect(made).toBeLessThan(4096)
})

test('[CB8] what the pieces throw ends the call', async () => {
  await using server = await serving((request) => request.resume())
  const link = new RegionLink({ url: server.url, signal })
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield MIB
    throw new RangeError('shrunk')
  }
  await expect(link.result(upload(broken(), 2 * MIB.length))).rejects.toThrow('shrunk')
})

test('[CB9] silence while bytes should flow ends the call; the time that the region works does not', async () => {
  let finish = (): void => undefined
  await using server = await serving((request, response) => {
    if (request.method === 'GET') response.writeHead(200, { 'content-length': 10 }).write('12345')
    else finish = () => response.end('{"result":1}')
  })
  const link = new RegionLink({ url: server.url, signal, silenceMs: 100 })
  const working = link.result({ method: 'POST', path: '/x' })
  await expect(drain(link.bytes({ method: 'GET', path: '/x' }))).rejects.toMatchObject({
    code: 'TIMEOUT',
    message: `${server.url} was silent for 100 ms`,
  })
  finish()
  expect(await working).toBe(1)
})

test('[CB6] refusals carry the sentence of the region, a lost connection says so, and an abort is told apart', async () => {
  await using server = await serving((request, response) => {
    if (request.url === '/key') response.writeHead(401).end('Must provide an API key')
    else if (request.url === '/cut')
      response.writeHead(200, { 'content-length': 10 }).write('123', () => response.destroy())
    else if (request.url === '/html') response.end('<html>')
    else request.socket.destroy()
  })
  const link = new RegionLink({ url: server.url, signal })
  await expect(link.result({ method: 'GET', path: '/key' })).rejects.toMatchObject({
    status: 401,
    message: 'Must provide an API key',
  })
  await expect(drain(link.bytes({ method: 'GET', path: '/cut' }))).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  await expect(link.result({ method: 'GET', path: '/html' })).rejects.toMatchObject({ code: 'BAD_ANSWER' })
  await expect(link.result({ method: 'POST', path: '/gone' })).rejects.toMatchObject({ code: 'CONNECTION_LOST' })

  const stop = new AbortController()
  const stopped = new RegionLink({ url: server.url, signal: stop.signal }).result({ method: 'GET', path: '/html' })
  stop.abort()
  await expect(stopped).rejects.toMatchObject({ code: 'ABORTED' })
})

const drain = async (bytes: AsyncIterable<Uint8Array>): Promise<void> => {
  for await (const _ of bytes);
}
