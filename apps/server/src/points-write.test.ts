import { expect, test } from 'vitest'
import { type Kit, openKit } from './testing/region-kit.js'

const BIG = '18446744073709551615'
const UUID = '936da01f-9abd-4d9d-80c7-02af85c822a8'

const withCollection = async (
  vectors: unknown = { size: 2, distance: 'Euclid' },
  flags: Record<string, string> = {},
): Promise<Kit> => {
  const kit = await openKit({ flags })
  await kit.ok('PUT', '/collections/c', { vectors })
  return kit
}
const point = (kit: Kit, id: string | number) => kit.ok('GET', `/collections/c/points/${id}`)

test('[HT50] upserts as a list and column-wise are durable and readable when answered', async () => {
  await using kit = await withCollection()
  const list = {
    points: [
      { id: 1, vector: [1, 2], payload: { a: 1 } },
      { id: UUID.toUpperCase(), vector: [3, 4] },
    ],
  }
  const done = await kit.ok('PUT', '/collections/c/points?wait=true', list)
  expect(done).toEqual({ operation_id: expect.any(Number), status: 'completed' })
  const batch = {
    ids: [2, 3],
    vectors: [
      [5, 6],
      [7, 8],
    ],
    payloads: [{ b: 1 }, null],
  }
  const later = await kit.ok('PUT', '/collections/c/points', { batch })
  expect(later).toEqual({ operation_id: done.operation_id + 1, status: 'acknowledged' })
  expect(await point(kit, 1)).toEqual({ id: 1, vector: [1, 2], payload: { a: 1 } })
  expect(await point(kit, UUID)).toEqual({ id: UUID, vector: [3, 4], payload: {} })
  expect(await point(kit, 3)).toEqual({ id: 3, vector: [7, 8], payload: {} })
  expect(await kit.ok('PUT', '/collections/c/points', { points: [] })).toMatchObject({ status: 'acknowledged' })
})

test('[HT9] an id of 64 bits keeps every digit', async () => {
  await using kit = await withCollection()
  const text = `{"points":[{"id":${BIG},"vector":[1,2],"payload":{"n":100000000000000000000}},{"id":9007199254740993,"vector":[1,2]}]}`
  expect((await kit.send('PUT', '/collections/c/points', text)).status).toBe(200)
  expect((await kit.send('GET', `/collections/c/points/${BIG}`)).text).toContain(
    `"id":${BIG},"payload":{"n":100000000000000000000}`,
  )
  const scroll = await kit.send('POST', '/collections/c/points/scroll', { limit: 1 })
  expect(scroll.text).toContain(`"id":9007199254740993`)
  expect(scroll.text).toContain(`"next_page_offset":${BIG}`)
  const lossy = '{"points":[{"id":1,"vector":[1,2],"payload":{"n":[9007199254740993]}}]}'
  const reply = await kit.send('PUT', '/collections/c/points', lossy)
  expect(reply).toMatchObject({ status: 400 })
  expect(reply.json.status.error).toContain('points[0].payload.n[0]: integer 9007199254740993 is beyond 2^53')
})

test('[HT51] cosine vectors are stored normalised', async () => {
  await using kit = await withCollection({ size: 2, distance: 'Cosine' })
  await kit.ok('PUT', '/collections/c/points', {
    points: [
      { id: 1, vector: [3, 4] },
      { id: 2, vector: [0, 0] },
    ],
  })
  expect((await point(kit, 1)).vector).toEqual([0.6, 0.8])
  expect((await point(kit, 2)).vector).toEqual([0, 0])
})

