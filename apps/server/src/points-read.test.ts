import { expect, test } from 'vitest'
import { type Kit, openKit } from './testing/region-kit.js'

const UUID = '936da01f-9abd-4d9d-80c7-02af85c822a8'
const ids = (points: { id: unknown }[]): unknown[] => points.map(({ id }) => id)

const withPoints = async (flags: Record<string, string> = {}): Promise<Kit> => {
  const kit = await openKit({ flags })
  await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Euclid' } })
  const points = [
    { id: UUID, vector: [0, 9], payload: { city: 'Oslo', tags: [], nested: { a: 1, b: 2 } } },
    { id: 10, vector: [1, 0], payload: { city: 'Rome', tags: ['x', 'y'], n: 1 } },
    { id: 2, vector: [0.19, 0], payload: { city: 'Rome', tags: null, n: 2.5 } },
    { id: 7, vector: [3, 0], payload: { city: 'Bonn', n: 3 } },
  ]
  await kit.ok('PUT', '/collections/c/points', { points })
  return kit
}
const scroll = (kit: Kit, body: unknown) => kit.ok('POST', '/collections/c/points/scroll', body)

test('[HT60] one point by id, with everything', async () => {
  await using kit = await withPoints()
  expect(await kit.ok('GET', '/collections/c/points/2')).toEqual({
    id: 2,
    vector: [0.19, 0],
    payload: { city: 'Rome', tags: null, n: 2.5 },
  })
  expect((await kit.ok('GET', `/collections/c/points/${UUID.replaceAll('-', '')}`)).id).toBe(UUID)
  expect((await kit.send('GET', '/collections/c/points/99')).json.status.error).toBe(
    'Not found: No point with id 99 found',
  )
  expect((await kit.send('GET', '/collections/c/points/%00')).status).toBe(400)
})

test('[HT61] several by id, in the order asked for; those that are not there are left out', async () => {
  await using kit = await withPoints()
  const found = await kit.ok('POST', '/collections/c/points', {
    ids: [7, 99, 2],
    with_payload: ['n'],
    with_vector: true,
  })
  expect(found).toEqual([
    { id: 7, payload: { n: 3 }, vector: [3, 0] },
    { id: 2, payload: { n: 2.5 }, vector: [0.19, 0] },
  ])
  expect((await kit.ok('POST', '/collections/c/points', { ids: [7] }))[0]).toEqual({
    id: 7,
    payload: { city: 'Bonn', n: 3 },
  })
  expect((await kit.send('POST', '/collections/c/points', {})).json.status.error).toContain('ids: expected an array')
})

test('[HT62] scrolling goes by id, integers first, in pages whose offset is inclusive', async () => {
  await using kit = await withPoints()
  const first = await scroll(kit, { limit: 3, with_payload: false })
  expect(first).toEqual({ points: [{ id: 2 }, { id: 7 }, { id: 10 }], next_page_offset: UUID })
  const second = await scroll(kit, { limit: 3, offset: first.next_page_offset })
  expect(ids(second.points)).toEqual([UUID])
  expect(second.next_page_offset).toBeNull()
  expect(
    ids((await scroll(kit, { offset: 7, filter: { must: { key: 'city', match: { value: 'Rome' } } } })).points),
  ).toEqual([10])
  expect(ids((await scroll(kit, { offset: 7, filter: { must: { has_id: [10, 2, 7, 99] } } })).points)).toEqual([7, 10])
  for (const [body, status] of [
    [{ limit: 0 }, 422],
    [{ limit: 'x' }, 400],
    [{ offset: '12' }, 400],
    [{ order_by: 'n', offset: 2 }, 400],
    [{ order_by: { key: 'n', direction: 'up' } }, 400],
  ] as const)
    expect((await kit.send('POST', '/collections/c/points/scroll', body)).status).toBe(status)
})

test('[HT63] counting, of all or by filter', async () => {
  await using kit = await withPoints()
  const count = (body: unknown) => kit.ok('POST', '/collections/c/points/count', body)
  expect(await count({})).toEqual({ count: 4 })
  expect(await count({ exact: false, filter: {} })).toEqual({ count: 4 })
  expect(await count({ exact: true, filter: { must: [{ key: 'city', match: { value: 'Rome' } }] } })).toEqual({
    count: 2,
  })
})

