import { setImmediate } from 'node:timers/promises'
import { SeededRandom } from '@meridian/core/testing'
import { expect, test } from 'vitest'
import { payloadIndexOf } from './query/payload-indexes.js'
import { type Kit, openKit } from './testing/region-kit.js'

const INDEXES = {
  city: 'keyword',
  tags: 'keyword',
  n: 'integer',
  f: 'float',
  on: 'bool',
  at: 'datetime',
  where: 'geo',
  t: 'text',
}
const POINTS = 1500

// biome-ignore lint/suspicious/noExplicitAny: payloads and filters of any shape.
type Any = any

const payloadOf = (random: SeededRandom): Any => {
  const draw = (bound: number): number => random.uint32() % bound
  const payload: Any = {
    city: `city-${draw(300)}`,
    tags: Array.from({ length: draw(4) }, () => `tag-${draw(20)}`),
    n: draw(50),
    f: draw(1000) / 10,
    on: draw(2) === 0,
    at: `2024-01-${String(1 + draw(28)).padStart(2, '0')}T00:00:00Z`,
    where: { lon: draw(60), lat: draw(60) },
    t: `word${draw(30)} and more`,
    loose: draw(5),
  }
  for (const key of Object.keys(payload)) if (draw(12) === 0) delete payload[key]
  if (draw(20) === 0) payload.city = draw(2) === 0 ? null : 7
  return payload
}

const filterOf = (random: SeededRandom): Any => {
  const draw = (bound: number): number => random.uint32() % bound
  const conditions = [
    () => ({ key: 'city', match: { value: `city-${draw(300)}` } }),
    () => ({ key: 'city', match: { except: [`city-${draw(300)}`] } }),
    () => ({ key: 'tags', match: { any: [`tag-${draw(20)}`, `tag-${draw(20)}`] } }),
    () => ({ key: 'tags', values_count: { gte: draw(4) } }),
    () => ({ key: 'n', range: { gte: draw(50), lt: draw(60) } }),
    () => ({ key: 'f', range: { gt: draw(100) } }),
    () => ({ key: 'on', match: { value: draw(2) === 0 } }),
    () => ({ key: 'at', range: { gte: `2024-01-${String(1 + draw(28)).padStart(2, '0')}` } }),
    () => ({ key: 'where', geo_radius: { center: { lon: draw(60), lat: draw(60) }, radius: 1_500_000 } }),
    () => ({ key: 't', match: { text: `word${draw(30)}` } }),
    () => ({ is_empty: { key: 'city' } }),
    () => ({ is_null: { key: 'city' } }),
    () => ({ key: 'loose', match: { value: draw(5) } }),
    () => ({ has_id: Array.from({ length: 50 }, () => 1 + draw(POINTS)) }),
  ]
  const one = (): Any => conditions[draw(conditions.length)]!()
  const some = (): Any[] => Array.from({ length: draw(3) }, one)
  return { must: some(), should: some(), must_not: some().slice(0, 1) }
}

const ready = async (kit: Kit, name: string): Promise<void> => {
  while (payloadIndexOf(kit.server.replica.collection(name)) === undefined) await setImmediate()
}