const bad = (points: unknown) => ({ points: [{ id: 1, vector: [1, 2] }, points] })
test.each([
  [bad({ id: 2, vector: [1, 2, 3] }), 400, 'Wrong input: Vector dimension error: expected dim: 2, got 3'],
  [bad({ id: 2, vector: { x: [1, 2] } }), 400, 'Wrong input: Not existing vector name error: x'],
  [bad({ id: 2, vector: [] }), 422, 'Validation error in JSON body: [points[1].vector: the vector is empty'],
  [
    bad({ id: 2, vector: [1, 'x'] }),
    400,
    'Format error in JSON body: points[1].vector[1]: expected a number, got a string',
  ],
  [bad({ id: 2, vector: [1, null] }), 400, 'points[1].vector[1]: expected a number, got null'],
  [bad({ id: 2, vector: [1, 1e39] }), 422, '[points[1].vector: a number is out of the range'],
  [bad({ id: 2 }), 400, 'points[1].vector: missing field'],
  [bad({ id: 2, vector: [[1, 2]] }), 400, 'got a multivector'],
  [bad({ id: 2, vector: { text: 'x', model: 'm' } }), 400, 'inference is not supported'],
  [bad({ id: 2, vector: { s: { indices: [1], values: [1] } } }), 400, 'Not existing vector name error: s'],
  [bad({ id: 2, vector: [1, 2], payload: [] }), 400, 'points[1].payload: expected an object, got an array'],
  [bad({ id: '2', vector: [1, 2] }), 400, 'points[1].id: value 2 is not a valid point ID'],
  [bad({ id: -1, vector: [1, 2] }), 400, 'is not a valid point ID'],
  [bad({ id: 1.5, vector: [1, 2] }), 400, 'is not a valid point ID'],
  [bad({ id: null, vector: [1, 2] }), 400, 'points[1].id: expected an unsigned'],
  [bad(7), 400, 'points[1]: expected an object, got a number'],
  [{ batch: { ids: [1, 2], vectors: [[1, 2]] } }, 422, '[batch.vectors: 1 of them for 2 ids'],
  [{}, 400, 'missing field `points`'],
  [{ points: [], shard_key: 'x' }, 400, 'Not supported: shard_key'],
])('[HT52] a bad batch is refused whole, before anything is written: %j', async (body, status, sentence) => {
  await using kit = await withCollection()
  const reply = await kit.send('PUT', '/collections/c/points', body)
  expect(reply.json.status.error).toContain(sentence)
  expect(reply.status).toBe(status)
  expect(await kit.ok('POST', '/collections/c/points/count', {})).toEqual({ count: 0 })
})

test('[HT52] a batch above the limit is refused', async () => {
  await using kit = await withCollection(undefined, { 'batch-points-max': '1' })
  const reply = await kit.send('PUT', '/collections/c/points', bad({ id: 2, vector: [1, 2] }))
  expect(reply).toMatchObject({ status: 422 })
  expect(reply.json.status.error).toContain('send at most 1 in one request')
})

test('[HT53] deletion is by ids or by filter; an id that is not there is no error', async () => {
  await using kit = await withCollection()
  const points = [1, 2, 3, 4].map((id) => ({ id, vector: [id, 0], payload: { even: id % 2 === 0 } }))
  await kit.ok('PUT', '/collections/c/points', { points })
  await kit.ok('POST', '/collections/c/points/delete?wait=true&ordering=weak', { points: [1, 99] })
  await kit.ok('POST', '/collections/c/points/delete', { filter: { must: [{ key: 'even', match: { value: true } }] } })
  const { points: left } = await kit.ok('POST', '/collections/c/points/scroll', {})
  expect(left.map((each: { id: number }) => each.id)).toEqual([3])
  for (const [body, status] of [
    [{}, 422],
    [{ points: [1], filter: {} }, 400],
    [{ points: 'x' }, 400],
  ] as const)
    expect((await kit.send('POST', '/collections/c/points/delete', body)).status).toBe(status)
})

test('[HT54] named vectors are updated and deleted one by one', async () => {
  await using kit = await withCollection({ a: { size: 2, distance: 'Dot' }, b: { size: 1, distance: 'Dot' } })
  await kit.ok('PUT', '/collections/c/points', { points: [{ id: 1, vector: { a: [1, 2] }, payload: { k: 1 } }] })
  await kit.ok('PUT', '/collections/c/points/vectors', { points: [{ id: 1, vector: { b: [9] } }] })
  expect(await point(kit, 1)).toEqual({ id: 1, vector: { a: [1, 2], b: [9] }, payload: { k: 1 } })
  await kit.ok('POST', '/collections/c/points/vectors/delete', { points: [1, 7], vector: ['a'] })
  expect((await point(kit, 1)).vector).toEqual({ b: [9] })
  const missing = await kit.send('PUT', '/collections/c/points/vectors', {
    points: [
      { id: 1, vector: { b: [5] } },
      { id: 7, vector: { b: [5] } },
    ],
  })
  expect(missing).toMatchObject({ status: 404 })
  expect(missing.json.status.error).toBe('Not found: No point with id 7 found')
  expect((await point(kit, 1)).vector).toEqual({ b: [9] })
  const unknown = await kit.send('POST', '/collections/c/points/vectors/delete', { points: [1], vector: ['z'] })
  expect(unknown.json.status.error).toContain('Not existing vector name error: z')
})

