import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DiskRegion, openRegion } from './kit/region.js'
import { Specification } from '../specification/specification.js'

// biome-ignore lint/suspicious/noExplicitAny: the document is plain JSON.
type Any = any

const qdrant = Specification.qdrant()
let region: DiskRegion
let published: Any
let own: Specification

beforeAll(async () => {
  region = await openRegion()
  published = JSON.parse((await region.send('GET', '/openapi.json')).text)
  own = new Specification(published)
})
afterAll(() => region[Symbol.asyncDispose]())

const isRefused = (method: string, path: string): boolean => {
  const found = Object.entries<Any>(published.paths).find(([known]) => known.replaceAll(/\{\w+\}/g, '{}') === path)
  return found?.[1][method.toLowerCase()]?.['x-refused'] === true
}

test('[HT24] every operation of the specification is served, or refused', async () => {
  const known = new Set(own.operations.map(({ method, path }) => `${method} ${path}`))
  expect(qdrant.operations.length).toBe(75)
  for (const { method, path } of qdrant.operations) {
    expect(known, `${method} ${path}`).toContain(`${method} ${path}`)
    if (!isRefused(method, path)) continue
    const reply = await region.send(method, path.replaceAll('{}', 'x'))
    expect(reply.error).toMatch(/^Not supported: /)
    expect(reply.status).toBe(400)
  }
  const later = await region.send('GET', '/quotas')
  expect([later.status, later.error]).toEqual([400, expect.stringMatching(/^Not supported: GET \/quotas: /)])
})

/** Rows of operations in docs/compatibility.md. */
const rows = [
  ...readFileSync(new URL('../../docs/compatibility.md', import.meta.url), 'utf8').matchAll(
    /^\| `((?:GET|PUT|POST|PATCH|DELETE) \/[^`]*)` \| ([^|]*) \| ([^|]*) \|$/gm,
  ),
].map(([, operation, outcome, tests]) => ({
  operation: operation!.replaceAll(/\{\w+\}/g, '{}'),
  isRefused: outcome!.startsWith('refused'),
  tests: tests!.split(', '),
}))

test('[HT24] every operation of the specification has one row in the compatibility tables, which agrees with the routes', () => {
  const operations = qdrant.operations.map(({ method, path }) => ({ method, path, name: `${method} ${path}` }))
  expect(rows.map(({ operation }) => operation).sort()).toEqual(operations.map(({ name }) => name).sort())
  for (const { method, path, name } of operations) {
    const row = rows.find(({ operation }) => operation === name)!
    expect(row.isRefused, name).toBe(isRefused(method, path))
  }
})

const testFiles = (folder: URL): URL[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory())
      return entry.name === 'node_modules' || entry.name === 'dist' ? [] : testFiles(new URL(`${entry.name}/`, folder))
    return entry.name.endsWith('.test.ts') ? [new URL(entry.name, folder)] : []
  })

test('[HT24] every test that the compatibility tables name exists', () => {
  const titles = ['../', '../../apps/server/src/'].flatMap((folder) =>
    testFiles(new URL(folder, import.meta.url)).flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/[`'"]\[([A-Z]+\d+)\] /g)].map(([, rule]) => rule!),
    ),
  )
  const known = new Set(titles)
  expect(known.size).toBeGreaterThan(100)
  for (const { operation, tests } of rows) {
    expect(tests.length, operation).toBeGreaterThan(0)
    for (const rule of tests) expect(known, `${operation} names ${rule}`).toContain(rule)
  }
})

