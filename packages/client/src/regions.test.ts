import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { MeridianClient } from './client.js'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

interface Fake {
  readonly url: string
  calls: number
  probes: number
  /** What `/readyz` waits for. */
  ready: Promise<void>
  answer: (res: ServerResponse) => void
}

const ok = (res: ServerResponse): void => void res.end('{"result":true,"status":"ok","time":0}')
const lost = (res: ServerResponse): void => void res.destroy()
const starting = (res: ServerResponse): void => void res.writeHead(503).end('starting')
const silent = (): void => undefined

const region = async (): Promise<Fake> => {
  const server = createServer((req, res) => {
    if (req.url === '/readyz') {
      fake.probes++
      void fake.ready.then(() => res.end('ready'))
      return
    }
    fake.calls++
    fake.answer(res)
  }).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const fake: Fake = { url, calls: 0, probes: 0, ready: Promise.resolve(), answer: ok }
  return fake
}

const never = new Promise<void>(() => undefined)
const between = async (options: { timeoutMs?: number } = {}) => {
  const [a, b] = [await region(), await region()]
  // Only `a` answers the first probe in time, so that it is the nearest whatever else the machine does.
  b.ready = never
  const client = new MeridianClient({ url: [b.url, a.url], probeTimeoutMs: 100, pause: async () => {}, ...options })
  await client.deleteCollection('x')
  b.ready = Promise.resolve()
  return { a, b, client }
}

test('[CL6] the nearest ready region is called, and the first call waits for the probes', async () => {
  const { a, b, client } = await between()
  expect([a.calls, b.calls, client.url]).toEqual([1, 0, a.url])
})

for (const [name, failure] of [
  ['a lost connection', lost],
  ['503', starting],
  ['a time-out', silent],
] as const)
  test(`[CL7] ${name} moves the same call to another region, and later calls stay there`, async () => {
    const { a, b, client } = await between({ timeoutMs: 250 })
    a.answer = failure
    expect(await client.deleteCollection('x')).toBe(true)
    expect([b.calls, client.url]).toEqual([1, b.url])
    const before = a.calls
    await client.deleteCollection('x')
    expect([a.calls, b.calls]).toEqual([before, 2])
  })

test('[CL7] a refusal, and 429, stay where they are', async () => {
  const { a, b, client } = await between()
  a.answer = (res) => void res.writeHead(404).end('{"status":{"error":"Not found"},"time":0}')
  await expect(client.deleteCollection('x')).rejects.toMatchObject({ status: 404 })
  a.answer = (res) => void res.writeHead(429).end('slow down')
  await expect(client.deleteCollection('x')).rejects.toMatchObject({ status: 429 })
  expect(b.calls).toBe(0)
})

test('[CL7] with every region down the error is a real one, and tries are bounded', async () => {
  const { a, b, client } = await between()
  a.answer = lost
  b.answer = lost
  await expect(client.deleteCollection('x')).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  expect(a.calls + b.calls).toBeLessThanOrEqual(1 + 2 * 4)
})

test('[CL6] a failed region is called again once a probe finds it ready', async () => {
  const { a, b, client } = await between()
  a.answer = lost
  await client.deleteCollection('x')
  a.answer = ok
  b.answer = lost
  expect(await client.deleteCollection('x')).toBe(true)
  expect(client.url).toBe(a.url)
})

test('[CL6] one region is never probed; none is refused', async () => {
  const only = await region()
  await new MeridianClient({ url: only.url }).deleteCollection('x')
  expect([only.calls, only.probes]).toEqual([1, 0])
  expect(() => new MeridianClient({ url: [] })).toThrow(TypeError)
})
