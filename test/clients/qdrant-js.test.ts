import { QdrantClient } from '@qdrant/js-client-rest'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { until } from '../e2e/kit/until.js'
import { openRegions, type Regions } from './kit/regions.js'

/**
 * Every method of the official client, and what is asserted of it. `served`: it answers, and the answer is checked field by
 * field below. Otherwise the status and a part of the sentence that the region refuses with.
 */
const METHODS: Readonly<Record<string, 'served' | readonly [status: number, text: string]>> = {
  api: 'served',
  versionInfo: 'served',
  getCollections: 'served',
  collectionExists: 'served',
  createCollection: 'served',
  recreateCollection: 'served',
  getCollection: 'served',
  updateCollection: 'served',
  deleteCollection: 'served',
  collectionClusterInfo: 'served',
  getOptimizations: 'served',
  updateCollectionAliases: 'served',
  getCollectionAliases: 'served',
  getAliases: 'served',
  createPayloadIndex: 'served',
  deletePayloadIndex: 'served',
  upsert: 'served',
  retrieve: 'served',
  scroll: 'served',
  count: 'served',
  delete: 'served',
  updateVectors: 'served',
  deleteVectors: 'served',
  setPayload: 'served',
  overwritePayload: 'served',
  deletePayload: 'served',
  clearPayload: 'served',
  batchUpdate: 'served',
  query: 'served',
  queryBatch: 'served',
  queryGroups: 'served',
  facet: 'served',
  searchMatrixPairs: 'served',
  searchMatrixOffsets: 'served',
  search: 'served',
  searchBatch: 'served',
  searchPointGroups: 'served',
  recommend: 'served',
  recommend_batch: 'served',
  recommendBatch: 'served',
  recommendPointGroups: 'served',
  discoverPoints: 'served',
  discoverBatchPoints: 'served',
  createVectorName: 'served',
  deleteVectorName: 'served',
  updateCollectionCluster: [400, 'see GET /meridian/cluster'],
  clusterTelemetry: [400, 'see GET /meridian/cluster'],
  listShardKeys: [400, 'shard keys are not supported'],
  createShardKey: [400, 'shard keys are not supported'],
  deleteShardKey: [400, 'shard keys are not supported'],
  listSnapshots: 'served',
  createSnapshot: 'served',
  deleteSnapshot: 'served',
  recoverSnapshot: 'served',
  listFullSnapshots: 'served',
  createFullSnapshot: 'served',
  deleteFullSnapshot: 'served',
  listShardSnapshots: [400, 'snapshots of single shards are not supported'],
  createShardSnapshot: [400, 'snapshots of single shards are not supported'],
  deleteShardSnapshot: [400, 'snapshots of single shards are not supported'],
  recoverShardFromSnapshot: [400, 'snapshots of single shards are not supported'],
}

/** How the refused ones are called. */
const REFUSED: Readonly<Record<string, (client: QdrantClient) => Promise<unknown>>> = {
  updateCollectionCluster: (client) =>
    client.updateCollectionCluster('c', { move_shard: { shard_id: 0, to_peer_id: 1, from_peer_id: 2 } }),
  clusterTelemetry: (client) => client.clusterTelemetry(),
  listShardKeys: (client) => client.listShardKeys('c'),
  createShardKey: (client) => client.createShardKey('c', { shard_key: 'k' }),
  deleteShardKey: (client) => client.deleteShardKey('c', { shard_key: 'k' }),
  listShardSnapshots: (client) => client.listShardSnapshots('c', 0),
  createShardSnapshot: (client) => client.createShardSnapshot('c', 0, {}),
  deleteShardSnapshot: (client) => client.deleteShardSnapshot('c', 0, 's', {}),
  recoverShardFromSnapshot: (client) => client.recoverShardFromSnapshot('c', 0, { location: 'file:///s' }),
}

const method = (name: string) => Object.getOwnPropertyDescriptor(QdrantClient.prototype, name)?.value as unknown
const names = Object.getOwnPropertyNames(QdrantClient.prototype).filter((name) => name !== 'constructor')

