import { expect, test } from 'vitest'
import { openKit } from './testing/region-kit.js'

const VECTORS = { size: 4, distance: 'Cosine' }

test('[HT40] a collection is made, listed, shown and dropped', async () => {
  await using kit = await openKit()
  expect(await kit.ok('GET', '/collections')).toEqual({ collections: [] })
  expect(await kit.ok('PUT', '/collections/c?timeout=60', { vectors: VECTORS, shard_number: 2 })).toBe(true)
  expect(await kit.ok('GET', '/collections')).toEqual({ collections: [{ name: 'c' }] })
  expect(await kit.ok('GET', '/collections/c/exists')).toEqual({ exists: true })
  expect(await kit.ok('GET', '/collections/c/aliases')).toEqual({ aliases: [] })
  const info = await kit.ok('GET', '/collections/c')
  expect(info).toMatchObject({
    status: 'green',
    optimizer_status: 'ok',
    points_count: 0,
    indexed_vectors_count: 0,
    segments_count: 2,
    payload_schema: {},
    config: {
      params: { vectors: VECTORS, shard_number: 2 },
      hnsw_config: { m: 24, ef_construct: 100 },
      quantization_config: null,
    },
  })
  const cluster = await kit.ok('GET', '/collections/c/cluster')
  expect(cluster).toMatchObject({ shard_count: 2, local_shards: [{ shard_id: 0 }, { shard_id: 1 }], remote_shards: [] })
  expect(await kit.ok('DELETE', '/collections/c')).toBe(true)
  expect(await kit.ok('DELETE', '/collections/c')).toBe(false)
  expect(await kit.ok('GET', '/collections/c/exists')).toEqual({ exists: false })
})

test('[HT41] named vectors and graph parameters are echoed; what only tunes storage is accepted', async () => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', {
    vectors: {
      a: { size: 3, distance: 'Dot', on_disk: true, datatype: 'float32' },
      b: { size: 2, distance: 'Manhattan', hnsw_config: { m: 8 } },
    },
    hnsw_config: { m: 16, ef_construct: 200, full_scan_threshold: 10 },
    optimizers_config: { default_segment_number: 2 },
    wal_config: { wal_capacity_mb: 1 },
    replication_factor: 2,
    write_consistency_factor: 1,
    on_disk_payload: true,
  })
  const { config } = await kit.ok('GET', '/collections/c')
  expect(config.hnsw_config).toMatchObject({ m: 16, ef_construct: 200 })
  expect(config.params.vectors).toEqual({
    a: { size: 3, distance: 'Dot', on_disk: true },
    b: { size: 2, distance: 'Manhattan', hnsw_config: { m: 8, ef_construct: 200 } },
  })
})

test.each([
  [{}, 400, 'Bad request: vectors: missing'],
  [{ vectors: { size: 4 } }, 400, 'missing field `distance`'],
  [{ vectors: { size: 4, distance: 'cosine' } }, 400, 'Format error in JSON body: vectors.distance: unknown variant'],
  [
    { vectors: { size: 0, distance: 'Dot' } },
    422,
    'Validation error in JSON body: [vectors.size: value 0 invalid, must be from 1 to 65536]',
  ],
  [{ vectors: { size: 'four', distance: 'Dot' } }, 400, 'vectors.size: expected a number, got a string'],
  [{ vectors: { size: 4.5, distance: 'Dot' } }, 400, 'expected an integer'],
  [{ vectors: VECTORS, shard_number: 0 }, 422, '[shard_number:'],
  [{ vectors: VECTORS, hnsw_config: { m: 1000 } }, 422, '[hnsw_config.m:'],
  [{ vectors: VECTORS, sparse_vectors: { t: { modifier: 'bm25' } } }, 400, 'expected one of none, idf'],
  [{ vectors: { ...VECTORS, multivector_config: { comparator: 'mean' } } }, 400, 'expected max_sim'],
  [{ vectors: { ...VECTORS, datatype: 'turbo4' } }, 400, 'turbo4 is not supported; use float32, float16 or uint8'],
  [{ vectors: VECTORS, init_from: { collection: 'x' } }, 400, 'init_from'],
  [{ vectors: VECTORS, sharding_method: 'custom' }, 400, 'sharding_method'],
])('[HT42] a creation that cannot be honoured is refused: %j', async (body, status, sentence) => {
  await using kit = await openKit()
  const reply = await kit.send('PUT', '/collections/c', body)
  expect(reply).toMatchObject({ status })
  expect(reply.json.status.error).toContain(sentence)
  expect(await kit.ok('GET', '/collections')).toEqual({ collections: [] })
})

test.each(['a%2Fb', '..%2f', 'a%00', '%3Cx%3E', 'x'.repeat(256), 'a~b', 'a%3Ab'])(
  '[HT43] the name %s is refused',
  async (name) => {
    await using kit = await openKit()
    const reply = await kit.send('PUT', `/collections/${name}`, { vectors: VECTORS })
    expect(reply.status).toBe(422)
    expect(reply.json.status.error).toMatch(/^Validation error in JSON body: \[collection_name: /)
  },
)

test('[HT43] names of 255 bytes and of other scripts are fine', async () => {
  await using kit = await openKit()
  for (const name of ['x'.repeat(255), 'прoдукты', 'a b']) {
    await kit.ok('PUT', `/collections/${encodeURIComponent(name)}`, { vectors: VECTORS })
    expect(await kit.ok('GET', `/collections/${encodeURIComponent(name)}/exists`)).toEqual({ exists: true })
  }
})

test('[HT44] an existing one is 409, a missing one 404, in the words that clients look for', async () => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', { vectors: VECTORS })
  const again = await kit.send('PUT', '/collections/c', { vectors: VECTORS })
  expect(again.status).toBe(409)
  expect(again.json.status.error).toBe('Wrong input: Collection `c` already exists!')
  const missing = await kit.send('GET', '/collections/nope')
  expect(missing.status).toBe(404)
  expect(missing.json.status.error).toBe("Not found: Collection `nope` doesn't exist!")
  for (const path of ['points/1', 'cluster', 'aliases'])
    expect((await kit.send('GET', `/collections/nope/${path}`)).status).toBe(404)
  expect((await kit.send('PATCH', '/collections/nope', {})).status).toBe(404)
})
