import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Kit, openKit } from './testing/region-kit.js'

const UUID = '550e8400-e29b-41d4-a716-446655440000'
const WIDE = '9223372036854775809'
const OTHER_WIDE = '9223372036854775808'

let kit: Kit
beforeAll(async () => {
  kit = await openKit()
  const size2 = { size: 2, distance: 'Euclid' }
  await kit.ok('PUT', '/collections/c', { vectors: { image: size2, text: size2 } })
  const points = [
    {
      id: 1,
      vector: { image: [1, 0] },
      payload: {
        at: '2026-01-31T12:00:00Z',
        place: { lon: 13.4, lat: 52.5 },
        name: 'red brick house',
        diet: [
          { food: 'leaves', likes: false },
          { food: 'meat', likes: true },
        ],
      },
    },
    {
      id: 2,
      vector: { image: [1, 0], text: [0, 1] },
      payload: {
        at: '2026-01-31 14:30:00+02:00',
        place: [
          { lon: 179.5, lat: -17 },
          { lon: 2.35, lat: 48.86 },
        ],
        name: 'Red bus',
        diet: [{ food: 'meat', likes: false }],
      },
    },
    {
      id: 3,
      vector: {},
      payload: { at: 1_769_860_800_000, name: ['blue', 'brick red'], diet: [], 'a.b': 1, a: { b: 2 } },
    },
    { id: UUID, vector: { text: [1, 1] }, payload: { at: '2026-02-01', diet: null, name: null } },
  ]
  await kit.ok('PUT', '/collections/c/points', { points })
  // Written as text: a number of this size is gone before JSON.stringify sees it.
  for (const id of [WIDE, OTHER_WIDE])
    await kit.ok('PUT', '/collections/c/points', `{"points":[{"id":${id},"vector":{},"payload":{"wide":true}}]}`)
})
afterAll(() => kit[Symbol.asyncDispose]())

const selected = async (filter: unknown): Promise<unknown[]> => {
  const { points } = await kit.ok('POST', '/collections/c/points/scroll', { filter, with_payload: false })
  return points.map(({ id }: { id: unknown }) => id)
}
const field = (test: object, key = 'at') => ({ must: { key, ...test } })
const point = (lon: number, lat: number) => ({ lon, lat })
const line = (...points: [number, number][]) => ({ points: points.map(([lon, lat]) => point(lon, lat)) })
const europe = line([-10, 36], [30, 36], [30, 60], [-10, 60], [-10, 36])
const paris = line([2, 48], [3, 48], [3, 49], [2, 49], [2, 48])
const likedMeat = {
  must: [
    { key: 'food', match: { value: 'meat' } },
    { key: 'likes', match: { value: true } },
  ],
}
const notWide = { must_not: { key: 'wide', match: { value: true } } }

