import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { needOf } from './http/access.js'
import { readKeysFile } from './http/keys-file.js'
import type { Method } from './http/router.js'
import { WrongKeys } from './http/wrong-keys.js'
import { type Kit, openKit } from './testing/region-kit.js'

const SPACE = { vectors: { size: 2, distance: 'Dot' } }
const POINT = { points: [{ id: 1, vector: [1, 2] }] }

const fileOf = (value: unknown): { readonly path: string } & Disposable => {
  const directory = mkdtempSync(join(tmpdir(), 'meridian-keys-'))
  const path = join(directory, 'keys.json')
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
  return { path, [Symbol.dispose]: () => rmSync(directory, { recursive: true }) }
}

const KEYS = [
  { name: 'shop', key: 'shop-key', access: 'read-write', collections: ['a'] },
  {
    name: 'report',
    sha256: createHash('sha256').update('report-key').digest('hex').toUpperCase(),
    access: 'read-only',
    collections: ['a'],
  },
  { name: 'writer', key: 'writer-key', access: 'read-write' },
  { name: 'root', key: 'root-key', access: 'admin' },
]

const as = (kit: Kit, key: string) => async (method: string, path: string, body?: unknown) =>
  (await kit.send(method, path, body, { 'api-key': key })).status

test('[HT16] each key opens what it is for, and nothing else', async () => {
  using file = fileOf(KEYS)
  await using kit = await openKit({
    flags: { 'api-key': 'admin-key', 'read-only-api-key': 'read-key', keys: file.path },
  })
  for (const name of ['a', 'b']) expect(await as(kit, 'root-key')('PUT', `/collections/${name}`, SPACE)).toBe(200)
  const aliases = { actions: [{ create_alias: { alias_name: 'latest', collection_name: 'a' } }] }
  expect(await as(kit, 'admin-key')('POST', '/collections/aliases', aliases)).toBe(200)

  const expected: Record<string, readonly number[]> = {
    'admin-key': [200, 200, 200, 200, 200, 200, 200, 200],
    'writer-key': [200, 200, 200, 200, 403, 200, 200, 403],
    'read-key': [403, 403, 200, 200, 403, 200, 200, 403],
    'shop-key': [200, 403, 200, 403, 403, 403, 200, 403],
    'report-key': [403, 403, 200, 403, 403, 403, 200, 403],
  }
  for (const [key, statuses] of Object.entries(expected)) {
    const send = as(kit, key)
    const got = [
      await send('PUT', '/collections/a/points', POINT),
      await send('PUT', '/collections/b/points', POINT),
      await send('POST', '/collections/latest/points/query', { query: [1, 2] }),
      await send('POST', '/collections/b/points/scroll', {}),
      await send('PUT', `/collections/${key}`, SPACE),
      await send('GET', '/aliases'),
      await send('GET', '/collections'),
      await send('GET', '/meridian/collections/a/points/7/erasure'),
    ]
    expect(got, key).toEqual(statuses)
  }
})

test('[HT16] a key of one collection sees only it in the list, and cannot look vectors up in another', async () => {
  using file = fileOf(KEYS)
  await using kit = await openKit({ flags: { keys: file.path } })
  for (const name of ['a', 'b']) await as(kit, 'root-key')('PUT', `/collections/${name}`, SPACE)
  await as(kit, 'root-key')('PUT', '/collections/b/points', POINT)
  const listed = await kit.send('GET', '/collections', undefined, { 'api-key': 'report-key' })
  expect(listed.json.result).toEqual({ collections: [{ name: 'a' }] })
  // Degradations name collections and points.
  expect(await as(kit, 'report-key')('GET', '/health')).toBe(403)
  expect(await as(kit, 'root-key')('GET', '/health')).toBe(200)
  const peeking = { query: 1, lookup_from: { collection: 'b' } }
  expect(await as(kit, 'report-key')('POST', '/collections/a/points/query', peeking)).toBe(403)
  expect(await as(kit, 'writer-key')('POST', '/collections/a/points/query', peeking)).toBe(200)
})

test('[HT16] a key of one collection goes where an alias of it leads, and nowhere else', async () => {
  using file = fileOf(KEYS)
  await using kit = await openKit({ flags: { keys: file.path } })
  const root = as(kit, 'root-key')
  for (const name of ['a', 'b']) await root('PUT', `/collections/${name}`, SPACE)
  const move = (to: string, alias = 'latest') =>
    root('POST', '/collections/aliases', { actions: [{ create_alias: { alias_name: alias, collection_name: to } }] })
  const use = async (name: string): Promise<number[]> => [
    await as(kit, 'shop-key')('PUT', `/collections/${name}/points`, POINT),
    await as(kit, 'report-key')('POST', `/collections/${name}/points/scroll`, {}),
    await as(kit, 'report-key')('GET', `/collections/${name}`),
    await as(kit, 'report-key')('POST', '/collections/a/points/query', { query: 1, lookup_from: { collection: name } }),
  ]
  await move('a')
  expect(await use('latest')).toEqual([200, 200, 200, 200])
  await move('b')
  expect(await use('latest')).toEqual([403, 403, 403, 403])
  expect(await use('a')).toEqual([200, 200, 200, 200])

  // The name of a collection that was, taken by an alias of another.
  expect(await root('DELETE', '/collections/a')).toBe(200)
  expect(await move('b', 'a')).toBe(200)
  expect((await use('a')).slice(0, 3)).toEqual([403, 403, 403])
  expect(await root('GET', '/collections/a')).toBe(200)
})

