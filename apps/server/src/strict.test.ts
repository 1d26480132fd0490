import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { memoryPercent } from './strict/sizes.js'
import { type Kit, openKit } from './testing/region-kit.js'

let kit: Kit
beforeAll(async () => {
  kit = await openKit()
})
afterAll(() => kit.server.close())

const C = '/collections/c'
const P = `${C}/points`
const VECTORS = { size: 2, distance: 'Dot' }
const ROWS = { dense: { size: 1, distance: 'Dot', multivector_config: { comparator: 'max_sim' } } }
const points = (...ids: number[]) => ids.map((id) => ({ id, vector: [id, 1], payload: { n: id, city: 'Oslo' } }))
beforeEach(async () => {
  await kit.ok('DELETE', C)
  await kit.ok('PUT', C, { vectors: VECTORS, sparse_vectors: { words: {} } })
  await kit.ok('PUT', `${C}/vectors/rows`, ROWS)
  await kit.ok('PUT', P, { points: points(1, 2, 3, 4) })
})
const strict = (config: object) => kit.ok('PATCH', C, { strict_mode_config: { enabled: true, ...config } })
const told = async (method: string, path: string, body?: unknown): Promise<[number, string | undefined]> => {
  const reply = await kit.send(method, path, body)
  return [reply.status, reply.json?.status?.error]
}
const taken = [200, undefined]
const city = { must: [{ key: 'city', match: { value: 'Oslo' } }] }

test('[SR1] strict mode is set at creation and changed field by field, shown as it is, and enforced only while it is enabled', async () => {
  const config = async () => (await kit.ok('GET', C)).config.strict_mode_config
  expect(await config()).toBeUndefined()
  await kit.ok('DELETE', C)
  await kit.ok('PUT', C, {
    vectors: VECTORS,
    strict_mode_config: { max_query_limit: 3, multivector_config: { rows: { max_vectors: 2 } } },
  })
  expect(await config()).toEqual({ max_query_limit: 3, multivector_config: { rows: { max_vectors: 2 } } })
  expect(await told('POST', `${P}/query`, { limit: 4 })).toEqual(taken)
  await kit.ok('PATCH', C, { strict_mode_config: { enabled: true, sparse_config: { words: { max_length: 9 } } } })
  expect(await config()).toEqual({
    enabled: true,
    max_query_limit: 3,
    multivector_config: { rows: { max_vectors: 2 } },
    sparse_config: { words: { max_length: 9 } },
  })
  expect(await told('POST', `${P}/query`, { limit: 4 })).toEqual([
    400,
    'Bad request: Limit exceeded 4 > 3 for "limit". Help: Reduce the "limit" parameter to or below 3.',
  ])
  await kit.ok('PATCH', C, { strict_mode_config: { max_query_limit: null } })
  expect((await config()).max_query_limit).toBe(3)
  await kit.ok('PATCH', C, { strict_mode_config: { enabled: false } })
  expect(await told('POST', `${P}/query`, { limit: 4 })).toEqual(taken)
})

test.each([
  [{ max_limit: 1 }, 400, 'strict_mode_config: unknown field `max_limit`'],
  [
    { multivector_config: { rows: { max: 1 } } },
    400,
    'strict_mode_config.multivector_config.rows: unknown field `max`',
  ],
  [{ enabled: 'yes' }, 400, 'strict_mode_config.enabled: expected true or false'],
  [{ max_query_limit: 0 }, 422, '[strict_mode_config.max_query_limit: value 0 invalid'],
  [{ max_resident_memory_percent: 101 }, 422, '[strict_mode_config.max_resident_memory_percent'],
  [7, 400, 'strict_mode_config: expected an object'],
] as const)('[SR1] a strict mode that is none is refused: %j', async (config, status, sentence) => {
  for (const [method, path] of [
    ['PATCH', C],
    ['PUT', '/collections/other'],
  ] as const) {
    const reply = await told(method, path, {
      ...(method === 'PUT' ? { vectors: VECTORS } : {}),
      strict_mode_config: config,
    })
    expect(reply[1]).toContain(sentence)
    expect(reply[0]).toBe(status)
  }
})

