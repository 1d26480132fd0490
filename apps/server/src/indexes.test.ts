import { expect, test } from 'vitest'
import { openKit } from './testing/region-kit.js'

const VECTORS = { size: 2, distance: 'Dot' }

test('[HT48] an index of every type, by name or as an object, is shown with the points that have a value of it', async () => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', { vectors: VECTORS })
  const payloads = [
    { k: 'a', n: 1, f: 1.5, g: { lon: 1, lat: 2 }, t: 'some text', b: true, d: '2024-01-02T03:04:05Z' },
    { k: ['a', 1], n: [1.5], f: 2, g: 'no', b: 'no', d: 'no', u: '936da01f-9abd-4d9d-80c7-02af85c822a8' },
    { sub: { k: 'x' }, list: [{ k: 'y' }, { k: 1 }] },
  ]
  const points = payloads.map((payload, i) => ({ id: i + 1, vector: [1, i], payload }))
  await kit.ok('PUT', '/collections/c/points', { points })
  const text = {
    type: 'text',
    tokenizer: 'word',
    min_token_len: 2,
    max_token_len: 20,
    lowercase: true,
    phrase_matching: true,
    stopwords: { languages: ['english'], custom: ['foo'] },
    stemmer: { type: 'snowball', language: 'english' },
    on_disk: true,
  }
  const fields: [string, unknown, number][] = [
    ['k', 'keyword', 2],
    ['n', { type: 'integer', lookup: true, range: false }, 1],
    ['f', 'float', 2],
    ['g', { type: 'geo' }, 1],
    ['t', text, 1],
    ['b', 'bool', 1],
    ['d', { type: 'datetime', is_principal: true }, 1],
    ['u', { type: 'uuid', is_tenant: true, enable_hnsw: false }, 1],
    ['sub.k', 'keyword', 1],
    ['list[].k', 'keyword', 1],
    ['missing', 'keyword', 0],
  ]
  for (const [field_name, field_schema] of fields)
    expect(await kit.ok('PUT', '/collections/c/index?wait=true', { field_name, field_schema })).toEqual({
      operation_id: expect.any(Number),
      status: 'completed',
    })
  const { payload_schema } = await kit.ok('GET', '/collections/c')
  expect(payload_schema).toEqual(
    Object.fromEntries(
      fields.map(([name, schema, count]) => [
        name,
        typeof schema === 'string'
          ? { data_type: schema, points: count }
          : { data_type: (schema as { type: string }).type, params: schema, points: count },
      ]),
    ),
  )
})

test('[HT48] the count follows every change, and a dropped index is gone', async () => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', { vectors: VECTORS })
  await kit.ok('PUT', '/collections/c/index', { field_name: 'k', field_schema: 'keyword' })
  const count = async () => (await kit.ok('GET', '/collections/c')).payload_schema.k.points
  expect(await count()).toBe(0)
  const points = [1, 2, 3].map((id) => ({ id, vector: [1, 1], payload: { k: 'x' } }))
  await kit.ok('PUT', '/collections/c/points', { points })
  expect(await count()).toBe(3)
  await kit.ok('POST', '/collections/c/points/payload', { payload: { k: 7 }, points: [1] })
  await kit.ok('POST', '/collections/c/points/delete', { points: [2] })
  expect(await count()).toBe(1)
  await kit.ok('POST', '/collections/c/points/payload/delete', { keys: ['k'], points: [3] })
  expect(await count()).toBe(0)
  expect(await kit.ok('DELETE', '/collections/c/index/k')).toMatchObject({ status: 'acknowledged' })
  expect(await kit.ok('DELETE', '/collections/c/index/k')).toMatchObject({ status: 'acknowledged' })
  expect((await kit.ok('GET', '/collections/c')).payload_schema).toEqual({})
})

test.each([
  [{ field_schema: 'keyword' }, 400, 'missing field `field_name`'],
  [{ field_name: 'a..b', field_schema: 'keyword' }, 400, 'field_name: "a..b" is not a payload path'],
  [{ field_name: 'a' }, 400, 'field_schema: missing; send one of keyword'],
  [{ field_name: 'a', field_schema: 'words' }, 400, 'field_schema: unknown variant `words`, expected one of keyword'],
  [{ field_name: 'a', field_schema: { type: 'text', tokenizer: 'x' } }, 400, 'field_schema.tokenizer: unknown variant'],
  [{ field_name: 'a', field_schema: { type: 'integer', lookup: false, range: false } }, 422, 'cannot both be off'],
  [
    { field_name: 'a', field_schema: { type: 'bool', on_disk: 1 } },
    400,
    'field_schema.on_disk: expected true or false',
  ],
] as const)('[HT48] an index that makes no sense is refused: %j', async (body, status, sentence) => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', { vectors: VECTORS })
  const reply = await kit.send('PUT', '/collections/c/index', body)
  expect(reply.json.status.error).toContain(sentence)
  expect(reply.status).toBe(status)
})

