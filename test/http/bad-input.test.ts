import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type DiskRegion, openRegion } from './kit/region.js'

/*
 * Rows of bad input that are told by their body or path. After each of them the region still answers, and holds what it held.
 */

const BODY_MAX = 2 ** 20
let region: DiskRegion
let held: string

beforeAll(async () => {
  region = await openRegion({ 'body-bytes-max': String(BODY_MAX), 'batch-points-max': '10000' })
  await region.send('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  await region.send('PUT', '/collections/cos', { vectors: { size: 2, distance: 'Cosine' } })
})
afterAll(() => region[Symbol.asyncDispose]())

const state = async (): Promise<string> => {
  const texts = [await region.send('GET', '/collections')]
  for (const name of ['c', 'cos'])
    texts.push(await region.send('POST', `/collections/${name}/points/scroll`, { limit: 1000, with_vector: true }))
  return JSON.stringify(texts.map(({ status, result }) => ({ status, result })))
}
beforeEach(async () => {
  await region.send('PUT', '/collections/c/points', { points: [{ id: 1, vector: [1, 2], payload: { a: 'b' } }] })
  held = await state()
})
afterEach(async () => {
  expect(region.filesOutside()).toEqual([])
  for (const name of ['c', 'cos']) await region.send('POST', `/collections/${name}/points/delete`, { filter: {} })
})

/** Sends a body that must be refused, and checks that it changed nothing. */
const refused = async (
  method: string,
  path: string,
  body: unknown,
  status: number,
  sentence: string,
  headers?: Record<string, string>,
): Promise<void> => {
  const reply = await region.send(method, path, body, headers)
  expect(reply.error).toContain(sentence)
  expect(reply.status, reply.error).toBe(status)
  expect(reply.error).not.toMatch(/\bat .*\.(?:ts|js):\d/)
  expect(await state()).toBe(held)
}
const POINTS = '/collections/c/points'
const put = (point: string): string => `{"points":[${point}]}`

test.each([
  ['{"points":[', 400, 'Format error in JSON body: '],
  ['5', 400, 'body: expected an object, got a number'],
  ['"text"', 400, 'body: expected an object, got a string'],
  ['', 400, 'body: expected an object, got nothing'],
])('[H1] the body %s is refused', (body, status, sentence) => refused('PUT', POINTS, body, status, sentence))

test('[H1] a wrong content type is 415', () =>
  refused('PUT', POINTS, put('{"id":2,"vector":[1,2]}'), 415, 'send application/json', {
    'content-type': 'text/plain',
  }))

test.each([
  ['invalid UTF-8', Buffer.from('{"points":[{"id":2,"vector":[1,2],"payload":{"a":"\xff"}}]}', 'latin1'), 'not UTF-8'],
  ['a lone surrogate in a value', put('{"id":2,"vector":[1,2],"payload":{"a":"\\ud800"}}'), 'lone surrogate'],
  ['a lone surrogate in a key', put('{"id":2,"vector":[1,2],"payload":{"\\udc00":1}}'), 'lone surrogate'],
  ['a lone surrogate in an id', put('{"id":"\\ud800","vector":[1,2]}'), 'lone surrogate'],
  ['NUL in an id', put('{"id":"a\\u0000","vector":[1,2]}'), 'is not a valid point ID'],
])('[H2] %s is refused', (_what, body, sentence) => refused('PUT', POINTS, body, 400, sentence))

test('[H3] an own __proto__ is refused in payloads and filters', async () => {
  await refused('PUT', POINTS, put('{"id":2,"vector":[1,2],"payload":{"__proto__":{"evil":1}}}'), 400, '__proto__')
  await refused(
    'PUT',
    POINTS,
    put('{"id":9007199254740993,"vector":[1,2],"payload":{"__proto__":{}}}'),
    400,
    '__proto__',
  )
  await refused('POST', `${POINTS}/count`, '{"filter":{"must":{"__proto__":{}}}}', 400, '__proto__')
})

test('[H3] constructor and prototype are plain data, and keys like any other in filters', async () => {
  const payload = { constructor: { prototype: { evil: 1 } }, prototype: 'x', toString: 'y', hasOwnProperty: 1 }
  await region.send('PUT', POINTS, { points: [{ id: 2, vector: [1, 2], payload }] })
  expect((await region.send('GET', `${POINTS}/2`)).result.payload).toEqual(payload)
  const count = (key: string, value: unknown) =>
    region.send('POST', `${POINTS}/count`, { filter: { must: [{ key, match: { value } }] } })
  expect((await count('constructor.prototype.evil', 1)).result).toEqual({ count: 1 })
  expect((await count('toString', 'y')).result).toEqual({ count: 1 })
  expect((await count('constructor.name', 'Object')).result).toEqual({ count: 0 })
  expect(Object.hasOwn(Object.prototype, 'evil')).toBe(false)
})

test.each([33, 3000, 20_000])('[H4] nesting of %i is refused', (depth) =>
  refused(
    'PUT',
    POINTS,
    put(`{"id":2,"vector":[1,2],"payload":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}`),
    400,
    'too deep',
  ),
)

test('[H4] 100,000 keys and a key of 1 MB are refused', async () => {
  const keys = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, 0]))
  const wide = JSON.stringify(keys)
  expect(wide.length).toBeGreaterThan(BODY_MAX)
  await using roomy = await openRegion()
  await roomy.send('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  for (const payload of [keys, { ['k'.repeat(1e6)]: 1 }]) {
    const reply = await roomy.send('PUT', POINTS, { points: [{ id: 1, vector: [1, 2], payload }] })
    expect(reply.status).toBe(400)
    expect(reply.error.length).toBeLessThan(500)
  }
  expect((await roomy.send('POST', `${POINTS}/count`, {})).result).toEqual({ count: 0 })
})