test('[SR2] limits hold for every kind of search, in its prefetches, groups, batches, and for lists', async () => {
  await strict({ max_query_limit: 3, search_max_batchsize: 2, max_timeout: 2 })
  const over: [string, string, unknown][] = [
    ['POST', `${P}/query`, {}],
    ['POST', `${P}/query`, { query: { fusion: 'rrf' }, prefetch: [{ query: [1, 1], limit: 4 }], limit: 1 }],
    ['POST', `${P}/query/groups`, { group_by: 'city', limit: 2, group_size: 2 }],
    ['POST', `${P}/search`, { vector: [1, 1], limit: 4 }],
    ['POST', `${P}/search`, { vector: [1, 1], top: 4 }],
    ['POST', `${P}/recommend`, { positive: [1], limit: 4 }],
    ['POST', `${P}/discover`, { target: 1, limit: 4 }],
    ['POST', `${P}/query/batch`, { searches: [{ limit: 1 }, { limit: 4 }] }],
    ['POST', `${P}/scroll`, {}],
    ['POST', `${C}/facet`, { key: 'city', limit: 4 }],
    ['POST', `${P}/search/matrix/pairs`, { sample: 2, limit: 2 }],
  ]
  for (const [method, path, body] of over) {
    const [status, error] = await told(method, path, body)
    expect([path, status, error]).toEqual([path, 400, expect.stringContaining('for "limit". Help: Reduce')])
  }
  expect(await told('POST', `${P}/query/batch`, { searches: [{ limit: 1 }, { limit: 1 }, { limit: 1 }] })).toEqual([
    400,
    'Bad request: Limit exceeded 3 > 2 for "search batch size". Help: Reduce the "search batch size" parameter to or below 2.',
  ])
  expect((await told('POST', `${P}/query?timeout=3`, { limit: 1 }))[1]).toContain('Limit exceeded 3 > 2 for "timeout"')
  expect(await told('POST', `${P}/query?timeout=2`, { limit: 3 })).toEqual(taken)
  expect(await told('POST', `${P}/query/batch`, { searches: [{ limit: 3 }, { limit: 1 }] })).toEqual(taken)
})

test('[SR3] a filter needs an index that answers it, where unindexed filters are not allowed', async () => {
  await strict({ unindexed_filtering_retrieve: false, unindexed_filtering_update: false })
  const required = (types: string, key = 'city') =>
    `Bad request: Index required but not found for "${key}" of one of the following types: [${types}]. Help: Create an index for this key or use a different filter.`
  const read = (filter: unknown) => told('POST', `${P}/scroll`, { filter })
  expect(await read(city)).toEqual([400, required('keyword')])
  expect(await read({ should: [{ must_not: [{ key: 'city', match: { any: ['Oslo'] } }] }] })).toEqual([
    400,
    required('keyword'),
  ])
  const uuid = { match: { value: '00000000-0000-4000-8000-000000000005' } }
  expect(await read({ must: [{ key: 'city', ...uuid }] })).toEqual([400, required('keyword, uuid')])
  expect(await read({ must: [{ key: 'n', range: { gt: 1 } }] })).toEqual([400, required('float, integer', 'n')])
  expect(await read({ must: [{ key: 'n', match: { value: 1 } }] })).toEqual([400, required('integer', 'n')])
  expect(await read({ must: [{ key: 'at', range: { gt: '2026-01-01T00:00:00Z' } }] })).toEqual([
    400,
    required('datetime', 'at'),
  ])
  const nested = { nested: { key: 'list', filter: { must: [{ key: 'x', match: { value: true } }] } } }
  expect(await read({ must: [nested] })).toEqual([400, required('bool', 'list[].x')])
  expect((await read({ must: [{ is_empty: { key: 'gone' } }] }))[1]).toContain('not found for "gone"')
  expect(await read({ must: [{ has_id: [1] }, { has_vector: 'rows' }] })).toEqual(taken)
  expect(await read({ must: [{ key: 'city', match: { any: [] } }] })).toEqual(taken)
  const writes: [string, string, unknown][] = [
    ['POST', `${P}/delete`, { filter: city }],
    ['POST', `${P}/payload`, { payload: { a: 1 }, filter: city }],
    ['POST', `${P}/payload/clear`, { filter: city }],
    ['POST', `${P}/vectors/delete`, { vector: ['rows'], filter: city }],
    ['PUT', P, { points: points(1), update_filter: city }],
    ['POST', `${P}/batch`, { operations: [{ delete: { filter: city } }] }],
  ]
  for (const [method, path, body] of writes)
    expect([path, ...(await told(method, path, body))]).toEqual([path, 400, required('keyword')])
  const formula = { prefetch: { query: [1, 1] }, query: { formula: { sum: ['$score', 'n'] }, defaults: { n: 0 } } }
  expect(await told('POST', `${P}/query`, formula)).toEqual([
    400,
    'Bad request: Index required but not found for "n" of one of the following types: [float, integer]. Help: Create an index for this key or use a different formula expression.',
  ])
  expect(await told('POST', `${P}/query/groups`, { group_by: 'n' })).toEqual([
    400,
    'Bad request: Index required but not found for "n". Help: Create an index supporting `match` for this key.',
  ])
  await kit.ok('PUT', `${C}/index?wait=true`, { field_name: 'city', field_schema: 'keyword' })
  await kit.ok('PUT', `${C}/index?wait=true`, {
    field_name: 'n',
    field_schema: { type: 'integer', lookup: false, range: true },
  })
  expect(await read(city)).toEqual(taken)
  expect(await read({ must: [{ key: 'n', range: { gt: 1 } }] })).toEqual(taken)
  expect(await read({ must: [{ key: 'n', match: { value: 1 } }] })).toEqual([400, required('integer', 'n')])
  expect(await told('POST', `${P}/query`, formula)).toEqual(taken)
  expect((await told('POST', `${P}/query/groups`, { group_by: 'n' }))[1]).toContain(
    'Index of type "integer" found for "n"',
  )
  expect(await told('POST', `${P}/query/groups`, { group_by: 'city' })).toEqual(taken)
  for (const [method, path, body] of writes.slice(1)) expect(await told(method, path, body)).toEqual(taken)
})

