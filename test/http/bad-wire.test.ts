import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DiskRegion, openRegion } from './kit/region.js'
import { dial, exchange, heard, statuses } from './kit/wire.js'

/* Rows of bad input that are told by their bytes, their pace, their headers or their keys. */

const MEBIBYTE = 2 ** 20
let region: DiskRegion
beforeAll(async () => {
  region = await openRegion({
    'body-bytes-max': String(MEBIBYTE),
    'header-timeout-ms': '600',
    'request-timeout-ms': '1200',
  })
  await region.send('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
})
afterAll(() => region[Symbol.asyncDispose]())

const PUT = 'PUT /collections/c/points HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'
const POINT = '{"points":[{"id":1,"vector":[1,2]}]}'
const counted = async (): Promise<number> => (await region.send('POST', '/collections/c/points/count', {})).result.count

test('[H10] 200 MB is refused by its announcement, and an endless body as soon as it passes the limit; memory stays flat', async () => {
  const before = process.memoryUsage()
  const announced = await exchange(region.port, `${PUT}content-length: 209715200\r\n\r\n{`)
  expect(statuses(announced)).toEqual([413])
  const chunk = `10000\r\n${' '.repeat(65_536)}\r\n`
  for (let i = 0; i < 5; i++) {
    const socket = await dial(region.port)
    const [answered, closed] = [heard(socket, 'data'), heard(socket, 'close')]
    socket.write(`${PUT}transfer-encoding: chunked\r\n\r\n`)
    const feeding = setInterval(() => socket.write(chunk), 1)
    const first = await answered
    expect(statuses(String(first))).toEqual([413])
    await closed
    clearInterval(feeding)
  }
  const after = process.memoryUsage()
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(50 * MEBIBYTE)
  expect(await counted()).toBe(0)
})

test.each([
  ['both lengths', `${PUT}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['two lengths', `${PUT}content-length: 5\r\ncontent-length: 6\r\n\r\nhello`, 400],
  ['a length that is no number', `${PUT}content-length: 5x\r\n\r\nhello`, 400],
  ['an unknown method', 'FETCH / HTTP/1.1\r\nhost: x\r\n\r\n', 400],
  ['a header of 20 kB', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
  [
    '2,000 headers',
    `GET / HTTP/1.1\r\nhost: x\r\n${Array.from({ length: 2000 }, (_, i) => `x-${i}: y\r\n`).join('')}\r\n`,
    431,
  ],
  ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
  ['a length that is too long', `${PUT}content-length: 100\r\n\r\n${POINT}`, 408],
])('[H11] %s is answered %#, and the socket closed', async (_what, text, status) => {
  expect(statuses(await exchange(region.port, text))).toEqual([status])
  expect(await counted()).toBe(0)
})

test('[H11] of a length that is too short nothing is stored, and the rest is no request', async () => {
  const text = await exchange(region.port, `${PUT}content-length: 10\r\n\r\n${POINT}`)
  expect(new Set(statuses(text))).toEqual(new Set([400]))
  expect(await counted()).toBe(0)
})

test('[H11] pipelined requests are answered in their order', async () => {
  const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n${more}\r\n`
  const text = await exchange(region.port, get('/nowhere') + get('/healthz') + get('/', 'connection: close\r\n'))
  expect(statuses(text)).toEqual([404, 200, 200])
  expect(text.indexOf('healthz check passed')).toBeLessThan(text.indexOf('Meridian'))
})

test('[H12] 500 sockets that never end their headers are cut, and others served meanwhile', async () => {
  const sockets = await Promise.all(Array.from({ length: 500 }, () => dial(region.port)))
  const closed = Promise.all(
    sockets.map((socket) => {
      socket.resume()
      return heard(socket, 'close')
    }),
  )
  // Each drips on while it can: what cuts it is the time its headers take, not its silence.
  const dripping = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('x')
  }, 200)
  for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nhost: x\r\nx-')
  expect((await region.send('PUT', '/collections/c/points', POINT)).status).toBe(200)
  await region.send('POST', '/collections/c/points/delete', { points: [1] })
  await closed
  clearInterval(dripping)
})