/** Six points on a line, two cities, so that every score below can be computed by hand. */
const POINTS = [1, 2, 3, 4, 5, 6].map((id) => ({
  id,
  vector: [id, 1],
  payload: { n: id, city: id <= 4 ? 'Oslo' : 'Rome' },
}))
const ids = (points: readonly { id: unknown }[]): unknown[] => points.map(({ id }) => id)
const scored = (points: readonly { id: unknown; score: number }[]) => points.map(({ id, score }) => [id, score])
const ROME = { must: [{ key: 'city', match: { value: 'Rome' } }] }

for (const count of [1, 3])
  describe(`the official client, each request to the next of ${count} regions`, () => {
    let regions: Regions
    let client: QdrantClient
    const used = new Set<string>()

    beforeAll(async () => {
      regions = await openRegions(count)
      client = watched(regions.url)
    })
    const watched = (url: string): QdrantClient =>
      new Proxy(new QdrantClient({ url, checkCompatibility: false }), {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name)
          if (typeof name === 'string' && method(name) !== undefined) used.add(name)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
    afterAll(() => regions[Symbol.asyncDispose]())
    beforeEach(async () => {
      await client.deleteCollection('c')
      await client.createCollection('c', { vectors: { size: 2, distance: 'Dot' } })
      await client.upsert('c', { points: POINTS })
    })
    const payloadOf = async (id: number) => (await client.retrieve('c', { ids: [id] }))[0]?.payload

    test('[CX1] makes, lists, changes, remakes and drops collections', async () => {
      expect(await client.createCollection('d', { vectors: { a: { size: 3, distance: 'Cosine' } } })).toBe(true)
      expect(ids((await client.getCollections()).collections.map(({ name }) => ({ id: name })))).toEqual(['c', 'd'])
      await expect(
        client.createCollection('d', { vectors: { a: { size: 3, distance: 'Cosine' } } }),
      ).rejects.toMatchObject({ status: 409 })
      expect(await client.collectionExists('d')).toEqual({ exists: true })
      expect(await client.updateCollection('d', { optimizers_config: { indexing_threshold: 7 } })).toBe(true)
      expect((await client.getCollection('d')).config).toMatchObject({
        params: { vectors: { a: { size: 3, distance: 'Cosine' } } },
        optimizer_config: { indexing_threshold: 7 },
      })
      expect(await client.recreateCollection('d', { vectors: { size: 5, distance: 'Dot' } })).toBe(true)
      expect((await client.getCollection('d')).config.params.vectors).toMatchObject({ size: 5, distance: 'Dot' })
      const { shard_count, local_shards } = await client.collectionClusterInfo('c')
      expect(local_shards).toHaveLength(shard_count)
      expect(local_shards.reduce((sum, { points_count }) => sum + points_count, 0)).toBe(POINTS.length)
      expect(await client.getOptimizations('c')).toMatchObject({ running: [], summary: { queued_points: 0 } })
      expect(await client.deleteCollection('d')).toBe(true)
      expect(await client.deleteCollection('d')).toBe(false)
      await expect(client.getCollection('d')).rejects.toMatchObject({ status: 404 })
    })

    test('[CX1] moves aliases and works through them', async () => {
      const create = [{ create_alias: { collection_name: 'c', alias_name: 'live' } }]
      expect(await client.updateCollectionAliases({ actions: create })).toBe(true)
      const aliases = [{ alias_name: 'live', collection_name: 'c' }]
      expect(await client.getAliases()).toEqual({ aliases })
      expect(await client.getCollectionAliases('c')).toEqual({ aliases })
      expect((await client.count('live')).count).toBe(POINTS.length)
      await client.updateCollectionAliases({ actions: [{ delete_alias: { alias_name: 'live' } }] })
      expect(await client.getAliases()).toEqual({ aliases: [] })
    })

    test('[CX1] adds and drops vectors', async () => {
      const added = await client.createVectorName('c', 'x', { dense: { size: 1, distance: 'Dot' } }, { wait: true })
      expect(added).toMatchObject({ status: 'completed' })
      await client.updateVectors('c', { points: [{ id: 2, vector: { x: [3] } }] })
      expect(scored((await client.query('c', { using: 'x', query: [2] })).points)).toEqual([[2, 6]])
      await client.deleteVectorName('c', 'x', { wait: true })
      await client.createVectorName('c', 'x', { sparse: {} })
      expect((await client.retrieve('c', { ids: [2], with_vector: true }))[0]!.vector).toEqual([2, 1])
    })

    test('[CX1] declares and drops payload indexes', async () => {
      expect(
        await client.createPayloadIndex('c', { field_name: 'n', field_schema: 'integer', wait: true }),
      ).toMatchObject({ status: 'completed' })
      expect((await client.getCollection('c')).payload_schema).toEqual({
        n: { data_type: 'integer', points: POINTS.length },
      })
      expect(await client.deletePayloadIndex('c', 'n')).toMatchObject({ operation_id: expect.any(Number) })
      expect((await client.getCollection('c')).payload_schema).toEqual({})
    })

    test('[CX1] reads points: retrieve, scroll, count', async () => {
      expect(await client.retrieve('c', { ids: [2, 9, 5], with_vector: true })).toMatchObject([
        { id: 2, vector: [2, 1], payload: { n: 2, city: 'Oslo' } },
        { id: 5, vector: [5, 1], payload: { n: 5, city: 'Rome' } },
      ])
      const first = await client.scroll('c', { limit: 4 })
      expect([ids(first.points), first.next_page_offset]).toEqual([[1, 2, 3, 4], 5])
      const second = await client.scroll('c', { limit: 4, offset: 5 })
      expect([ids(second.points), second.next_page_offset]).toEqual([[5, 6], null])
      const ordered = await client.scroll('c', { order_by: { key: 'n', direction: 'desc' }, limit: 2 })
      expect(ids(ordered.points)).toEqual([6, 5])
      expect(await client.count('c', { filter: ROME, exact: true })).toEqual({ count: 2 })
    })

    test('[CX1] edits vectors and payloads, by id and by filter', async () => {
      await client.updateVectors('c', { points: [{ id: 1, vector: [50, 1] }] })
      expect(scored((await client.query('c', { query: [1, 0], limit: 1 })).points)).toEqual([[1, 50]])
      await client.deleteVectors('c', { points: [1], vector: [''] })
      expect(ids((await client.query('c', { query: [1, 0] })).points)).toEqual([6, 5, 4, 3, 2])
      await client.setPayload('c', { payload: { warm: true }, filter: ROME })
      await client.overwritePayload('c', { payload: { only: 1 }, points: [2] })
      await client.deletePayload('c', { keys: ['city'], points: [3] })
      await client.clearPayload('c', { points: [4] })
      expect(await Promise.all([2, 3, 4, 5, 6].map(payloadOf))).toEqual([
        { only: 1 },
        { n: 3 },
        {},
        { n: 5, city: 'Rome', warm: true },
        { n: 6, city: 'Rome', warm: true },
      ])
      expect(await client.delete('c', { filter: ROME })).toMatchObject({ operation_id: expect.any(Number) })
      await client.delete('c', { points: [1], wait: true })
      expect(ids((await client.scroll('c')).points)).toEqual([2, 3, 4])
      const done = await client.batchUpdate('c', {
        operations: [
          { upsert: { points: [{ id: 8, vector: [8, 1] }] } },
          { set_payload: { payload: { n: 8 }, points: [8] } },
          { delete: { points: [2] } },
        ],
      })
      expect(done.map(({ status }) => status)).toEqual(['completed', 'completed', 'completed'])
      expect([await payloadOf(8), await payloadOf(2)]).toEqual([{ n: 8 }, undefined])
    })

    test('[CX1] queries: nearest, by id, by parts, in batches, in groups, with fusion and formula', async () => {
      const { points } = await client.query('c', { query: [1, 0], limit: 2, with_payload: ['n'], filter: ROME })
      expect(points).toMatchObject([
        { id: 6, score: 6, payload: { n: 6 } },
        { id: 5, score: 5, payload: { n: 5 } },
      ])
      expect(scored((await client.query('c', { query: 6, limit: 1 })).points)).toEqual([[5, 31]])
      const fused = await client.query('c', {
        prefetch: [
          { query: [1, 0], limit: 2 },
          { query: [-1, 0], limit: 2 },
        ],
        query: { fusion: 'rrf' },
      })
      expect(ids(fused.points)).toEqual([1, 6, 2, 5])
      const byFormula = await client.query('c', { prefetch: { query: [1, 0], limit: 3 }, query: { formula: 'n' } })
      expect(scored(byFormula.points)).toEqual([
        [6, 6],
        [5, 5],
        [4, 4],
      ])
      const batch = await client.queryBatch('c', { searches: [{ query: [1, 0], limit: 1 }, { limit: 2 }] })
      expect(batch.map((each) => ids(each.points))).toEqual([[6], [1, 2]])
      const { groups } = await client.queryGroups('c', { query: [1, 0], group_by: 'city', group_size: 2 })
      expect(groups.map(({ id, hits }) => [id, ids(hits)])).toEqual([
        ['Rome', [6, 5]],
        ['Oslo', [4, 3]],
      ])
    })

    test('[CX1] stores and finds sparse vectors and multivectors', async () => {
      await client.recreateCollection('s', {
        vectors: { many: { size: 2, distance: 'Dot', multivector_config: { comparator: 'max_sim' } } },
        sparse_vectors: { words: {} },
      })
      const points = [1, 2].map((id) => ({
        id,
        vector: {
          many: [
            [id, 0],
            [0, 1],
          ],
          words: { indices: [id, 7], values: [1, 0.5 * id] },
        },
      }))
      await client.upsert('s', { points })
      expect((await client.retrieve('s', { ids: [2], with_vector: true }))[0]?.vector).toEqual(points[1]!.vector)
      const words = await client.query('s', { query: { indices: [7], values: [2] }, using: 'words' })
      expect(scored(words.points)).toEqual([
        [2, 2],
        [1, 1],
      ])
      const many = await client.query('s', {
        query: [
          [1, 0],
          [0, 1],
        ],
        using: 'many',
      })
      expect(scored(many.points)).toEqual([
        [2, 3],
        [1, 2],
      ])
      await client.deleteCollection('s')
    })

    test('[CX1] counts values and measures distances between points', async () => {
      expect(await client.facet('c', { key: 'city' })).toEqual({
        hits: [
          { value: 'Oslo', count: 4 },
          { value: 'Rome', count: 2 },
        ],
      })
      const { pairs } = await client.searchMatrixPairs('c', { filter: ROME, sample: 2, limit: 1 })
      expect(pairs).toEqual([
        { a: 5, b: 6, score: 31 },
        { a: 6, b: 5, score: 31 },
      ])
      const offsets = await client.searchMatrixOffsets('c', { filter: ROME, sample: 2, limit: 1 })
      expect(offsets).toMatchObject({ ids: [5, 6], scores: [31, 31] })
    })

    test('[CX1] answers the older searches', async () => {
      const vector = [1, 0]
      expect(scored(await client.search('c', { vector, limit: 2 }))).toEqual([
        [6, 6],
        [5, 5],
      ])
      const searches = await client.searchBatch('c', { searches: [{ vector, limit: 1, filter: ROME }] })
      expect(searches.map(ids)).toEqual([[6]])
      const grouped = await client.searchPointGroups('c', { vector, group_by: 'city', group_size: 1, limit: 5 })
      expect(grouped.groups.map(({ id, hits }) => [id, ids(hits)])).toEqual([
        ['Rome', [6]],
        ['Oslo', [4]],
      ])
      const positive = [1, 2]
      expect(ids(await client.recommend('c', { positive, limit: 2 }))).toEqual([6, 5])
      const searchesOf = { searches: [{ positive, limit: 1 }] }
      expect((await client.recommendBatch('c', searchesOf)).map(ids)).toEqual([[6]])
      expect((await client.recommend_batch('c', searchesOf)).map(ids)).toEqual([[6]])
      const recommended = await client.recommendPointGroups('c', {
        positive,
        group_by: 'city',
        group_size: 1,
        limit: 1,
      })
      expect(recommended.groups.map(({ id, hits }) => [id, ids(hits)])).toEqual([['Rome', [6]]])
      const discovery = { target: [1, 0], context: [{ positive: 5, negative: 2 }], limit: 2 }
      expect(ids(await client.discoverPoints('c', discovery))).toEqual([6, 4])
      expect((await client.discoverBatchPoints('c', { searches: [discovery] })).map(ids)).toEqual([[6, 4]])
    })

    test('[CX6] takes, lists, restores and deletes snapshots, which are files of one region', async () => {
      const one = watched(regions.servers[0]!.url)
      const seen = (name: string) => until(`${name} is there`, async () => (await one.collectionExists(name)).exists)
      await seen('c')
      await one.upsert('c', { points: POINTS })
      const made = (await one.createSnapshot('c'))!
      expect(made).toMatchObject({ checksum: expect.stringMatching(/^[0-9a-f]{64}$/), size: expect.any(Number) })
      expect(await one.listSnapshots('c')).toEqual([made])
      await one.delete('c', { points: [1, 2] })
      const location = `file:///${made.name}`
      expect(await one.recoverSnapshot('c', { location, priority: 'snapshot', checksum: made.checksum! })).toBe(true)
      await until('every region has it back', async () => {
        const counts = await Promise.all(regions.servers.map(({ url }) => watched(url).count('c')))
        return counts.every((each) => each.count === POINTS.length)
      })
      expect(await one.deleteSnapshot('c', made.name)).toBe(true)
      expect(await one.listSnapshots('c')).toEqual([])
      const full = (await one.createFullSnapshot())!
      expect(await one.listFullSnapshots()).toEqual([full])
      expect(await one.deleteFullSnapshot(full.name)).toBe(true)
      expect(await one.listFullSnapshots()).toEqual([])
      const refused = one.recoverSnapshot('c', { location: 'http://127.0.0.1/x' })
      await expect(refused).rejects.toMatchObject({ status: 400 })
    })

    test('[CX1] asks who is there, and reaches what has no method of its own', async () => {
      expect(await client.versionInfo()).toMatchObject({ version: expect.stringMatching(/^1\.18\./) })
      const point = await client.api().getPoint({ collection_name: 'c', id: 3 })
      expect(point.data.result).toMatchObject({ id: 3, vector: [3, 1], payload: { n: 3 } })
      expect((await client.api().clusterStatus({})).data.result).toMatchObject({ status: 'disabled' })
      expect((await client.api().telemetry({})).data.result).toMatchObject({ app: { name: 'meridian' } })
    })

    test('[CX2] the version check is silent', async () => {
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
      const checked = new QdrantClient({ url: regions.url, checkCompatibility: true })
      await checked.versionInfo()
      await checked.getCollections()
      expect(warn.mock.calls).toEqual([])
      warn.mockRestore()
    })

    for (const [name, outcome] of Object.entries(METHODS))
      if (outcome !== 'served')
        test(`[CX3] ${name} is refused with ${outcome[0]}`, async () => {
          const refused = await REFUSED[name]!(client).catch((error: unknown) => error)
          expect(refused).toMatchObject({ status: outcome[0] })
          expect((refused as { data: { status: { error: string } } }).data.status.error).toContain(outcome[1])
        })

    test('[CX3] every method of the client has been called, and every region has answered', () => {
      expect([...used].sort()).toEqual([...names].sort())
      if (count > 1) expect(Math.min(...regions.answered)).toBeGreaterThan(20)
    })
  })

test('[CX3] the table names every method of the client and no other', () => {
  expect(Object.keys(METHODS).sort()).toEqual([...names].sort())
  const refused = Object.keys(METHODS).filter((name) => METHODS[name] !== 'served')
  expect(Object.keys(REFUSED).sort()).toEqual(refused.sort())
})