test('[SR4] sizes of filters, parameters of searches and exact counts are bounded', async () => {
  await strict({
    ...{ filter_max_conditions: 2, condition_max_size: 2, search_allow_exact: false, search_max_hnsw_ef: 50 },
    search_max_oversampling: 1.5,
  })
  const filter = (...must: unknown[]) => ({ limit: 1, query: [1, 1], filter: { must } })
  const one = { key: 'n', match: { value: 1 } }
  expect(await told('POST', `${P}/query`, filter(one, { should: [one, one] }))).toEqual([
    400,
    'Bad request: Filter condition limit reached (3 > 2). Help: Reduce the amount of conditions of your filter.',
  ])
  expect(await told('POST', `${P}/query`, filter({ key: 'n', match: { any: [1, 2, 3] } }))).toEqual([
    400,
    'Bad request: Condition size limit reached (3 > 2). Help: Reduce the size of your condition.',
  ])
  expect(await told('POST', `${P}/query`, filter(one, { key: 'n', match: { any: [1, 2] } }))).toEqual(taken)
  const asked = (params: unknown) => told('POST', `${P}/query`, { query: [1, 1], params })
  expect(await asked({ exact: true })).toEqual([400, 'Bad request: Exact search disabled!. Help: Set exact=false.'])
  expect((await asked({ hnsw_ef: 51 }))[1]).toContain('Limit exceeded 51 > 50 for "hnsw_ef"')
  expect((await asked({ quantization: { oversampling: 2 } }))[1]).toContain('Limit exceeded 2 > 1.5 for "oversampling"')
  expect(await asked({ exact: false, hnsw_ef: 50, quantization: { oversampling: 1.5 } })).toEqual(taken)
  expect((await told('POST', `${P}/count`, {}))[1]).toContain('Exact search disabled!')
  expect(await told('POST', `${P}/count`, { exact: false })).toEqual(taken)
})

