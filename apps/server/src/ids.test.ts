import { expect, test } from 'vitest'
import { type Kit, openKit } from './testing/region-kit.js'

const C = '/collections/c'
const WIDE = '18446744073709551615'

const open = async (flags: Record<string, string> = {}): Promise<Kit> => {
  const kit = await openKit({ flags })
  await kit.ok('PUT', C, { vectors: { size: 2, distance: 'Euclid' } })
  return kit
}

test('[HT21] the widest integer goes in and out everywhere', async () => {
  await using kit = await open()
  const wide = (text: string): string => text.replaceAll('"WIDE"', WIDE)
  const post = async (path: string, body: unknown) => {
    const reply = await kit.send('POST', C + path, wide(JSON.stringify(body)))
    expect(reply.status, reply.text).toBe(200)
    return reply.text
  }
  const points = [
    { id: 'WIDE', vector: [1, 2], payload: { n: 1 } },
    { id: 1, vector: [3, 4] },
  ]
  expect((await kit.send('PUT', `${C}/points`, wide(JSON.stringify({ points })))).status).toBe(200)
  expect((await kit.send('GET', `${C}/points/${WIDE}`)).text).toContain(`"id":${WIDE}`)
  expect(await post('/points', { ids: ['WIDE'] })).toContain(`"id":${WIDE}`)
  expect(await post('/points/query', { query: [1, 2], limit: 1 })).toContain(`"id":${WIDE}`)
  expect(await post('/points/query', { query: 'WIDE' })).not.toContain(WIDE)
  const has = { must: { has_id: ['WIDE'] } }
  expect(await post('/points/count', { filter: has })).toContain('{"count":1}')
  expect(await post('/points/scroll', { limit: 1 })).toContain(`"next_page_offset":${WIDE}`)
  expect(await post('/points/scroll', { offset: 'WIDE' })).toContain(`"id":${WIDE}`)
  await post('/points/payload', { payload: { n: 2 }, points: ['WIDE'] })
  expect(await post('/points/scroll', { filter: has })).toContain('"n":2')
  await post('/points/delete', { points: ['WIDE'] })
  expect(await post('/points/count', {})).toContain('{"count":1}')
  const beyond = await kit.send('POST', `${C}/points`, '{"ids":[18446744073709551616]}')
  expect(beyond.json.status.error).toContain('value 18446744073709551616 is not a valid point ID')
})

test('[HT22] other strings are ids: in bodies, in paths, in filters, after integers and UUIDs', async () => {
  await using kit = await open()
  const uuid = '936DA01F9ABD4d9d80C702AF85C822A8'
  const ids = ['sku/42?', 'é'.repeat(128), uuid, 7]
  await kit.ok('PUT', `${C}/points`, { points: ids.map((id, i) => ({ id, vector: [i, 0] })) })
  const canonical = '936da01f-9abd-4d9d-80c7-02af85c822a8'
  const page = await kit.ok('POST', `${C}/points/scroll`, { limit: 3 })
  expect(page.points.map(({ id }: { id: unknown }) => id)).toEqual([7, canonical, 'sku/42?'])
  expect(page.next_page_offset).toBe('é'.repeat(128))
  expect((await kit.ok('GET', `${C}/points/${encodeURIComponent('sku/42?')}`)).vector).toEqual([0, 0])
  expect(await kit.ok('POST', `${C}/points/count`, { filter: { must: { has_id: ['sku/42?'] } } })).toEqual({ count: 1 })
  expect((await kit.ok('POST', `${C}/points/query`, { query: 'sku/42?', limit: 1 })).points[0].id).toBe('é'.repeat(128))
})

test.each([[''], ['12'], ['a\u0000b'], ['\u0085'], [`${'é'.repeat(128)}x`]])('[HT22] %j is no id', async (id) => {
  await using kit = await open()
  const reply = await kit.send('PUT', `${C}/points`, { points: [{ id, vector: [1, 2] }] })
  expect(reply.status).toBe(400)
  expect(reply.json.status.error).toContain('is not a valid point ID')
})

test('[HT22] with the setting off, strings are refused as Qdrant does, wherever an id is read', async () => {
  await using kit = await open({ 'text-ids': 'off' })
  const sentence = 'value sku is not a valid point ID, valid values are either an unsigned 64-bit integer or a UUID'
  for (const [method, path, body] of [
    ['PUT', '/points', { points: [{ id: 'sku', vector: [1, 2] }] }],
    ['POST', '/points/delete', { points: ['sku'] }],
    ['POST', '/points/count', { filter: { must: { has_id: ['sku'] } } }],
    ['POST', '/points/query', { query: 'sku' }],
  ] as const) {
    const reply = await kit.send(method, C + path, body)
    expect(reply.json.status.error).toContain(sentence)
    expect(reply.status).toBe(400)
  }
  expect((await kit.send('GET', `${C}/points/sku`)).status).toBe(400)
})

test('[HT20] vectors and scores print as the shortest decimals of their float32', async () => {
  await using kit = await open()
  const vector = [0.19, -0.81]
  await kit.ok('PUT', `${C}/points`, { points: [{ id: 1, vector }] })
  expect((await kit.send('GET', `${C}/points/1`)).text).toContain('"vector":[0.19,-0.81]')
  expect((await kit.send('POST', `${C}/points/query`, { query: [0.19, -0.31] })).text).toContain('"score":0.5}')
})