test('[HT16] an alias that is moved while a body is under way opens nothing', async () => {
  using file = fileOf(KEYS)
  await using kit = await openKit({ flags: { keys: file.path } })
  const root = as(kit, 'root-key')
  for (const name of ['a', 'b']) await root('PUT', `/collections/${name}`, SPACE)
  const move = (to: string) =>
    root('POST', '/collections/aliases', { actions: [{ create_alias: { alias_name: 'latest', collection_name: to } }] })
  await move('a')
  const body = JSON.stringify(POINT)
  const answered = new Promise<number>((resolve, reject) => {
    const call = request(`${kit.url}/collections/latest/points`, {
      method: 'PUT',
      headers: { 'api-key': 'shop-key', 'content-type': 'application/json', expect: '100-continue' },
    })
    call.on('error', reject).on('response', (response) => resolve(response.resume().statusCode!))
    // The region has seen the headers and waits for the body.
    call.on('continue', () => {
      call.write(body.slice(0, 5))
      move('b').then(() => call.end(body.slice(5)), reject)
    })
  })
  expect(await answered).toBe(403)
  const counted = await kit.send('POST', '/collections/b/points/count', {}, { 'api-key': 'root-key' })
  expect(counted.json.result).toEqual({ count: 0 })
})

test('[HT16] a refusal for lack of access is plain text and names the key, not its text', async () => {
  await using kit = await openKit({ flags: { 'read-only-api-key': 'read-key' } })
  const reply = await kit.send('PUT', '/collections/a', 'not json', { 'api-key': 'read-key' })
  expect(reply.status).toBe(403)
  expect(reply.headers.get('content-type')).toContain('text/plain')
  expect(reply.text).toBe('Forbidden: this key (read-only-api-key) may not manage here; use one with that access')
})

test.each<[Method, string, string]>([
  ['GET', '/collections/:collection', 'read'],
  ['POST', '/collections/:collection/points', 'read'],
  ['POST', '/collections/:collection/points/query/groups', 'read'],
  ['POST', '/collections/:collection/points/search/matrix/pairs', 'read'],
  ['POST', '/collections/:collection/facet', 'read'],
  ['PUT', '/collections/:collection/points', 'write'],
  ['POST', '/collections/:collection/points/batch', 'write'],
  ['POST', '/collections/:collection/points/delete', 'write'],
  ['DELETE', '/collections/:collection/index/:field', 'write'],
  ['PATCH', '/collections/:collection', 'manage'],
  ['POST', '/collections/aliases', 'manage'],
  ['GET', '/collections/:collection/snapshots/:name', 'manage'],
  ['PUT', '/meridian/links/:region', 'manage'],
  ['POST', '/something/new', 'manage'],
])('[HT16] %s %s needs %s', (method, path, need) => {
  expect(needOf({ method, path, handle: () => undefined })).toBe(need)
})

test('[HT17] wrong keys are bounded by address and come back with time; addresses are bounded too', () => {
  const wrong = new WrongKeys()
  for (let i = 0; i < 30; i++) wrong.note('a', 0)
  expect(() => wrong.note('a', 0)).toThrow('Too many wrong keys')
  wrong.note('b', 0)
  wrong.note('a', 1500)
  expect(() => wrong.note('a', 1600)).toThrow('Too many wrong keys')
  for (let i = 0; i < 10_000; i++) wrong.note(`other-${i}`, 1600)
  wrong.note('a', 1600)
})

test.each([
  ['not json', 'must be a file of JSON'],
  [[], 'at the top'],
  [[{ name: 'x', access: 'read-only' }], 'give either key or sha256'],
  [[{ name: 'x', key: 'k', sha256: 'a'.repeat(64), access: 'read-only' }], 'give either key or sha256'],
  [[{ name: 'x', key: 'k', access: 'admin', collections: ['a'] }], 'admin is for all collections'],
  [[{ name: 'x', key: 'k', access: 'root' }], 'at 0.access'],
  [[{ name: 'x', key: 'k', access: 'admin', colections: [] }], 'colections'],
  [[{ name: 'x', key: 'top secret', access: 'admin' }], 'at 0.key'],
  [
    [
      { name: 'x', key: 'k', access: 'admin' },
      { name: 'x', key: 'l', access: 'admin' },
    ],
    'names two keys alike',
  ],
])('[CF7] the keys file %j stops the start with one line', (value, line) => {
  using file = fileOf(value)
  let told = 'accepted'
  try {
    readKeysFile(file.path)
  } catch (error) {
    told = (error as Error).message
  }
  expect(told).toContain(line)
  expect(told).not.toContain('top secret')
})

test('[CF7] a keys file that is not there is told with its flag', async () => {
  await expect(openKit({ flags: { keys: '/nowhere/keys.json' } })).rejects.toThrow(
    '--keys "/nowhere/keys.json" (or MERIDIAN_KEYS): cannot be read (ENOENT)',
  )
})
