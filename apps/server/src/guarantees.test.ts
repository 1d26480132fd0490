import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Kit, openKit } from './testing/region-kit.js'

let eu: Kit
let us: Kit

const linked = async (): Promise<void> => {
  for (;;) {
    const { peers, members } = (await us.ok('GET', '/meridian/cluster')) as {
      peers: { state: string }[]
      members: unknown[]
    }
    const seen = (await eu.ok('GET', '/meridian/cluster')) as { members: unknown[] }
    if (peers.some(({ state }) => state === 'linked') && members.length === 2 && seen.members.length === 2) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}
const cut = (isEnabled: boolean): Promise<unknown> => us.ok('PUT', '/meridian/links/eu', { enabled: isEnabled })
const point = (id: number, where = 'a') => ({ points: [{ id, vector: [1, id], payload: { where } }] })
const PUT = ['PUT', '/collections/c/points?timeout=1'] as const
const token = (reply: { headers: Headers }): string => reply.headers.get('meridian-token')!

beforeEach(async () => {
  eu = await openKit()
  us = await openKit({ flags: { region: 'us', 'replica-number': '77', peer: [`eu=${eu.url}`] } })
  await linked()
  const created = await eu.send('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  await us.send('GET', '/collections/c', undefined, { 'meridian-token': token(created) })
})

afterEach(async () => {
  await us[Symbol.asyncDispose]()
  await eu[Symbol.asyncDispose]()
})

test('[GU60] every read and write gives a token; every read says by whom and how it was served', async () => {
  const reads = [
    ['GET', '/collections'],
    ['GET', '/collections/c'],
    ['GET', '/collections/c/exists'],
    ['GET', '/aliases'],
    ['GET', '/collections/c/points/1'],
    ['POST', '/collections/c/points', { ids: [1] }],
    ['POST', '/collections/c/points/scroll', {}],
    ['POST', '/collections/c/points/count', {}],
    ['POST', '/collections/c/facet', { key: 'where' }],
    ['POST', '/collections/c/points/query', { query: [1, 1] }],
    ['POST', '/collections/c/points/query/batch', { searches: [{ query: [1, 1] }] }],
    ['POST', '/collections/c/points/search', { vector: [1, 1], limit: 1 }],
    ['GET', '/meridian/collections/c/digest'],
  ] as const
  for (const [method, path, body] of reads) {
    const reply = await eu.send(method, path, body)
    expect(token(reply), path).toMatch(/^[\w-]{8,60}$/)
    expect(reply.headers.get('meridian-served-by'), path).toMatch(/^region=eu; level=local; vector=[\d:,]+$/)
  }
  for (const [method, path, body] of [
    ['PUT', '/collections/c/points', point(1)],
    ['POST', '/collections/c/points/delete', { points: [9] }],
    ['POST', '/collections/aliases', { actions: [{ create_alias: { alias_name: 'a', collection_name: 'c' } }] }],
    ['PATCH', '/collections/c', { metadata: { a: 1 } }],
  ] as const) {
    const reply = await eu.send(method, path, body)
    expect(reply.status, path).toBe(200)
    expect(token(reply), path).toMatch(/^[\w-]{8,60}$/)
  }
})

test('[GU61] with the token of a write in one region, a search in another finds it; every kind of read waits', async () => {
  for (let id = 1; id <= 20; id++) {
    const written = await eu.send(...PUT, point(id))
    const headers = { 'meridian-token': token(written) }
    const found = await us.send('POST', '/collections/c/points/query', { query: [0, 1], limit: 1 }, headers)
    expect(found.json.result.points[0].id).toBe(id)
    expect(found.headers.get('meridian-served-by')).toMatch(/region=us; level=session;/)
  }
  const last = await eu.send(...PUT, point(21))
  const read = await us.send('GET', '/collections/c/points/21', undefined, { 'meridian-token': token(last) })
  expect(read.status).toBe(200)
})

test('[GU62] a barrier that is late is a 408 that names the region, or a stale answer if the caller allows it', async () => {
  await cut(false)
  const written = await eu.send(...PUT, point(1))
  const count = (headers: Record<string, string>) =>
    us.send('POST', '/collections/c/points/count?timeout=1', {}, headers)
  const late = await count({ 'meridian-token': token(written) })
  expect(late.status).toBe(408)
  expect(late.json.status.error).toMatch(/lacks 1 writes of region eu \(link down, last heard/)
  const stale = await count({ 'meridian-token': token(written), 'meridian-allow-stale': 'true' })
  expect(stale.json.result).toEqual({ count: 0 })
  expect(stale.headers.get('meridian-served-by')).toMatch(/level=local/)
  // What the session knew is not forgotten by a stale answer.
  expect((await count({ 'meridian-token': token(stale) })).status).toBe(408)
  for (const level of ['quorum', 'all'])
    expect((await count({ 'meridian-consistency': level })).json.status.error).toMatch(/no answer from region eu/)
  await cut(true)
  const healed = { 'meridian-token': token(stale), 'meridian-consistency': 'all' }
  const counted = await us.send('POST', '/collections/c/points/count?timeout=30', {}, healed)
  expect(counted.json.result).toEqual({ count: 1 })
  expect(counted.headers.get('meridian-served-by')).toMatch(/level=session\+all/)
})

test('[GU63] a write waits for its concern; late, it says where it is durable, and its receipt tells later', async () => {
  for (const [query, headers] of [
    ['', { 'meridian-write-concern': 'all' }],
    ['', { 'meridian-write-concern': '2' }],
    ['?ordering=medium', {}],
  ] as const) {
    const reply = await eu.send('PUT', `/collections/c/points${query}`, point(1), headers)
    expect(reply.headers.get('meridian-write-status')).toBe('completed')
    expect(reply.headers.get('meridian-durable-in')?.split(',').sort()).toEqual(['eu', 'us'])
  }
  await cut(false)
  const late = await eu.send(...PUT, point(2), { 'meridian-write-concern': 'quorum' })
  expect(late.status).toBe(200)
  expect(late.json.result).toMatchObject({
    status: 'wait_timeout',
    receipt: { needed: 2, durable_in: ['eu'], missing_in: ['us'] },
  })
  expect((await eu.send('GET', '/collections/c/points/2')).status).toBe(200)
  const receipt = (timeout = '1') => eu.ok('GET', `/meridian/receipts/${token(late)}?timeout=${timeout}`)
  const all = { logged: true, merged: true, searchable: true }
  const none = { logged: false, merged: false, searchable: false }
  expect((await receipt()).regions).toMatchObject([
    { region: 'eu', ...all },
    { region: 'us', ...none },
  ])
  await cut(true)
  await us.send('GET', '/collections?timeout=30', undefined, { 'meridian-token': token(late) })
  await eu.send('GET', '/collections?timeout=30', undefined, { 'meridian-consistency': 'all' })
  expect((await receipt()).regions).toMatchObject([
    { region: 'eu', ...all },
    { region: 'us', ...all },
  ])
})

test('[GU64] what cannot be promised is refused with a sentence, and nothing is written', async () => {
  const refusals: [Record<string, string>, RegExp][] = [
    [{ 'meridian-write-concern': '3' }, /3 regions were asked for and 2 are active/],
    [{ 'meridian-write-concern': 'most' }, /send local, quorum, all or a number/],
    [{ 'meridian-consistency': 'strong' }, /send local, quorum, all or linearizable/],
    [{ 'meridian-max-staleness-ms': '-1' }, /send whole milliseconds/],
    [{ 'meridian-allow-stale': 'yes' }, /send true or false/],
    [{ 'meridian-token': 'x' }, /damaged/],
  ]
  for (const [headers, sentence] of refusals) {
    const reply = await eu.send(...PUT, point(7), headers)
    expect(reply.status, JSON.stringify(headers)).toBe(400)
    expect(reply.json.status.error).toMatch(sentence)
  }
  expect((await eu.send('GET', '/collections/c/points/7')).status).toBe(404)
  await using other = await openKit()
  await other.send('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  const foreign = token(await other.send(...PUT, point(1)))
  const reply = await eu.send('GET', '/collections/c', undefined, { 'meridian-token': foreign })
  expect([reply.status, reply.json.status.error]).toEqual([400, expect.stringContaining('another cluster')])
})

test('[GU65] a write by filter sees what its session saw; one that names its points does not wait', async () => {
  await cut(false)
  const written = await eu.send(...PUT, point(1, 'gone'))
  const headers = { 'meridian-token': token(written) }
  const filter = { filter: { must: [{ key: 'where', match: { value: 'gone' } }] } }
  expect((await us.send('POST', '/collections/c/points/delete?timeout=1', filter, headers)).status).toBe(408)
  expect((await us.send('POST', '/collections/c/points/delete?timeout=1', { points: [5] }, headers)).status).toBe(200)
  expect((await us.send(...PUT, point(5), headers)).status).toBe(200)
  const seen = { keys: ['where'], points: [1] }
  expect((await us.send('POST', '/collections/c/points/payload/delete?timeout=1', seen, headers)).status).toBe(408)
  expect((await us.send('DELETE', '/collections/c?timeout=1', undefined, headers)).status).toBe(408)
  await us.send('POST', '/collections/c/points/delete', { points: [5] })
  await cut(true)
  const removed = await us.send('POST', '/collections/c/points/delete?timeout=30', filter, headers)
  const count = await eu.send('POST', '/collections/c/points/count', {}, { 'meridian-token': token(removed) })
  expect(count.json.result).toEqual({ count: 0 })
})

test('[GU66] staleness is bounded: a cut region answers while what it heard is young enough, then no more', async () => {
  await eu.send(...PUT, point(1))
  const count = (ms: number) =>
    us.send('POST', '/collections/c/points/count?timeout=1', {}, { 'meridian-max-staleness-ms': String(ms) })
  const fresh = await count(0)
  expect(fresh.json.result).toEqual({ count: 1 })
  expect(fresh.headers.get('meridian-served-by')).toMatch(/level=max-staleness-ms 0;/)
  await cut(false)
  expect((await count(600_000)).status).toBe(200)
  expect((await count(0)).status).toBe(408)
})

test('[GU67] a collection has a write concern of its own, which a request may lower', async () => {
  const concern = { 'meridian-write-concern': 'all' }
  expect((await eu.send('PATCH', '/collections/c', { metadata: { 'meridian-write-concern': 'most' } })).status).toBe(
    400,
  )
  await eu.ok('PATCH', '/collections/c', { metadata: concern })
  expect((await eu.send(...PUT, point(1))).headers.get('meridian-write-status')).toBe('completed')
  await cut(false)
  expect((await eu.send(...PUT, point(2))).json.result.status).toBe('wait_timeout')
  const lowered = await eu.send(...PUT, point(3), { 'meridian-write-concern': 'local' })
  expect(lowered.json.result.status).toBe('acknowledged')
})

test('[GU90] linearizable writes and reads of whole points go through every region in the order of their answers', async () => {
  const at = { 'meridian-consistency': 'linearizable' }
  const written = await eu.send('PUT', '/collections/c/points?ordering=strong', point(1))
  expect(written.headers.get('meridian-write-status')).toBe('completed')
  expect(written.headers.get('meridian-durable-in')?.split(',').sort()).toEqual(['eu', 'us'])
  const seen = await us.send('GET', '/collections/c/points/1', undefined, at)
  expect(seen.json.result.payload).toEqual({ where: 'a' })
  expect(seen.headers.get('meridian-served-by')).toMatch(/^region=us; level=linearizable; vector=/)
  const strong = { 'meridian-write-concern': 'linearizable' }
  const deleted = await us.send('POST', '/collections/c/points/delete', { points: [1] }, strong)
  expect(deleted.headers.get('meridian-write-status')).toBe('completed')
  expect((await eu.send('GET', '/collections/c/points/1', undefined, at)).status).toBe(404)
  const batch = { operations: [{ upsert: point(2) }, { delete: { points: [3] } }, { upsert: point(3) }] }
  await us.send('POST', '/collections/c/points/batch', batch, strong)
  const several = await eu.send('POST', '/collections/c/points', { ids: [1, 2, 3] }, at)
  expect(several.json.result.map(({ id }: { id: number }) => id)).toEqual([2, 3])
})

test('[GU91] linearizable is refused for what is not of whole points by id, with what to send instead, and nothing is written', async () => {
  await eu.send(...PUT, point(1))
  const reads = ['/points/scroll', '/points/count', '/points/query', '/facet', '/points/query/batch']
  for (const path of reads) {
    const reply = await eu.send('POST', `/collections/c${path}`, {}, { 'meridian-consistency': 'linearizable' })
    expect([path, reply.status, reply.json.status.error]).toEqual([path, 400, expect.stringContaining('send quorum')])
  }
  const writes: [string, string, unknown][] = [
    ['POST', '/points/payload', { payload: { where: 'b' }, points: [1] }],
    ['PUT', '/points/vectors', { points: [{ id: 1, vector: [5, 5] }] }],
    ['POST', '/points/delete', { filter: {} }],
    ['PUT', '/points', { ...point(4), update_mode: 'insert_only' }],
    ['POST', '/points/batch', { operations: [{ upsert: point(4) }, { delete: { filter: {} } }] }],
    ['PUT', '/index', { field_name: 'where', field_schema: 'keyword' }],
  ]
  for (const [method, path, body] of writes) {
    const reply = await eu.send(method, `/collections/c${path}?ordering=strong`, body)
    expect([path, reply.status, reply.json.status.error]).toEqual([path, 400, expect.stringContaining('send quorum')])
  }
  const left = await eu.ok('POST', '/collections/c/points/scroll', { with_payload: true })
  expect(left.points).toEqual([{ id: 1, payload: { where: 'a' } }])
  const unknown = await eu.send('PUT', '/collections/none/points?ordering=strong', point(1))
  expect(unknown.status).toBe(404)
})

test('[GU92] without a majority linearizable is 503 at once, or an answer of this region for who allows it', async () => {
  await eu.send(...PUT, point(1))
  await cut(false)
  const at = { 'meridian-consistency': 'linearizable' }
  for (const reply of [
    await us.send('PUT', '/collections/c/points?ordering=strong', point(9)),
    await us.send('GET', '/collections/c/points/1', undefined, at),
  ]) {
    expect(reply.status).toBe(503)
    expect(reply.json.status.error).toMatch(/1 of 2 regions can be reached and 2 are needed/)
    expect(reply.headers.get('retry-after')).toBe('1')
  }
  expect((await us.send('GET', '/collections/c/points/9')).status).toBe(404)
  const stale = await us.send('POST', '/collections/c/points', { ids: [1] }, { ...at, 'meridian-allow-stale': 'true' })
  expect(stale.status).toBe(200)
  expect(stale.headers.get('meridian-served-by')).toMatch(/level=local/)
})