test.each<[filter: object, ids: unknown[]]>([
  [field({ range: { gte: '2026-01-31T12:00:00Z', lt: '2026-02-01T00:00:00+00:00' } }), [1, 2]],
  [field({ range: { gt: '2026-01-31 12:00', lte: '2026-02-01' } }), [2, UUID]],
  [field({ range: { lt: '2026-01-31T14:00:00.000001+0200', gt: null } }), [1]],
  [field({ range: { gt: 0 } }), [3]],
  [field({ geo_radius: { center: point(13.3, 52.5), radius: 10_000 } }, 'place'), [1]],
  [field({ geo_radius: { center: point(13.3, 52.5), radius: 1_000_000 } }, 'place'), [1, 2]],
  [field({ geo_bounding_box: { top_left: point(13, 53), bottom_right: point(14, 52) } }, 'place'), [1]],
  [field({ geo_bounding_box: { top_left: point(179, 0), bottom_right: point(-179, -20) } }, 'place'), [2]],
  [field({ geo_polygon: { exterior: europe } }, 'place'), [1, 2]],
  [field({ geo_polygon: { exterior: europe, interiors: [paris] } }, 'place'), [1]],
  [field({ geo_polygon: { exterior: europe, interiors: null } }, 'place'), [1, 2]],
  [field({ values_count: { gte: 2 } }, 'diet'), [1]],
  [field({ values_count: { lt: 1 } }, 'diet'), [3, UUID]],
  [field({ values_count: { gt: 0, lte: 1 } }, 'diet'), [2]],
  [field({ match: { text: 'red b' } }, 'name'), [1]],
  [field({ match: { phrase: 'brick red' } }, 'name'), [3]],
  [field({ match: { text_any: 'bus  blue' } }, 'name'), [2, 3]],
  [{ must: { has_vector: 'text' } }, [2, UUID]],
  [{ must: { has_vector: 'image' }, must_not: { has_vector: 'text' } }, [1]],
  [{ must: [{ has_vector: 'sound' }] }, []],
  [{ must: [{ nested: { key: 'diet', filter: likedMeat } }] }, [1]],
  [{ must: [{ nested: { key: 'diet[]', filter: { must_not: likedMeat.must } } }] }, [1]],
  [{ must: [{ key: 'diet[].food', match: { value: 'meat' } }] }, [1, 2]],
  [{ must: [{ key: 'diet[0].food', match: { value: 'meat' } }] }, [2]],
  [{ must: [{ key: '"a.b"', match: { value: 1 } }] }, [3]],
  [{ must: [{ key: 'a.b', match: { value: 2 } }] }, [3]],
  [{ must: [notWide, { is_empty: { key: 'diet' } }] }, [3, UUID]],
  [{ must: [notWide, { key: 'diet', is_empty: true }] }, [3, UUID]],
  [{ must: { key: 'diet', is_empty: false } }, [1, 2]],
  [{ must: { key: 'diet', is_null: true } }, [UUID]],
  [{ must: [notWide, { key: 'diet', is_null: false }] }, [1, 2, 3]],
  [{ must: { key: 'name', match: { value: 'Red bus' }, values_count: { gt: 1 } } }, [2, 3]],
  [{ min_should: { conditions: [{ has_vector: 'text' }, { has_id: [1, 2] }], min_count: 2 } }, [2]],
  [{ must: [{ has_id: [UUID.toUpperCase(), 3] }] }, [3, UUID]],
  [{ must: [{ has_id: [UUID.replaceAll('-', ''), `urn:uuid:${UUID}`] }] }, [UUID]],
])('[HT64] the filter %j selects its points', async (filter, ids) => {
  expect(await selected(filter)).toEqual(ids)
})

test('[HT64] has_id tells integers apart that a double would not', async () => {
  const reply = await kit.send('POST', '/collections/c/points/count', `{"filter":{"must":[{"has_id":[${WIDE}]}]}}`)
  expect(reply.json.result).toEqual({ count: 1 })
  const both = `{"filter":{"must":[{"has_id":[${WIDE},${OTHER_WIDE},9223372036854775810]}]}}`
  expect((await kit.send('POST', '/collections/c/points/count', both)).json.result).toEqual({ count: 2 })
})

test('[HT74] a search and a write take the same filters', async () => {
  const { points } = await kit.ok('POST', '/collections/c/points/query', {
    query: [1, 0],
    using: 'image',
    filter: { must: [{ has_vector: 'text' }] },
  })
  expect(points.map(({ id }: { id: unknown }) => id)).toEqual([2])
  const filter = { must: [{ nested: { key: 'diet', filter: likedMeat } }] }
  await kit.ok('POST', '/collections/c/points/payload', { payload: { liked: true }, filter })
  expect(await selected({ must: { key: 'liked', match: { value: true } } })).toEqual([1])
})

const depth = (levels: number): object => (levels === 1 ? {} : { must: depth(levels - 1) })