test('[PI4] with indexes and without, every filter gives the same points, whatever is written meanwhile', async () => {
  await using kit = await openKit()
  for (const name of ['plain', 'indexed'])
    await kit.ok('PUT', `/collections/${name}`, { vectors: { size: 2, distance: 'Dot' } })
  const random = new SeededRandom(7)
  const write = async (method: string, path: string, body: Any): Promise<void> => {
    for (const name of ['plain', 'indexed']) await kit.ok(method, `/collections/${name}${path}?wait=true`, body)
  }
  const put = (from: number, count: number): Promise<void> =>
    write('PUT', '/points', {
      points: Array.from({ length: count }, (_, i) => ({
        id: from + i,
        vector: [random.uint32() % 100, random.uint32() % 100],
        payload: payloadOf(random),
      })),
    })
  await put(1, POINTS)
  for (const [field_name, field_schema] of Object.entries(INDEXES))
    await kit.ok('PUT', '/collections/indexed/index?wait=true', { field_name, field_schema })
  await ready(kit, 'indexed')
  expect(payloadIndexOf(kit.server.replica.collection('plain'))).toBeUndefined()
  let matched = 0
  for (let round = 0; round < 6; round++) {
    await put(1 + (random.uint32() % POINTS), 40)
    const ids = Array.from({ length: 20 }, () => 1 + (random.uint32() % POINTS))
    await write('POST', '/points/delete', { points: ids.slice(0, 10) })
    await write('POST', '/points/payload', { filter: filterOf(random), payload: { n: round, city: 'city-1' } })
    await write('POST', '/points/payload/delete', { filter: { must: [{ has_id: ids.slice(15) }] }, keys: ['tags'] })
    for (let i = 0; i < 25; i++) {
      const filter = filterOf(random)
      const ask = async (path: string, body: Any): Promise<Any> => {
        const [plain, indexed] = await Promise.all(
          ['plain', 'indexed'].map(async (name) => {
            const found = await kit.ok('POST', `/collections/${name}/points${path}`, body)
            // Numbers of transactions, which the two collections share.
            for (const point of found.points ?? []) delete point.version
            return found
          }),
        )
        expect(indexed, JSON.stringify(filter)).toEqual(plain)
        return indexed
      }
      const { count } = await ask('/count', { filter })
      matched += count
      await ask('/scroll', { filter, limit: 5, with_payload: false })
      await ask('/scroll', { filter, limit: 1000, offset: 400, with_payload: false })
      const { points } = await ask('/query', { filter, query: [1, 2], limit: 2000 })
      expect(points).toHaveLength(count)
    }
  }
  expect(matched).toBeGreaterThan(POINTS)
  expect(payloadIndexOf(kit.server.replica.collection('indexed'))).toBeDefined()
})

test('[PI5] indexes that are dropped, or declared anew, are used no longer, or filled again', async () => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', { vectors: { size: 1, distance: 'Dot' } })
  const points = Array.from({ length: 40 }, (_, i) => ({
    id: i + 1,
    vector: [i],
    payload: { k: i % 2, s: `s${i % 4}` },
  }))
  await kit.ok('PUT', '/collections/c/points?wait=true', { points })
  const count = async (filter: Any): Promise<number> =>
    (await kit.ok('POST', '/collections/c/points/count', { filter })).count
  const even = { must: [{ key: 'k', match: { value: 0 } }] }
  const collection = kit.server.replica.collection('c')
  expect(await count(even)).toBe(20)
  expect(payloadIndexOf(collection)).toBeUndefined()
  await kit.ok('PUT', '/collections/c/index?wait=true', { field_name: 'k', field_schema: 'integer' })
  await ready(kit, 'c')
  expect(await count(even)).toBe(20)
  expect(payloadIndexOf(collection)?.find(even)?.bits.count).toBe(20)
  await kit.ok('PUT', '/collections/c/index?wait=true', { field_name: 's', field_schema: 'keyword' })
  await ready(kit, 'c')
  expect(payloadIndexOf(collection)?.find({ must: [{ key: 's', match: { value: 's1' } }] })?.bits.count).toBe(10)
  for (const name of ['k', 's']) await kit.ok('DELETE', `/collections/c/index/${name}?wait=true`)
  expect(await count(even)).toBe(20)
  expect(payloadIndexOf(collection)).toBeUndefined()
})

