import type { PointRecord } from '@meridian/client'
import { numbersOf, type PointId, type VisibleRecord } from '@meridian/core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { Cluster, RoomReader, type RegionProcess, until } from './kit/index.js'

const COLLECTION = 'rooms'
const SHARDS = 4
let cluster: Cluster
let eu: RegionProcess
let us: RegionProcess

beforeAll(async () => {
  cluster = await Cluster.open({ regions: ['eu', 'us'] })
  ;[eu, us] = cluster.regions as [RegionProcess, RegionProcess]
  await eu.client.createCollection(COLLECTION, { vectors: { size: 4, distance: 'Euclid' }, shard_number: SHARDS })
  await until('us has the collection', () => us.client.collectionExists(COLLECTION))
  await Promise.all([upsert(eu, 0, 1500), upsert(us, 1500, 3000)])
  await cluster.agreed(COLLECTION)
  await us.client.setPayload(COLLECTION, { edited: 'in us' }, { points: [0, 1, 2, 1501] })
  await eu.client.delete(COLLECTION, { points: [10, 11, 1510] })
  await cluster.agreed(COLLECTION)
})
afterAll(() => cluster[Symbol.asyncDispose]())

const upsert = async ({ client, name }: RegionProcess, from: number, to: number): Promise<void> => {
  const ids = Array.from({ length: to - from }, (_, i) => from + i)
  await client.upsert(
    COLLECTION,
    ids.map((id) => ({ id, vector: [id, id / 3, -id, 0.5], payload: { id, by: name, tags: ['a', `t${id % 7}`] } })),
  )
}

/** Every record as the region itself shows it. */
const shownBy = async ({ client }: RegionProcess): Promise<Map<PointId, Omit<PointRecord, 'id'>>> => {
  const { points } = await client.scroll(COLLECTION, { limit: 10_000, with_vector: true, with_payload: true })
  return new Map(
    points.map(({ id, vector, payload }) => [id, { vector: (vector as number[]).map(Math.fround), payload: payload! }]),
  )
}

const asShown = (records: ReadonlyMap<PointId, VisibleRecord>): Map<PointId, Omit<PointRecord, 'id'>> =>
  new Map(
    [...records].map(([id, { vectors, payload }]) => [
      id,
      { vector: Array.from(numbersOf(vectors.get('')!)), payload },
    ]),
  )

const sorted = <T>(map: Map<PointId, T>): [PointId, T][] => [...map].sort(([a], [b]) => Number(a) - Number(b))

const expectSame = async (reader: RoomReader): Promise<void> =>
  expect(sorted(asShown(reader.records()))).toEqual(sorted(await shownBy(eu)))

test('[E5] a stock provider sees every record of a running region, whichever region wrote it', async () => {
  using reader = new RoomReader(eu.url, COLLECTION, SHARDS)
  await reader.synced()
  expect(reader.records().size).toBe(2997)
  await expectSame(reader)
})

test('[E6] it follows puts, edits and deletes that another region takes', async () => {
  using reader = new RoomReader(eu.url, COLLECTION, SHARDS)
  await reader.synced()
  await upsert(us, 3000, 3200)
  await us.client.setPayload(COLLECTION, { edited: 'live' }, { points: [3000, 20] })
  await us.client.delete(COLLECTION, { points: [3001, 21] })
  await until('the provider follows', () => {
    const records = reader.records()
    return records.get(20)?.payload.edited === 'live' && records.has(3199) && !records.has(3001) && !records.has(21)
  })
  expect(await cluster.agreed(COLLECTION)).toMatchObject({ count: reader.records().size })
  await expectSame(reader)
})

test('[E7] what it writes is refused: no region changes, no other reader sees it, and it goes on following', async () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  using reader = new RoomReader(eu.url, COLLECTION, SHARDS)
  await reader.synced()
  const before = await cluster.agreed(COLLECTION)
  const vectors = reader.docs.map((doc) => Y.encodeStateVector(doc))
  const { replica } = await eu.client.cluster()
  for (const doc of reader.docs) {
    doc.getArray(`lane:${replica}`).push([new Uint8Array([1, 2, 3])])
    doc.getArray(`lane:${replica}`).delete(0, 1)
    doc.getMap('mine').set('a', 1)
  }
  await until('the provider is told', () => warned.mock.calls.some((call) => String(call).includes('ermission denied')))
  warned.mockRestore()

  using fresh = new RoomReader(eu.url, COLLECTION, SHARDS)
  await fresh.synced()
  expect(fresh.docs.map((doc) => Y.encodeStateVector(doc))).toEqual(vectors)
  expect(await cluster.agreed(COLLECTION)).toEqual(before)
  await expectSame(fresh)

  await upsert(us, 4000, 4050)
  await until('the other reader follows', () => fresh.records().has(4049))
  // Its own copy of the region's lane is what it made of it; the lane that it left alone goes on.
  const laneOf = (reader: RoomReader, lane: string): number[] => reader.docs.map((doc) => doc.getArray(lane).length)
  const lane = `lane:${(await us.client.cluster()).replica}`
  await until('the writer follows all the same', () => `${laneOf(reader, lane)}` === `${laneOf(fresh, lane)}`)
  expect(reader.isConnected).toBe(true)
})