test('[HT49] a change of a collection merges with what was set before, and shows', async () => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', {
    vectors: VECTORS,
    hnsw_config: { m: 16, full_scan_threshold: 20 },
    quantization_config: { scalar: { type: 'int8', quantile: 0.9 } },
    on_disk_payload: false,
    optimizers_config: { flush_interval_sec: 9 },
    metadata: { owner: 'x', keep: [1] },
  })
  const config = async () => (await kit.ok('GET', '/collections/c')).config
  expect(await config()).toMatchObject({
    hnsw_config: { m: 16, ef_construct: 100, full_scan_threshold: 20 },
    quantization_config: { scalar: { type: 'int8', quantile: 0.9 } },
    params: { on_disk_payload: false },
    optimizer_config: { flush_interval_sec: 9, default_segment_number: 0 },
    metadata: { owner: 'x', keep: [1] },
  })
  expect(
    await kit.ok('PATCH', '/collections/c', {
      vectors: { '': { on_disk: true, hnsw_config: { ef_construct: 50 }, quantization_config: { binary: {} } } },
      hnsw_config: { ef_construct: 300, m: null },
      optimizers_config: { indexing_threshold: 5, max_optimization_threads: 'auto' },
      params: { replication_factor: 2 },
      metadata: { owner: 'y' },
    }),
  ).toBe(true)
  await kit.ok('PATCH', '/collections/c', { quantization_config: 'Disabled' })
  expect(await config()).toMatchObject({
    hnsw_config: { m: 16, ef_construct: 300, full_scan_threshold: 20 },
    quantization_config: null,
    params: {
      on_disk_payload: false,
      replication_factor: 2,
      vectors: { ...VECTORS, on_disk: true, hnsw_config: { ef_construct: 50 }, quantization_config: { binary: {} } },
    },
    optimizer_config: { flush_interval_sec: 9, indexing_threshold: 5, max_optimization_threads: null },
    metadata: { owner: 'y', keep: [1] },
  })
  await kit.ok('PATCH', '/collections/c', { metadata: { owner: null } })
  expect((await config()).metadata).toEqual({ keep: [1] })
  await kit.ok('PATCH', '/collections/c', { metadata: {} })
  expect(await config()).not.toHaveProperty('metadata')
  expect(await kit.ok('PATCH', '/collections/c', {})).toBe(true)
})

test.each([
  [{ vectors: { nope: { on_disk: true } } }, 400, 'Wrong input: Not existing vector name error: nope'],
  [{ vectors: { size: 5, distance: 'Dot' } }, 400, 'vectors: size and distance cannot be changed'],
  [{ hnsw_config: { ef_construct: 3 } }, 422, '[hnsw_config.ef_construct: value 3 invalid'],
  [{ optimizers_config: { deleted_threshold: 2 } }, 422, '[optimizers_config.deleted_threshold: value 2 invalid'],
  [{ quantization_config: { scalar: {}, binary: {} } }, 400, 'quantization_config: send exactly one of'],
  [{ quantization_config: { scalar: {} } }, 400, 'quantization_config.scalar.type: send "int8"'],
  [{ quantization_config: { scalar: { type: 'int4' } } }, 400, 'quantization_config.scalar.type: send "int8"'],
  [
    { quantization_config: { scalar: { type: 'int8', quantile: 0.4 } } },
    422,
    '[quantization_config.scalar.quantile: value 0.4 invalid, must be from 0.5 to 1.0',
  ],
  [
    { vectors: { '': { quantization_config: { scalar: { type: 'int8', always_ram: 1 } } } } },
    400,
    'vectors..quantization_config.scalar.always_ram: expected true or false',
  ],
  [
    { quantization_config: { scalar: { type: 'int8', bits: 4 } } },
    400,
    'quantization_config.scalar: unknown field `bits`',
  ],
  [{ params: { on_disk_payload: 1 } }, 400, 'params.on_disk_payload: expected true or false'],
  [{ sparse_vectors: { t: {} } }, 400, 'Wrong input: Not existing vector name error: t'],
  [{ strict_mode_config: { max_limit: 1 } }, 400, 'strict_mode_config: unknown field `max_limit`'],
] as const)('[HT49] a change that cannot be honoured is refused: %j', async (body, status, sentence) => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', { vectors: VECTORS })
  const before = await kit.ok('GET', '/collections/c')
  const reply = await kit.send('PATCH', '/collections/c', body)
  expect(reply.json.status.error).toContain(sentence)
  expect(reply.status).toBe(status)
  expect(await kit.ok('GET', '/collections/c')).toEqual(before)
})