test.each<[filter: object, status: number, sentence: string]>([
  [
    field({ range: { gt: 'yesterday' } }),
    400,
    "filter.must.range.gt: 'yesterday' is not in a supported date/time format",
  ],
  [field({ range: { gt: '2026-01-31', lt: 5 } }), 400, 'filter.must.range: numbers and dates mixed'],
  [field({ range: { above: '2026-01-31' } }), 400, 'filter.must.range: unknown field `above`'],
  [field({ geo_radius: {} }), 400, 'filter.must.geo_radius.center: expected an object'],
  [field({ geo_radius: { center: point(0, 91), radius: 1 } }), 422, 'geo_radius.center.lat: value 91 invalid'],
  [field({ geo_radius: { center: point(0, 0), radius_m: 1 } }), 400, 'unknown field `radius_m`'],
  [
    field({ geo_bounding_box: { top_left: point(-181, 0), bottom_right: point(0, 0) } }),
    422,
    'top_left.lon: value -181',
  ],
  [field({ geo_bounding_box: { top_left: { lon: 1 } } }), 400, 'top_left.lat: expected a number, got nothing'],
  [field({ geo_polygon: { exterior: line([0, 0], [1, 1], [0, 0]) } }), 422, 'the size must be at least 4, got 3'],
  [field({ geo_polygon: { exterior: line([0, 0], [1, 1], [1, 0], [0, 1]) } }), 422, 'the first and the last points'],
  [field({ geo_polygon: { exterior: europe, interiors: [{}] } }), 400, 'interiors[0].points: expected an array'],
  [field({ values_count: { gt: -1 } }), 422, 'values_count.gt: value -1 invalid'],
  [field({ values_count: { gt: 0.5 } }), 400, 'expected an integer, got 0.5'],
  [field({ values_count: { eq: 1 } }), 400, 'unknown field `eq`'],
  [field({ match: { text: 5 } }), 400, 'filter.must.match.text: expected a string'],
  [field({ match: { prefix: 'x' } }), 400, 'filter.must.match: unknown field `prefix`'],
  [field({ match: { text: 'x', phrase: 'y' } }), 400, 'send exactly one of value, any, except, text, text_any, phrase'],
  [field({ match: null }), 422, 'at least one field condition'],
  [field({ is_empty: 'yes' }), 400, 'filter.must.is_empty: expected true or false'],
  [{ must: [{ is_empty: { key: 'a', of: 1 } }] }, 400, 'filter.must[0].is_empty: unknown field `of`'],
  [{ must: [{ has_vector: ['text'] }] }, 400, 'filter.must[0].has_vector: expected a string'],
  [{ must: [{ nested: { key: 'a' } }] }, 400, 'filter.must[0].nested.filter: expected an object, got nothing'],
  [{ must: [{ nested: { key: 'a', filter: { any: [] } } }] }, 400, 'nested.filter: unknown field `any`'],
  [
    { must: [{ nested: { key: 'a', filter: { must: { has_id: [1] } } } }] },
    400,
    'Bad request: has_id asks about a point',
  ],
  [{ must: [{ nested: { key: 'a..b', filter: {} } }] }, 400, 'invalid payload key "a..b"'],
  [{ must: [{ nested: { key: 'a', filter: {} }, must: [] }] }, 400, '`nested` stands alone'],
  [{ min_should: { min_count: 1 } }, 400, 'filter.min_should.conditions: expected an array'],
  [{ min_should: { conditions: [], min_count: 1, of: 2 } }, 400, 'filter.min_should: unknown field `of`'],
  [{ must: [{ has_id: [1, -1] }] }, 400, 'filter.must[0].has_id[1]: value -1 is not a valid point ID'],
  [{ should: Array(1001).fill({ has_id: [1] }) }, 400, 'Bad request: the filter has more than 1000 conditions'],
  [depth(40), 400, 'nested too deep'],
])('[HT65] the filter %j is refused, never guessed at', async (filter, status, sentence) => {
  const reply = await kit.send('POST', '/collections/c/points/count', { filter })
  expect(reply.json.status.error).toContain(sentence)
  expect(reply.status).toBe(status)
})

test('[HT65] a filter is 32 deep at most, where bodies may be deeper', async () => {
  await using deep = await openKit({ flags: { 'json-depth-max': '64' } })
  await deep.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  const count = (levels: number) => deep.send('POST', '/collections/c/points/count', { filter: depth(levels) })
  expect((await count(32)).status).toBe(200)
  expect((await count(33)).json.status.error).toContain('filters are nested more than 32 deep')
})