test('[HT23] the page is whole in itself', async () => {
  const page = await region.send('GET', '/docs')
  expect(page.headers.get('content-type')).toContain('text/html')
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
  expect(page.text).not.toMatch(/https?:\/\/|<script|url\(/)
  for (const { path } of own.operations.slice(0, 5))
    expect(page.text.replaceAll(/:\w+/g, '{}')).toContain(`<code>${path}</code>`)
})

test('[HT23] every reference of the document leads somewhere', () => {
  const names = new Set(
    [...JSON.stringify(published).matchAll(/"#\/components\/(\w+)\/(\w+)/g)].map((m) => `${m[1]}/${m[2]}`),
  )
  expect(names.size).toBeGreaterThan(20)
  for (const name of names) {
    const [kind, entry] = name.split('/') as [string, string]
    expect(published.components[kind], name).toHaveProperty(entry)
  }
})

const C = '/collections/c'
const P = `${C}/points`
const FILTER = { must: [{ key: 'city', match: { value: 'Oslo' } }] }
const BOTH = { with_payload: true, with_vector: true }

/** One of each served operation, in an order that makes them succeed. */
const TOUR: readonly (readonly [string, string, unknown?])[] = [
  ['PUT', C, { vectors: { size: 2, distance: 'Cosine' }, metadata: { a: 1 } }],
  ['PUT', '/collections/d', { vectors: { a: { size: 2, distance: 'Dot' }, b: { size: 3, distance: 'Euclid' } } }],
  ['PUT', '/collections/d/points', { points: [{ id: 1, vector: { a: [1, 2], b: [1, 2, 3] } }] }],
  ['GET', '/collections/d/points/1'],
  ['PATCH', C, { optimizers_config: { indexing_threshold: 5 } }],
  [
    'PUT',
    `${P}?wait=true`,
    { points: [1, 2, 3].map((id) => ({ id, vector: [id, 1], payload: { city: 'Oslo', n: id } })) },
  ],
  [
    'PUT',
    P,
    {
      batch: {
        ids: [4, 5],
        vectors: [
          [1, 2],
          [3, 4],
        ],
        payloads: [{ n: 4 }, null],
      },
    },
  ],
  ['PUT', `${C}/index`, { field_name: 'n', field_schema: 'integer' }],
  ['GET', C],
  ['GET', '/collections'],
  ['GET', `${C}/exists`],
  ['GET', `${C}/cluster`],
  ['GET', `${C}/optimizations`],
  ['POST', '/collections/aliases', { actions: [{ create_alias: { collection_name: 'c', alias_name: 'live' } }] }],
  ['GET', '/aliases'],
  ['GET', `${C}/aliases`],
  ['GET', `${P}/1`],
  ['POST', P, { ids: [1, 2], ...BOTH }],
  ['POST', `${P}/scroll`, { limit: 2, filter: FILTER, ...BOTH }],
  ['POST', `${P}/scroll`, { order_by: 'n' }],
  ['POST', `${P}/count`, { filter: FILTER, exact: true }],
  ['POST', `${C}/facet`, { key: 'city' }],
  ['POST', `${P}/query`, { query: [1, 1], limit: 3, filter: FILTER, ...BOTH }],
  ['POST', `${P}/query`, { query: { recommend: { positive: [1], negative: [2] } }, limit: 3 }],
  ['POST', `${P}/query/batch`, { searches: [{ query: 1 }, { query: [1, 1] }] }],
  ['POST', `${P}/query/groups`, { query: [1, 1], group_by: 'city', group_size: 2, limit: 2 }],
  ['POST', `${P}/search`, { vector: [1, 1], limit: 2, ...BOTH }],
  ['POST', `${P}/search/batch`, { searches: [{ vector: [1, 1], limit: 2 }] }],
  ['POST', `${P}/search/groups`, { vector: [1, 1], group_by: 'n', group_size: 1, limit: 2 }],
  ['POST', `${P}/recommend`, { positive: [1], limit: 2 }],
  ['POST', `${P}/recommend/batch`, { searches: [{ positive: [1], limit: 2 }] }],
  ['POST', `${P}/recommend/groups`, { positive: [1], group_by: 'n', group_size: 1, limit: 2 }],
  ['POST', `${P}/discover`, { target: 1, context: [{ positive: 2, negative: 3 }], limit: 2 }],
  ['POST', `${P}/discover/batch`, { searches: [{ target: 1, context: [{ positive: 2, negative: 3 }], limit: 2 }] }],
  ['POST', `${P}/search/matrix/pairs`, { sample: 3, limit: 2 }],
  ['POST', `${P}/search/matrix/offsets`, { sample: 3, limit: 2 }],
  ['POST', `${P}/payload`, { payload: { seen: true }, points: [1] }],
  ['PUT', `${P}/payload`, { payload: { city: 'Rome' }, filter: FILTER }],
  ['POST', `${P}/payload/delete`, { keys: ['seen'], points: [1] }],
  ['POST', `${P}/payload/clear`, { points: [1] }],
  ['PUT', `${P}/vectors`, { points: [{ id: 1, vector: [5, 6] }] }],
  ['POST', '/collections/d/points/vectors/delete', { points: [1], vector: ['a'] }],
  ['POST', `${P}/batch`, { operations: [{ delete: { points: [5] } }, { clear_payload: { points: [4] } }] }],
  ['POST', `${P}/delete`, { points: [1] }],
  ['PUT', `${C}/vectors/title`, { dense: { size: 3, distance: 'Dot' } }],
  ['PUT', `${C}/vectors/words`, { sparse: { modifier: 'idf' } }],
  ['PATCH', C, { sparse_vectors: { words: { modifier: 'none' } } }],
  ['GET', C],
  ['DELETE', `${C}/vectors/title`],
  ['GET', `/meridian${C}/digest`],
  ['GET', `/meridian${P}/1/history`],
  ['GET', '/meridian/cluster'],
  ['DELETE', `${C}/index/n`],
  ['DELETE', C],
  ['GET', '/'],
  ['GET', '/telemetry'],
  ['GET', '/cluster'],
  ['GET', '/issues'],
  ['DELETE', '/issues'],
]

test('[HT24] every served operation is called once, and what is sent and answered fits the specification and the published document', async () => {
  for (const [method, path, body] of TOUR) {
    const reply = await region.send(method, path, body)
    expect(reply.status, `${method} ${path}: ${reply.text}`).toBe(200)
    const answer = JSON.parse(reply.text)
    for (const specification of [qdrant, own]) {
      if (body !== undefined) expect(specification.request(method, path, body)).toBeUndefined()
      expect(specification.answer(method, path, 200, answer)).toBeUndefined()
    }
  }
  const toured = new Set(
    TOUR.map(
      ([method, path]) =>
        `${method} ${path
          .replace(/\?.*/, '')
          .replace(/\/collections\/[cd](?=\/|$)/, '/collections/{}')
          .replace(/\/points\/\d+/, '/points/{}')
          .replace(/index\/n$/, 'index/{}')
          .replace(/vectors\/(?!delete)\w+$/, 'vectors/{}')}`,
    ),
  )
  const plain = ['GET /metrics', 'GET /healthz', 'GET /livez', 'GET /readyz']
  const missing = qdrant.operations
    .filter(({ method, path }) => !isRefused(method, path) && !path.includes('/snapshots'))
    .map(({ method, path }) => `${method} ${path}`)
    .filter((operation) => !toured.has(operation) && !plain.includes(operation))
  expect(missing).toEqual([])
})

test('[HT24] an error fits the published envelope', async () => {
  const reply = await region.send('GET', '/collections/none')
  expect(own.answer('GET', '/collections/none', reply.status, JSON.parse(reply.text))).toBeUndefined()
})

test('[HT24] the check notices what does not fit', () => {
  const good = { result: [{ id: 1, version: 1, score: 0.5, payload: null }], status: 'ok', time: 0.1 }
  for (const specification of [qdrant, own]) {
    expect(specification.answer('POST', `${P}/search`, 200, good)).toBeUndefined()
    const bad = { ...good, result: [{ id: 1, version: 1, score: '0.5' }] }
    expect(specification.answer('POST', `${P}/search`, 200, bad)?.at).toBe('/result/0/score')
    expect(
      specification.answer('POST', `${P}/search`, 200, { ...good, result: [{ id: -1, version: 1, score: 1 }] }),
    ).toBeDefined()
    expect(specification.request('POST', `${P}/scroll`, { filter: { mustt: [] } })).toBeDefined()
  }
})