test.each([
  [{ must: { key: 'city', match: { any: ['Bonn', 'Oslo'] } } }, [7, UUID]],
  [{ must: [{ key: 'city', match: { except: ['Rome'] } }] }, [7, UUID]],
  [{ must: [{ key: 'n', match: { value: 1 } }] }, [10]],
  [{ must: [{ key: 'n', range: { gt: 1, lte: 3 } }] }, [2, 7]],
  [{ should: [{ has_id: [2] }, { key: 'tags', match: { value: 'y' } }] }, [2, 10]],
  [{ must_not: [{ is_empty: { key: 'tags' } }] }, [10]],
  [{ must: [{ is_null: { key: 'tags' } }] }, [2]],
  [{ must: [{ key: 'tags', is_empty: true }] }, [2, 7, UUID]],
  [{ must: [{ key: 'tags', is_empty: false }] }, [10]],
  [{ must: [{ key: 'tags', is_null: true }] }, [2]],
  [{ must: [{ key: 'nested.a', match: { value: 1 } }] }, [UUID]],
  [{ must: [{ should: [{ has_id: [7] }] }, { must_not: { has_id: [8] } }] }, [7]],
  [{ min_should: { conditions: [{ has_id: [2, 7] }, { has_id: [7] }], min_count: 2 } }, [7]],
  [{}, [2, 7, 10, UUID]],
])('[HT64] the filter %j selects its points', async (filter, expected) => {
  await using kit = await withPoints()
  expect(ids((await scroll(kit, { filter })).points)).toEqual(expected)
})

test.each([
  [{ musst: [] }, 400, 'filter: unknown field `musst`'],
  [{ must: [{ key: 'a' }] }, 422, '[filter.must[0]: at least one field condition'],
  [{ must: [{ key: 'a', match: { vaule: 'x' } }] }, 400, 'filter.must[0].match: unknown field `vaule`'],
  [{ must: [{ key: 'a', match: { value: 1.5 } }] }, 400, 'not an integer'],
  [{ must: [{ key: 'a', match: { any: ['x', 1] } }] }, 400, 'strings and integers mixed'],
  [{ must: [{ key: 'a', match: {} }] }, 400, 'send exactly one of'],
  [{ must: [{ key: 'a', range: { above: 1 } }] }, 400, 'unknown field `above`'],
  [{ must: [{ key: 'a', contains: 1 }] }, 400, 'unknown field `contains`'],
  [{ must: [{ key: 'a..b', match: { value: 1 } }] }, 400, 'Bad request: invalid payload key'],
  [{ must: [{ has_id: ['12'] }] }, 400, 'is not a valid point ID'],
  [{ must: [{ has_id: [1], key: 'a', match: { value: 1 } }] }, 400, 'unknown field `has_id`'],
  [{ must: [{ nonsense: 1 }] }, 400, 'unknown condition `nonsense`'],
  [{ must: 'x' }, 400, 'filter.must: expected an object, got a string'],
  [[], 400, 'filter: expected an object, got an array'],
])('[HT65] the filter %j is refused, never guessed at', async (filter, status, sentence) => {
  await using kit = await withPoints()
  const reply = await kit.send('POST', '/collections/c/points/count', { filter })
  expect(reply.json.status.error).toContain(sentence)
  expect(reply.status).toBe(status)
})

test('[HT66] with_payload and with_vector pick parts', async () => {
  await using kit = await withPoints()
  const one = async (parts: object) => (await scroll(kit, { filter: { must: { has_id: [UUID] } }, ...parts })).points[0]
  expect(await one({ with_payload: { include: ['nested.a'] } })).toEqual({ id: UUID, payload: { nested: { a: 1 } } })
  expect(await one({ with_payload: { exclude: ['nested.a', 'city'] } })).toEqual({
    id: UUID,
    payload: { tags: [], nested: { b: 2 } },
  })
  expect(await one({ with_payload: ['absent'], with_vectors: [''] })).toEqual({ id: UUID, payload: {}, vector: [0, 9] })
  for (const parts of [
    { with_payload: 3 },
    { with_payload: { only: [] } },
    { with_vector: ['zz'] },
    { with_vector: 'x' },
  ])
    expect((await kit.send('POST', '/collections/c/points/scroll', parts)).status).toBe(400)
})

test('[HT67] limits are bounded, and so are answers with vectors', async () => {
  await using kit = await withPoints({ 'limit-max': '10' })
  const reply = await kit.send('POST', '/collections/c/points/scroll', { limit: 11 })
  expect(reply.status).toBe(422)
  expect(reply.json.status.error).toContain('[limit: value 11 invalid, must be from 1 to 10]')
  await using other = await openKit()
  await other.ok('PUT', '/collections/c', { vectors: { size: 4096, distance: 'Dot' } })
  const huge = await other.send('POST', '/collections/c/points/scroll', { limit: 100_000, with_vector: true })
  expect(huge.json.status.error).toContain('lower the limit, or leave vectors out')
})
