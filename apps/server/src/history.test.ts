import { expect, test } from 'vitest'
import { openKit } from './testing/region-kit.js'

const path = (id: number | string): string => `/meridian/collections/c/points/${id}/history`

test('[SV6] the history of a record names the writes it is made of, newest first, and its delete', async () => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  await kit.ok('PUT', '/collections/c/points', { points: [{ id: 1, vector: [1, 2], payload: { a: 1 } }] })
  await kit.ok('POST', '/collections/c/points/payload', { payload: { b: 2 }, points: [1] })
  const { writes, ...rest } = await kit.ok('GET', path(1))
  expect(rest).toEqual({ id: 1, live: true })
  expect(writes).toMatchObject([
    { what: 'payload', name: 'b', removed: false, region: 'eu' },
    { what: 'put', removed: false, region: 'eu' },
  ])
  const [newer, older] = writes.map(({ stamp }: { stamp: { ms: number; counter: number } }) => stamp)
  expect(newer.ms > older.ms || (newer.ms === older.ms && newer.counter > older.counter)).toBe(true)

  await kit.ok('POST', '/collections/c/points/delete', { points: [1] })
  expect(await kit.ok('GET', path(1))).toMatchObject({ live: false, writes: [{ what: 'delete', removed: true }] })
})

test('[SV6] an id that no write named, and a collection that is not there, are 404', async () => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  expect((await kit.send('GET', path(7))).status).toBe(404)
  expect((await kit.send('GET', path('%00'))).status).toBe(400)
  expect((await kit.send('GET', path(7).replace('/c/', '/d/'))).status).toBe(404)
})