test('[H12] connections past the bound are closed, and taken again once there is room', async () => {
  await using small = await openRegion({ 'connections-max': '2' })
  const [a, b] = [await dial(small.port), await dial(small.port)]
  const third = await dial(small.port)
  await heard(third.resume(), 'close')
  const gone = Promise.all([heard(a.resume(), 'close'), heard(b.resume(), 'close')])
  a.end()
  b.end()
  await gone
  expect(statuses(await exchange(small.port, 'GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'))).toEqual(
    [200],
  )
})

test('[H13] no key, a wrong key, a key in the query and one of another scope are refused before the body', async () => {
  await using guarded = await openRegion({ 'api-key': 'right', 'read-only-api-key': 'reader' })
  const status = (headers: Record<string, string>, path = '/collections/c/points'): Promise<number> =>
    new Promise((resolve, reject) => {
      const call = request({ port: guarded.port, host: '127.0.0.1', method: 'PUT', path, headers })
      call.setHeader('content-length', '1000')
      call.on('response', (response) => {
        resolve(response.statusCode!)
        call.destroy()
      })
      call.on('error', reject)
      call.flushHeaders()
    })
  expect(await status({})).toBe(401)
  expect(await status({ 'api-key': 'wrong' })).toBe(401)
  expect(await status({ 'api-key': '' })).toBe(401)
  expect(await status({}, '/collections/c/points?api-key=right')).toBe(401)
  expect(await status({ 'api-key': 'reader' })).toBe(403)
})

test('[H13] wrong keys by the hundred are limited; the right key is not', async () => {
  await using guarded = await openRegion({ 'api-key': 'right' })
  const seen: number[] = []
  for (let i = 0; i < 200; i++)
    seen.push((await guarded.send('GET', '/collections', undefined, { 'api-key': `wrong-${i}` })).status)
  expect(seen.slice(0, 30)).toEqual(Array.from({ length: 30 }, () => 401))
  expect(seen.filter((status) => status === 429).length).toBeGreaterThan(100)
  expect(new Set(seen)).toEqual(new Set([401, 429]))
  const limited = await guarded.send('GET', '/collections', undefined, { 'api-key': 'wrong' })
  expect(limited.headers.get('retry-after')).toBe('1')
  expect(limited.headers.get('connection')).toBe('close')
  expect((await guarded.send('GET', '/collections', undefined, { 'api-key': 'right' })).status).toBe(200)
})

test('[H14] Host and X-Forwarded headers decide nothing', async () => {
  await using guarded = await openRegion({ 'api-key': 'right' })
  const get = (more: string): Promise<string> =>
    exchange(guarded.port, `GET /collections HTTP/1.1\r\nhost: evil@x\r\nconnection: close\r\n${more}\r\n`)
  const forwarded = 'x-forwarded-for: 127.0.0.1\r\nx-forwarded-host: evil\r\nx-forwarded-proto: gopher\r\n'
  const refused = await get(forwarded)
  expect(statuses(refused)).toEqual([401])
  expect(refused).not.toContain('evil')
  expect(statuses(await get(`${forwarded}api-key: right\r\n`))).toEqual([200])
})

test('[H14] a preflight from a foreign origin gets no wildcard with credentials', async () => {
  const preflight = { origin: 'https://evil.example.org', 'access-control-request-method': 'DELETE' }
  const closed = await region.send('OPTIONS', '/collections/c', undefined, preflight)
  expect(closed.headers.get('access-control-allow-origin')).toBeNull()
  await using guarded = await openRegion({ 'api-key': 'right' })
  const open = await guarded.send('OPTIONS', '/collections/c', undefined, preflight)
  expect(open.headers.get('access-control-allow-origin')).toBe('*')
  expect(open.headers.get('access-control-allow-credentials')).toBeNull()
})
