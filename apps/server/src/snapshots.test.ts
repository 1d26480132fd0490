import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Kit, openKit } from './testing/region-kit.js'

let kit: Kit
let data: string

beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'meridian-snapshots-'))
  kit = await openKit({ flags: { data, 'snapshot-bytes-max': '100000' } })
})
afterAll(async () => {
  await kit.server.close()
  rmSync(data, { recursive: true, force: true })
})

const SPARSE = { indices: [1, 7], values: [0.5, 2] }
beforeEach(async () => {
  await kit.ok('PUT', '/collections/c', {
    vectors: {
      d: { size: 2, distance: 'Cosine' },
      m: { size: 2, distance: 'Dot', multivector_config: { comparator: 'max_sim' } },
    },
    sparse_vectors: { s: {} },
    hnsw_config: { m: 12 },
  })
  await kit.ok('PUT', '/collections/c/index?wait=true', { field_name: 'n', field_schema: 'integer' })
  const points = Array.from({ length: 40 }, (_, id) => ({
    id,
    vector: {
      d: [id + 1, 2],
      m: [
        [1, id],
        [2, 3],
      ],
      s: SPARSE,
    },
    payload: { n: id, deep: { ключ: [id, null] } },
  }))
  await kit.ok('PUT', '/collections/c/points?wait=true', { points })
})
afterEach(async () => {
  for (const name of ['c', 'd', 'e']) await kit.ok('DELETE', `/collections/${name}`)
})

const records = async (name: string): Promise<unknown[]> =>
  (await kit.ok('POST', `/collections/${name}/points/scroll`, { limit: 1000, with_vector: true })).points
const download = async (path: string): Promise<Uint8Array> =>
  new Uint8Array(await (await fetch(kit.url + path)).arrayBuffer())
const upload = (name: string, bytes: Uint8Array, query = '', field = 'snapshot'): Promise<Response> => {
  const form = new FormData()
  form.append('note', 'passed over')
  form.append(field, new Blob([bytes as Uint8Array<ArrayBuffer>]), 'file.snapshot')
  return fetch(`${kit.url}/collections/${name}/snapshots/upload${query}`, { method: 'POST', body: form })
}

test('[SN1] a snapshot is made, listed with its SHA-256, sent whole, and deleted', async () => {
  const made = await kit.ok('POST', '/collections/c/snapshots')
  expect(made).toMatchObject({ name: expect.stringMatching(/^[a-z0-9-]+\.snapshot$/), size: expect.any(Number) })
  expect(await kit.ok('GET', '/collections/c/snapshots')).toEqual([made])
  expect(await kit.ok('GET', '/snapshots')).toEqual([])
  const bytes = await download(`/collections/c/snapshots/${made.name}`)
  expect(bytes.length).toBe(made.size)
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(made.checksum)
  const head = await fetch(`${kit.url}/collections/c/snapshots/${made.name}`, { method: 'HEAD' })
  expect(head.headers.get('content-length')).toBe(String(made.size))
  expect(await kit.ok('DELETE', `/collections/c/snapshots/${made.name}`)).toBe(true)
  expect(await kit.ok('GET', '/collections/c/snapshots')).toEqual([])
  expect((await kit.send('GET', `/collections/c/snapshots/${made.name}`)).status).toBe(404)
  expect((await kit.send('POST', '/collections/none/snapshots')).status).toBe(404)
})

test('[SN2] names of requests are only compared with the list: nothing outside of it is sent or deleted', async () => {
  await kit.ok('POST', '/collections/c/snapshots')
  writeFileSync(join(data, 'secret'), 'secret')
  for (const name of ['..%2Fsecret', '%2e%2e%2fsecret', 'secret', `${encodeURIComponent(join(data, 'secret'))}`]) {
    expect((await kit.send('GET', `/collections/c/snapshots/${name}`)).status).toBe(404)
    expect((await kit.send('DELETE', `/snapshots/${name}`)).status).toBe(404)
  }
  expect(existsSync(join(data, 'secret'))).toBe(true)
})