test('[H5] of a key given twice the last one counts, also beside wide integers', async () => {
  for (const id of ['2', '18446744073709551615']) {
    await region.send('PUT', POINTS, put(`{"id":${id},"vector":[1,2],"vector":[3,4],"payload":{"a":1,"a":2}}`))
    const { result } = await region.send('GET', `${POINTS}/${id}`)
    expect(result).toMatchObject({ vector: [3, 4], payload: { a: 2 } })
  }
})

test.each([
  ['[1,2,3]', 400, 'Vector dimension error: expected dim: 2, got 3'],
  ['[]', 422, 'the vector is empty'],
  ['["1","2"]', 400, 'points[0].vector[0]: expected a number, got a string'],
  ['[1,null]', 400, 'points[0].vector[1]: expected a number, got null'],
  ['[1,NaN]', 400, 'Format error in JSON body: '],
  ['[1,1e999]', 400, 'number out of range'],
  ['[1,1e308]', 422, 'out of the range of a 32-bit float'],
  ['"AAAAA"', 400, 'expected an array of numbers'],
  ['{"text":"hello","model":"m"}', 400, 'inference is not supported'],
])('[H6] the vector %s is refused', (vector, status, sentence) =>
  refused('PUT', POINTS, put(`{"id":2,"vector":${vector}}`), status, sentence),
)

test('[H6] nested arrays are refused where the space takes one vector', async () => {
  const reply = await region.send('PUT', POINTS, put('{"id":2,"vector":[[1,2],[3,4]]}'))
  expect(reply.status).toBe(400)
  expect(await state()).toBe(held)
})

test('[H6] more than 65,536 dimensions are refused with the bound', () =>
  refused('PUT', '/collections/wide', { vectors: { size: 65_537, distance: 'Dot' } }, 422, 'from 1 to 65536'))

test('[H6] zero under Cosine is stored as it is and scores 0; subnormals, -0 and numbers whose squares overflow are fine', async () => {
  const vectors = [
    [0, 0],
    [1e-45, -0],
    [3e38, 3e38],
  ]
  const points = vectors.map((vector, i) => ({ id: i + 1, vector }))
  expect((await region.send('PUT', '/collections/cos/points', { points })).status).toBe(200)
  const { result } = await region.send('POST', '/collections/cos/points', { ids: [1, 2, 3], with_vector: true })
  expect(result[0].vector).toEqual([0, 0])
  expect(result[2].vector[0]).toBeCloseTo(Math.SQRT1_2, 6)
  const found = await region.send('POST', '/collections/cos/points/query', { query: [1, 1] })
  expect(found.result.points.map(({ id }: { id: number }) => id)[0]).toBe(3)
  for (const { score } of found.result.points) expect(Number.isFinite(score)).toBe(true)
  expect(found.result.points.find(({ id }: { id: number }) => id === 1).score).toBe(0)
})

test.each([
  ['{"limit":0}', 422, 'from 1 to 100000'],
  ['{"limit":-1}', 422, 'from 1 to 100000'],
  ['{"limit":1.5}', 400, 'limit: expected an integer'],
  ['{"limit":1e9}', 422, 'from 1 to 100000'],
  ['{"limit":18446744073709551615}', 422, 'from 1 to 100000'],
  ['{"offset":1e15}', 422, 'to 100000'],
  ['{"params":{"hnsw_ef":-1}}', 422, 'params.hnsw_ef: value -1 invalid'],
  ['{"params":{"hnsw_ef":1e9}}', 422, 'params.hnsw_ef: value 1000000000 invalid, must be from 0'],
])('[H7] the search %s is refused with the bound', (body, status, sentence) =>
  refused('POST', `${POINTS}/query`, body.replace('{', '{"query":[1,2],'), status, sentence),
)

test.each([
  ['{"must":[{"key":"a","regex":"^b"}]}', 400, 'regex'],
  ['{"must":[{"key":"a","match":{"regex":"(b+)+$"}}]}', 400, 'regex'],
  ['{"must":5}', 400, 'expected an object'],
  ['{"must":[{"key":5,"match":{"value":1}}]}', 400, 'expected a string'],
  ['{"mustt":[]}', 400, 'unknown field `mustt`'],
])('[H8] the filter %s is refused, also where it would delete', async (filter, status, sentence) => {
  await refused('POST', `${POINTS}/scroll`, `{"filter":${filter}}`, status, sentence)
  await refused('POST', `${POINTS}/delete`, `{"filter":${filter}}`, status, sentence)
})