test('[SR5] what a write brings, and what the collection holds by then, is bounded', async () => {
  await strict({
    upsert_max_batchsize: 2,
    multivector_config: { rows: { max_vectors: 2 } },
    sparse_config: { words: { max_length: 2 } },
  })
  const limit = (name: string) =>
    `Bad request: Limit exceeded 3 > 2 for "${name}". Help: Reduce the "${name}" parameter to or below 2.`
  const batch = {
    batch: {
      ids: [1, 2, 3],
      vectors: [
        [1, 1],
        [1, 1],
        [1, 1],
      ],
    },
  }
  expect(await told('PUT', P, { points: points(1, 2, 3) })).toEqual([400, limit('upsert limit')])
  expect(await told('PUT', P, batch)).toEqual([400, limit('upsert limit')])
  expect(await told('POST', `${P}/batch`, { operations: [{ upsert: batch }] })).toEqual([400, limit('upsert limit')])
  expect(await told('PUT', `${P}/vectors`, { points: [1, 2, 3].map((id) => ({ id, vector: [1, 1] })) })).toEqual([
    400,
    limit('update limit'),
  ])
  const rows = { rows: [[1], [2], [3]] }
  const words = { words: { indices: [1, 2, 3], values: [1, 2, 3] } }
  expect(await told('PUT', P, { points: [{ id: 1, vector: rows }] })).toEqual([
    400,
    "Bad request: Multivector 'rows' has a limit of 2 vectors, but 3 were provided!",
  ])
  expect(await told('PUT', `${P}/vectors`, { points: [{ id: 1, vector: words }] })).toEqual([
    400,
    "Bad request: Sparse vector 'words' has a limit of 2 indices, but 3 were provided!",
  ])
  expect((await told('PUT', P, { batch: { ids: [1], vectors: { rows: [rows.rows] } } }))[0]).toBe(400)
  expect(await told('PUT', P, { points: points(1, 2) })).toEqual(taken)
  await strict({ max_points_count: 4 })
  const full = [400, 'Bad request: Max points count limit of 4 reached!']
  expect(await told('PUT', P, { points: points(5) })).toEqual(full)
  expect(await told('POST', `${P}/delete`, { points: [4] })).toEqual(taken)
  expect(await told('PUT', P, { points: points(5) })).toEqual(taken)
  await strict({ max_points_count: 100, max_collection_vector_size_bytes: 32 })
  expect(await told('PUT', P, { points: points(6) })).toEqual([
    400,
    'Bad request: Max vector storage size limit of 0.000030517578125MB reached!',
  ])
  await strict({ max_collection_vector_size_bytes: 1000, max_collection_payload_size_bytes: 40 })
  const payload = [400, expect.stringMatching(/^Bad request: Max payload storage size limit of .*MB reached!$/)]
  expect(await told('PUT', P, { points: points(6) })).toEqual(payload)
  expect(await told('POST', `${P}/payload`, { payload: { a: 1 }, points: [1] })).toEqual(payload)
  expect(await told('POST', `${P}/payload/clear`, { points: [1] })).toEqual(taken)
  await strict({ max_collection_payload_size_bytes: 10_000, max_payload_index_count: 1 })
  const index = (field_name: string) => told('PUT', `${C}/index`, { field_name, field_schema: 'keyword' })
  expect(await index('a')).toEqual(taken)
  expect(await index('a')).toEqual(taken)
  expect(await index('b')).toEqual([
    400,
    'Bad request: Collection already has the maximum number of payload indices (1). Help: Please delete an existing index before creating a new one.',
  ])
  await strict({ max_resident_memory_percent: 1 })
  const scarce = await told('PUT', P, { points: points(7) })
  const isScarce = memoryPercent() >= 1
  if (isScarce) expect(scarce[1]).toContain('exceeding the configured limit of 1%')
  expect(await told('POST', `${P}/delete`, { points: [1] })).toEqual(taken)
})

test('[SR6] rates are bounded by what requests cost; the answer says when to come again', async () => {
  await strict({ read_rate_limit: 6, write_rate_limit: 6 })
  expect(await told('PUT', P, { points: points(1, 2, 3, 4, 5, 6, 7) })).toEqual([
    429,
    'Rate limiting exceeded: Write rate limit exceeded, request larger than rate limiter capacity, please try to split your request',
  ])
  expect(await told('PUT', P, { points: points(1, 2, 3, 4, 5) })).toEqual(taken)
  const soon = await kit.send('POST', `${P}/delete`, { filter: city })
  expect([soon.status, soon.headers.get('retry-after')]).toEqual([429, '9'])
  expect(soon.json.status.error).toMatch(
    /^Rate limiting exceeded: Write rate limit exceeded: Operation requires 5 tokens but only 1\.\d were available\. Retry after \d\ds$/,
  )
  expect(await told('POST', `${P}/query/batch`, { searches: [{ limit: 1 }, { limit: 1, filter: city }] })).toEqual(
    taken,
  )
  expect((await told('POST', `${P}/recommend`, { positive: [1, 2, 3], negative: [4], limit: 1 }))[0]).toBe(429)
  expect(await told('GET', `${P}/1`)).toEqual(taken)
  await strict({ read_rate_limit: 60 })
  expect(await told('POST', `${P}/recommend`, { positive: [1, 2, 3], negative: [4], limit: 1 })).toEqual(taken)
})

test('[SR7] strict mode holds under an alias, and for its collection alone', async () => {
  await strict({ max_query_limit: 1 })
  await kit.ok('PUT', '/collections/free', { vectors: VECTORS })
  await kit.ok('POST', '/collections/aliases', {
    actions: [{ create_alias: { collection_name: 'c', alias_name: 'other' } }],
  })
  expect((await told('POST', '/collections/other/points/scroll', {}))[0]).toBe(400)
  expect(await told('POST', '/collections/free/points/scroll', {})).toEqual(taken)
  expect(await told('POST', '/collections/other/points/scroll', { limit: 'x' })).toEqual([
    400,
    expect.stringContaining('Format error in JSON body: limit'),
  ])
  expect((await told('POST', '/collections/c/points/scroll', { limit: 1, filter: { muss: [] } }))[1]).toContain(
    'unknown field',
  )
  await kit.ok('DELETE', '/collections/free')
})
