import { request } from 'node:http'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type Kit, openKit } from './testing/region-kit.js'

const C = '/collections/c'
const VECTORS = { vectors: { size: 2, distance: 'Dot' } }

test('[HT6] every answer has the envelope', async () => {
  await using kit = await openKit()
  const good = await kit.send('GET', '/collections')
  expect(good.json).toEqual({ result: { collections: [] }, status: 'ok', time: expect.any(Number) })
  const bad = await kit.send('GET', '/nowhere')
  expect(bad.status).toBe(404)
  expect(bad.json).toEqual({ status: { error: 'Not found: no endpoint /nowhere' }, time: expect.any(Number) })
  expect((await kit.send('DELETE', '/collections')).json.status.error).toBe(
    'Method not allowed: DELETE /collections: use GET',
  )
  expect((await kit.send('DELETE', '/collections')).status).toBe(405)
  expect((await kit.send('GET', '/collections/')).status).toBe(200)
})

test('[HT7] with a key set, all but the probes ask for it, before the body is read', async () => {
  await using kit = await openKit({ flags: { 'api-key': 'secret' } })
  for (const path of ['/', '/healthz', '/livez', '/readyz']) expect((await kit.send('GET', path)).status).toBe(200)
  for (const path of ['/collections', '/metrics', '/telemetry', '/meridian/cluster', '/nowhere']) {
    const reply = await kit.send('GET', path)
    expect(reply.status, path).toBe(401)
    expect(reply.headers.get('content-type')).toContain('text/plain')
  }
  expect((await kit.send('PUT', C, 'not json', { 'api-key': 'secre' })).status).toBe(401)
  expect((await kit.send('PUT', C, 'not json', { 'api-key': 'secret' })).status).toBe(400)
  expect((await kit.send('GET', '/collections', undefined, { authorization: 'Bearer secret' })).status).toBe(200)
  expect((await kit.send('GET', '/collections', undefined, { authorization: 'Basic secret' })).status).toBe(401)
  expect(JSON.stringify(kit.logged)).not.toContain('secret"')
})

/** The answer to a request whose body never comes. */
const answerBeforeBody = (kit: Kit, headers: Record<string, string>): Promise<number> =>
  new Promise((resolve, reject) => {
    const call = request(kit.url + C, { method: 'PUT', headers: { 'content-type': 'application/json', ...headers } })
    call.on('response', (response) => {
      resolve(response.statusCode!)
      call.destroy()
    })
    call.on('error', reject)
    call.flushHeaders()
  })

test('[HT7] an unauthenticated request is answered without its body', async () => {
  await using kit = await openKit({ flags: { 'api-key': 'secret' } })
  expect(await answerBeforeBody(kit, { 'content-length': '1000' })).toBe(401)
})

test('[HT10] a body above the limit is 413: by its announcement unread, else as soon as it passes', async () => {
  await using kit = await openKit({ flags: { 'body-bytes-max': '2000' } })
  expect(await answerBeforeBody(kit, { 'content-length': '2001' })).toBe(413)
  const chunked = await new Promise<number>((resolve, reject) => {
    const call = request(kit.url + C, { method: 'PUT', headers: { 'content-type': 'application/json' } })
    call.on('response', (response) => {
      resolve(response.statusCode!)
      call.destroy()
    })
    call.on('error', reject)
    call.write(' '.repeat(2001))
  })
  expect(chunked).toBe(413)
  expect((await kit.send('PUT', C, JSON.stringify(VECTORS).padEnd(2000))).status).toBe(200)
})

test('[HT11] only uncompressed JSON is taken', async () => {
  await using kit = await openKit()
  const text = JSON.stringify(VECTORS)
  expect((await kit.send('PUT', C, text, { 'content-type': 'text/plain' })).status).toBe(415)
  expect((await kit.send('PUT', C, text, { 'content-type': 'application/jsonx' })).status).toBe(415)
  const zipped = await kit.send('PUT', C, gzipSync(text), { 'content-encoding': 'gzip' })
  expect(zipped.status).toBe(415)
  expect(zipped.json.status.error).toContain('send the body uncompressed')
  expect((await kit.send('PUT', C, text, { 'content-type': 'application/json; charset=utf-8' })).status).toBe(200)
})

test.each([
  ['{', 400, 'Format error in JSON body: '],
  ['', 400, 'body: expected an object, got nothing'],
  ['[]', 400, 'body: expected an object, got an array'],
  [Buffer.from('{"a":"\xff"}', 'latin1'), 400, 'not UTF-8'],
  ['{"vectors":{"__proto__":{}}}', 400, '__proto__'],
  ['{"a":"\\ud800"}', 400, 'lone surrogate'],
  ['{"a":1e999}', 400, 'a: number out of range'],
  [`{"a":${'['.repeat(40)}${']'.repeat(40)}}`, 400, 'nested too deep'],
])('[HT8] the body %s is refused with its reason', async (body, status, sentence) => {
  await using kit = await openKit()
  const reply = await kit.send('PUT', C, body)
  expect(reply.json.status.error).toContain(sentence)
  expect(reply.status).toBe(status)
})

test('[HT12] a request id is echoed when it is sane, and made when it is not; logs carry it', async () => {
  await using kit = await openKit()
  const sane = await kit.send('GET', '/collections/none', undefined, { 'x-request-id': 'abc-1' })
  expect(sane.headers.get('x-request-id')).toBe('abc-1')
  expect(kit.logged.at(-1)).toMatchObject({
    level: 'info',
    region: 'eu',
    request_id: 'abc-1',
    error_code: 'COLLECTION_NOT_FOUND',
    status: 404,
  })
  const wild = await kit.send('GET', '/collections', undefined, { 'x-request-id': 'a b{}' })
  expect(wild.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
})

test('[HT13] a path that is not percent-encoded UTF-8 is refused', async () => {
  await using kit = await openKit()
  const status = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(new URL(kit.url).port), '127.0.0.1', () =>
      socket.write('GET /collections/%ff HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'),
    )
    socket.once('data', (bytes) => resolve(bytes.toString().split('\r\n')[0]!))
    socket.once('error', reject)
  })
  expect(status).toBe('HTTP/1.1 400 Bad Request')
})