test('[H8] 10,000 conditions are refused; the bound is a setting', async () => {
  const filter = (length: number) => ({ must: Array.from({ length }, () => ({ has_id: [1] })) })
  const reply = await region.send('POST', `${POINTS}/count`, { filter: filter(10_000) })
  expect([400, 422]).toContain(reply.status)
  expect(reply.error).toContain('more than 1000 conditions')
  await using strict = await openRegion({ 'filter-conditions-max': '3', 'dimensions-max': '8' })
  await strict.send('PUT', '/collections/c', { vectors: { size: 8, distance: 'Dot' } })
  expect((await strict.send('POST', `${POINTS}/count`, { filter: filter(4) })).error).toContain(
    'more than 3 conditions',
  )
  expect((await strict.send('POST', `${POINTS}/count`, { filter: filter(3) })).status).toBe(200)
  const wide = await strict.send('PUT', '/collections/d', { vectors: { size: 9, distance: 'Dot' } })
  expect(wide.error).toContain('from 1 to 8')
})

test.each([
  ['%2e%2e%2f%2e%2e%2fetc', 422],
  ['a%2fb', 422],
  ['..%2f', 422],
  ['%00', 422],
  ['a%5cb', 422],
  ['x'.repeat(300), 422],
  ['%ff', 400],
])('[H9] the collection name %s is refused', async (name, status) => {
  const space = { vectors: { size: 2, distance: 'Dot' } }
  await refused('PUT', `/collections/${name}`, space, status, '')
  if (status === 400) return
  const actions = { actions: [{ create_alias: { collection_name: 'c', alias_name: decodeURIComponent(name) } }] }
  await refused('POST', '/collections/aliases', actions, 422, 'alias_name')
})
test('[H9] names that only look odd are names; twins in case are two collections; none of them is a file', async () => {
  const space = { vectors: { size: 1, distance: 'Dot' } }
  const names = ['CON', 'Twin', 'twin', '🙂', 'a\u202eb', 'a b', '%41']
  for (const name of names)
    expect((await region.send('PUT', `/collections/${encodeURIComponent(name)}`, space)).status, name).toBe(200)
  const listed = (await region.send('GET', '/collections')).result.collections.map(({ name }: { name: string }) => name)
  expect(listed).toEqual(expect.arrayContaining(names))
  expect(region.filesOutside()).toEqual([])
  for (const name of names) await region.send('DELETE', `/collections/${encodeURIComponent(name)}`)
})

test.each([
  ['gzip', gzipSync(Buffer.alloc(10 * BODY_MAX))],
  ['br', brotliCompressSync(Buffer.alloc(10 * BODY_MAX))],
  ['gzip, gzip', gzipSync(gzipSync(Buffer.alloc(10 * BODY_MAX)))],
])('[H10] a bomb in %s is 415, never unpacked', (encoding, body) =>
  refused('PUT', POINTS, body, 415, 'send the body uncompressed', { 'content-encoding': encoding }),
)

test('[H10] 2 MB above a limit of 1 is 413', () =>
  refused('PUT', POINTS, ' '.repeat(2 * BODY_MAX), 413, 'larger than 1048576 bytes'))

test('[H15] of an id given twice the last one counts, of none nothing, and too many are refused', async () => {
  const twice = { points: [1, 2].map((n) => ({ id: 2, vector: [n, n], payload: { [`k${n}`]: n } })) }
  expect((await region.send('PUT', POINTS, twice)).status).toBe(200)
  expect((await region.send('GET', `${POINTS}/2`)).result).toMatchObject({ vector: [2, 2], payload: { k2: 2 } })
  expect((await region.send('GET', `${POINTS}/2`)).result.payload).not.toHaveProperty('k1')
  held = await state()
  const empty = await region.send('PUT', POINTS, { points: [] })
  expect(empty.status).toBeLessThan(500)
  expect(await state()).toBe(held)
  const many = { points: Array.from({ length: 10_001 }, (_, id) => ({ id, vector: [1, 2] })) }
  await refused('PUT', POINTS, many, 422, '10001 points, send at most 10000')
})

test('[H15] one bad point of 1,000 refuses them all', () => {
  const points = Array.from({ length: 1000 }, (_, i) => ({ id: i + 10, vector: i === 999 ? [1] : [1, 2] }))
  return refused('PUT', POINTS, { points }, 400, 'expected dim: 2, got 1 (points[999].vector)')
})

test('[H16] an idempotency key is refused, and a write sent again changes nothing', async () => {
  const points = { points: [{ id: 7, vector: [7, 7], payload: { n: 7 } }] }
  await refused('PUT', POINTS, points, 400, 'idempotency-key', { 'idempotency-key': 'k-1' })
  await region.send('PUT', POINTS, points)
  held = await state()
  expect((await region.send('PUT', POINTS, points)).status).toBe(200)
  expect(await state()).toBe(held)
})