test('[SN3] a restore brings back records with all forms of vectors, and deletes what was added since', async () => {
  const before = await records('c')
  const made = await kit.ok('POST', '/collections/c/snapshots')
  await kit.ok('POST', '/collections/c/points/delete?wait=true', { points: [3, 4] })
  await kit.ok('POST', '/collections/c/points/payload?wait=true', { payload: { n: 99 }, points: [5] })
  await kit.ok('PUT', '/collections/c/points?wait=true', { points: [{ id: 1000, vector: {}, payload: {} }] })
  const location = `file:///${made.name}`
  expect(await kit.ok('PUT', '/collections/c/snapshots/recover', { location, checksum: made.checksum })).toBe(true)
  expect(await records('c')).toEqual(before)
})

test('[SN4] a restore into no collection makes it, with its configuration, settings and payload indexes', async () => {
  const made = await kit.ok('POST', '/collections/c/snapshots')
  const bytes = await download(`/collections/c/snapshots/${made.name}`)
  const { config, payload_schema } = await kit.ok('GET', '/collections/c')
  const before = await records('c')
  expect((await upload('d', bytes, `?checksum=${made.checksum}`)).status).toBe(200)
  expect(await records('d')).toEqual(before)
  expect(await kit.ok('GET', '/collections/d')).toMatchObject({ config, payload_schema, points_count: 40 })
  expect(readdirSync(join(data, 'snapshots')).filter((file) => file.startsWith('upload-'))).toEqual([])
})

test('[SN5] a restore that is done again writes nothing', async () => {
  const made = await kit.ok('POST', '/collections/c/snapshots')
  const location = `file:///${made.name}`
  const written = () => kit.server.replica.status().counters.writes
  const before = written()
  await kit.ok('PUT', '/collections/c/snapshots/recover', { location })
  expect(written()).toBe(before)
})

test('[SN6] priority replica leaves what is there, and brings back only what is missing', async () => {
  const made = await kit.ok('POST', '/collections/c/snapshots')
  await kit.ok('POST', '/collections/c/points/delete?wait=true', { points: [3] })
  await kit.ok('POST', '/collections/c/points/payload?wait=true', { payload: { n: 99 }, points: [5] })
  await kit.ok('PUT', '/collections/c/points?wait=true', { points: [{ id: 1000, vector: {}, payload: {} }] })
  await kit.ok('PUT', '/collections/c/snapshots/recover', { location: `file:///${made.name}`, priority: 'replica' })
  const payloads = (await records('c')) as { id: number; payload: { n: number } }[]
  expect(payloads.map(({ id }) => id)).toEqual([...Array(40).keys(), 1000])
  expect(payloads.find(({ id }) => id === 5)!.payload.n).toBe(99)
})

test('[SN7] what cannot be restored is refused before anything is written', async () => {
  const made = await kit.ok('POST', '/collections/c/snapshots')
  const bytes = await download(`/collections/c/snapshots/${made.name}`)
  const damaged = bytes.slice()
  damaged[bytes.length >> 1]! ^= 1
  expect((await upload('d', damaged)).status).toBe(400)
  expect((await upload('d', bytes.subarray(0, -1))).status).toBe(400)
  expect((await upload('d', bytes, `?checksum=${'0'.repeat(64)}`)).status).toBe(400)
  expect((await upload('d', bytes, '', 'other')).status).toBe(400)
  expect((await upload('d', bytes, '?priority=no_sync')).status).toBe(400)
  expect((await upload('d', new Uint8Array(200_000))).status).toBe(413)
  expect((await kit.ok('GET', '/collections/d/exists')).exists).toBe(false)
  await kit.ok('PUT', '/collections/e', { vectors: { d: { size: 3, distance: 'Dot' } } })
  expect((await upload('e', bytes)).status).toBe(400)
  expect(await records('e')).toEqual([])
  expect(readdirSync(join(data, 'snapshots')).filter((file) => file.endsWith('.part'))).toEqual([])
})

test('[SN8] no file outside of the folder is read, and no other scheme is taken', async () => {
  const recover = (location: string) => kit.send('PUT', '/collections/c/snapshots/recover', { location })
  const fetched = await recover('ftp://127.0.0.1/x.snapshot')
  expect(fetched.status).toBe(400)
  expect(fetched.json.status.error).toMatch(/^Not supported: location ftp:/)
  expect((await recover(`file://${join(data, 'secret')}`)).status).toBe(400)
  expect((await recover('file://elsewhere/x.snapshot')).status).toBe(400)
  expect((await recover('x')).status).toBe(400)
})