test('[PI7] what finds no room among all indexes is left unused, says so, and comes back when there is room', async () => {
  await using kit = await openKit({ flags: { 'payload-index-bytes-max': '60000' } })
  const points = Array.from({ length: 1000 }, (_, i) => ({
    id: i + 1,
    vector: [i],
    payload: { k: i % 2, s: `text number ${i}` },
  }))
  for (const name of ['first', 'second']) {
    await kit.ok('PUT', `/collections/${name}`, { vectors: { size: 1, distance: 'Dot' } })
    await kit.ok('PUT', `/collections/${name}/points?wait=true`, { points })
  }
  const filter = { must: [{ key: 's', match: { value: 'text number 7' } }] }
  const even = { must: [{ key: 'k', match: { value: 0 } }] }
  const declare = (name: string, key: string, schema: string) =>
    kit.ok('PUT', `/collections/${name}/index?wait=true`, { field_name: key, field_schema: schema })
  const schema = async (name: string) => (await kit.ok('GET', `/collections/${name}`)).payload_schema
  const count = async (name: string, by: Any) =>
    (await kit.ok('POST', `/collections/${name}/points/count`, { filter: by })).count
  const metric = async (line: string) => (await kit.send('GET', '/metrics')).text.includes(line)

  await declare('first', 'k', 'integer')
  await ready(kit, 'first')
  await declare('second', 's', 'keyword')
  while ((await schema('second')).s.state === undefined) {
    expect(await count('second', filter)).toBe(1)
    await setImmediate()
  }
  expect((await schema('second')).s).toEqual({ data_type: 'keyword', points: 1000, state: 'scanned' })
  expect((await schema('first')).k).toEqual({ data_type: 'integer', points: 1000 })
  expect(await metric('payload_index_scanned{collection="second"} 1')).toBe(true)
  expect(await metric('payload_index_scanned{collection="first"}')).toBe(false)
  expect([await count('second', filter), await count('first', even)]).toEqual([1, 500])
  expect(payloadIndexOf(kit.server.replica.collection('first'))).toBeDefined()

  // Fewer values fit into what is left.
  await kit.ok('PUT', '/collections/second/points?wait=true', {
    points: points.map((point) => ({ ...point, payload: { s: 'text number 7' } })),
  })
  await kit.ok('DELETE', '/collections/first/index/k?wait=true')
  expect(await count('first', even)).toBe(500)
  await kit.ok('DELETE', '/collections/second/index/s?wait=true')
  expect(await count('second', filter)).toBe(1000)
  await declare('second', 's', 'keyword')
  await ready(kit, 'second')
  expect((await schema('second')).s).toEqual({ data_type: 'keyword', points: 1000 })
  expect(await metric('payload_index_scanned{collection="second"}')).toBe(false)
})

test('[PI7] an index that found no room is filled once others have left some', async () => {
  await using kit = await openKit({ flags: { 'payload-index-bytes-max': '150000' } })
  const points = Array.from({ length: 1000 }, (_, i) => ({
    id: i + 1,
    vector: [i],
    payload: { s: `text number ${i}` },
  }))
  for (const name of ['first', 'second']) {
    await kit.ok('PUT', `/collections/${name}`, { vectors: { size: 1, distance: 'Dot' } })
    await kit.ok('PUT', `/collections/${name}/points?wait=true`, { points })
    await kit.ok('PUT', `/collections/${name}/index?wait=true`, { field_name: 's', field_schema: 'keyword' })
  }
  const filter = { must: [{ key: 's', match: { value: 'text number 7' } }] }
  const ask = (name: string) => kit.ok('POST', `/collections/${name}/points/count`, { filter })
  const state = async (name: string) => (await kit.ok('GET', `/collections/${name}`)).payload_schema.s.state
  await ask('first')
  await ready(kit, 'first')
  while ((await state('second')) === undefined) await ask('second')
  await kit.ok('DELETE', '/collections/first/index/s?wait=true')
  await ask('first')
  while ((await state('second')) !== undefined) expect(await ask('second')).toEqual({ count: 1 })
  await ready(kit, 'second')
  expect(payloadIndexOf(kit.server.replica.collection('second'))?.find(filter)?.bits.count).toBe(1)
})