test('[HT55] levels that are not there, or that one region cannot reach, are refused, not ignored', async () => {
  await using kit = await withCollection()
  const body = { points: [] }
  for (const query of ['ordering=x', 'wait=maybe', 'timeout=0'])
    expect((await kit.send('PUT', `/collections/c/points?${query}`, body)).status, query).toBe(400)
  for (const query of ['consistency=2', 'consistency=0', 'consistency=x', 'timeout=soon'])
    expect((await kit.send('POST', `/collections/c/points/count?${query}`, {})).status, query).toBe(400)
  for (const query of ['consistency=1&timeout=5', 'consistency=all', 'consistency=majority'])
    expect((await kit.send('POST', `/collections/c/points/count?${query}`, {})).status, query).toBe(200)
})

test('[HT56] payload is merged, overwritten, trimmed and cleared, by ids or by filter', async () => {
  await using kit = await withCollection()
  await kit.ok('PUT', '/collections/c/points', {
    points: [1, 2].map((id) => ({ id, vector: [1, 2], payload: { a: 1, b: id } })),
  })
  const payload = async (id: number) => (await point(kit, id)).payload
  await kit.ok('POST', '/collections/c/points/payload', { payload: { c: [1] }, points: [1] })
  expect(await payload(1)).toEqual({ a: 1, b: 1, c: [1] })
  await kit.ok('PUT', '/collections/c/points/payload', {
    payload: { z: null },
    filter: { must: { key: 'b', match: { value: 2 } } },
  })
  expect(await payload(2)).toEqual({ z: null })
  await kit.ok('POST', '/collections/c/points/payload/delete', { keys: ['a', 'nope'], points: [1] })
  expect(await payload(1)).toEqual({ b: 1, c: [1] })
  await kit.ok('POST', '/collections/c/points/payload/clear', { points: [1] })
  expect(await payload(1)).toEqual({})
})

test.each([
  ['POST', 'payload', { payload: { x: 1 }, points: [1, 7] }, 404, 'Not found: No point with id 7 found'],
  ['PUT', 'payload', { payload: { x: 1 }, points: [7, 1] }, 404, 'No point with id 7'],
  ['POST', 'payload/delete', { keys: ['a'], points: [1, 7] }, 404, 'No point with id 7'],
  ['POST', 'payload/clear', { points: [1, 7] }, 404, 'No point with id 7'],
  ['POST', 'payload', { payload: { x: 1 }, points: [1], key: 'a..b' }, 400, 'key: "a..b" is not a payload path'],
  ['POST', 'payload', { payload: { x: 1 }, points: [1], key: '[0]' }, 400, 'is not a payload path'],
  ['POST', 'payload', { payload: { x: 1 }, points: [7], key: 'a.b' }, 404, 'No point with id 7'],
  ['POST', 'payload', { payload: { x: 1 } }, 422, 'either points or filter'],
  ['POST', 'payload', { points: [1] }, 400, 'missing field `payload`'],
  ['POST', 'payload', { payload: 'x', points: [1] }, 400, 'payload: expected an object, got a string'],
  ['POST', 'payload/delete', { keys: ['a[0]'], points: [1] }, 400, 'keys[0]: "a[0]" names one element of an array'],
  ['POST', 'payload/delete', { keys: ['a', ''], points: [1] }, 400, 'keys[1]: "" is not a payload path'],
  ['POST', 'payload/delete', { keys: [], points: [1] }, 422, 'no keys'],
] as const)('[HT57] %s %s %j is refused and changes nothing', async (method, path, body, status, sentence) => {
  await using kit = await withCollection()
  await kit.ok('PUT', '/collections/c/points', { points: [{ id: 1, vector: [1, 2], payload: { a: 1 } }] })
  const reply = await kit.send(method, `/collections/c/points/${path}`, body)
  expect(reply.json.status.error).toContain(sentence)
  expect(reply.status).toBe(status)
  expect((await point(kit, 1)).payload).toEqual({ a: 1 })
})