test('[SN20] snapshots outlive their collection: they are listed, restored and deleted under its name', async () => {
  const made = await kit.ok('POST', '/collections/c/snapshots')
  const before = await records('c')
  await kit.ok('DELETE', '/collections/c')
  expect(await kit.ok('GET', '/collections/c/snapshots')).toContainEqual(made)
  expect((await download(`/collections/c/snapshots/${made.name}`)).length).toBe(made.size)
  expect((await kit.send('POST', '/collections/c/snapshots')).status).toBe(404)
  expect((await kit.send('GET', '/collections/never/snapshots')).status).toBe(404)
  await kit.ok('PUT', '/collections/c/snapshots/recover', { location: `file:///${made.name}` })
  expect(await records('c')).toEqual(before)
  await kit.ok('DELETE', '/collections/c')
  for (const { name } of await kit.ok('GET', '/collections/c/snapshots'))
    expect(await kit.ok('DELETE', `/collections/c/snapshots/${name}`)).toBe(true)
  expect((await kit.send('GET', '/collections/c/snapshots')).status).toBe(404)
})

test('[SN9] a snapshot of the store holds every collection; each is restored by its name', async () => {
  await kit.ok('PUT', '/collections/e', { vectors: { size: 1, distance: 'Dot' } })
  await kit.ok('PUT', '/collections/e/points?wait=true', { points: [{ id: 1, vector: [5] }] })
  const before = await records('c')
  const made = await kit.ok('POST', '/snapshots')
  expect(await kit.ok('GET', '/snapshots')).toEqual([made])
  expect((await kit.ok('GET', '/collections/c/snapshots')).map(({ name }: { name: string }) => name)).not.toContain(
    made.name,
  )
  for (const name of ['c', 'e']) {
    await kit.ok('DELETE', `/collections/${name}`)
    await kit.ok('PUT', `/collections/${name}/snapshots/recover`, { location: `file:///${made.name}` })
  }
  expect(await records('c')).toEqual(before)
  expect(await records('e')).toMatchObject([{ id: 1, vector: [5] }])
  expect((await kit.send('PUT', '/collections/d/snapshots/recover', { location: `file:///${made.name}` })).status).toBe(
    400,
  )
  expect(await kit.ok('DELETE', `/snapshots/${made.name}`)).toBe(true)
})

test('[SN10] wait=false is accepted with 202', async () => {
  const reply = await kit.send('POST', '/collections/c/snapshots?wait=false')
  expect(reply.status).toBe(202)
  expect(reply.json).toEqual({ status: 'accepted', time: expect.any(Number) })
  // One is taken at a time: when the next is there, so is the first.
  await kit.ok('POST', '/collections/c/snapshots')
  expect((await kit.ok('GET', '/collections/c/snapshots')).length).toBeGreaterThanOrEqual(2)
})

test('[SN17] snapshots are for admin keys: a key of single collections would read others through them', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'meridian-snapshots-'))
  const keys = join(directory, 'keys.json')
  writeFileSync(keys, JSON.stringify([{ name: 'of-d', key: 'd-key', access: 'read-write', collections: ['d'] }]))
  const locked = await openKit({ flags: { data: directory, 'api-key': 'all', keys } })
  const as = (key: string) => ({ 'api-key': key })
  await locked.send('PUT', '/collections/c', { vectors: { size: 1, distance: 'Dot' } }, as('all'))
  const ofC = (await locked.send('POST', '/collections/c/snapshots', undefined, as('all'))).json.result.name
  const ofAll = (await locked.send('POST', '/snapshots', undefined, as('all'))).json.result.name
  for (const name of [ofC, ofAll]) {
    const recover = (key: string) =>
      locked.send('PUT', '/collections/d/snapshots/recover', { location: `file:///${name}` }, as(key))
    expect((await recover('d-key')).status).toBe(403)
    expect((await locked.send('GET', `/snapshots/${name}`, undefined, as('d-key'))).status).toBe(403)
    expect((await recover('wrong')).status).toBe(401)
    expect((await recover('all')).status).toBe(200)
  }
  await locked.server.close()
  rmSync(directory, { recursive: true })
})
