import { mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ErasureInfo, MeridianClient } from '@meridian/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openServers } from '../clients/kit/regions.js'
import { until } from '../e2e/kit/until.js'

type Servers = Awaited<ReturnType<typeof openServers>>
let servers: Servers
let directory: string
let clients: MeridianClient[]

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'meridian-erasure-'))
  servers = await openServers(2, directory)
  clients = servers.map(({ url }) => new MeridianClient({ url, retry: false }))
  await clients[0]!.createCollection('c', { vectors: { size: 2, distance: 'Dot' } })
  await until('us has the collection', () => clients[1]!.collectionExists('c'))
})
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()))
  rmSync(directory, { recursive: true, force: true })
})

const of = (erasure: ErasureInfo, region: string) => erasure.regions.find((each) => each.region === region)!
const snapshot = (n: number, path: string, method = 'POST') =>
  clients[n]!.call<{ name: string }>({ method, path: `${path}?wait=true` } as never)

test('[SV9] erasure: a live point is said to be live, one that was deleted goes, one that nobody knows is absent', async () => {
  const [eu, us] = clients as [MeridianClient, MeridianClient]
  await eu.upsert('c', [{ id: 1, vector: [1, 2], payload: { text: 'secret' } }], { concern: 'all' })
  const live = await us.erasure('c', 1)
  expect(live).toMatchObject({ collection: 'c', id: 1, state: 'live', deleted_at: null, erased: false, retired: [] })
  expect(live.regions.map(({ region, state, blocks }) => [region, state, blocks])).toEqual([
    ['eu', 'live', 'holds'],
    ['us', 'live', 'holds'],
  ])
  const before = Date.now()
  await us.delete('c', { points: [1] })
  const deleted = await us.erasure('c', 1)
  expect(Date.parse(deleted.deleted_at!)).toBeGreaterThan(before - 10_000)
  const gone = await until('the point is erased', async () => {
    const erasure = await us.erasure('c', 1)
    return erasure.erased && erasure
  })
  for (const each of gone.regions)
    expect(each).toMatchObject({
      ...{ log: 'clear', blocks: 'clear', conflicts: 'clear', graph: 'clear', index_files: 'clear' },
      ...{ snapshots: [], unread_snapshots: 0, waiting_for: [], unknown: null },
    })
  const absent = await eu.erasure('c', 'never written')
  expect([absent.state, absent.deleted_at, absent.erased]).toEqual(['absent', null, true])
})

test('[SV9] erasure: it names the snapshots that hold the point, of any region, and one that is damaged is not trusted', async () => {
  const [eu, us] = clients as [MeridianClient, MeridianClient]
  await eu.upsert('c', [{ id: 2, vector: [1, 2] }], { concern: 'all' })
  const whole = await snapshot(1, '/snapshots')
  const one = await snapshot(1, '/collections/c/snapshots')
  await eu.delete('c', { points: [2] }, { concern: 'all' })
  const later = await snapshot(1, '/collections/c/snapshots')
  const held = of(await eu.erasure('c', 2), 'us')
  expect(held.snapshots.map(({ name }) => name).sort()).toEqual([one.name, whole.name].sort())
  expect(held.waiting_for).toContain('the snapshots that hold it to be deleted')
  await snapshot(1, `/snapshots/${whole.name}`, 'DELETE')
  await snapshot(1, `/collections/c/snapshots/${one.name}`, 'DELETE')
  await until('the point is erased', async () => (await eu.erasure('c', 2)).erased)
  // Of another point, which nothing is remembered of.
  truncateSync(join(directory, 'us', 'snapshots', later.name), 200)
  const damaged = await eu.erasure('c', 3)
  expect([damaged.erased, of(damaged, 'us').unread_snapshots]).toEqual([false, 1])
  await snapshot(1, `/collections/c/snapshots/${later.name}`, 'DELETE')
  expect((await us.erasure('c', 3)).erased).toBe(true)
})

test('[SV9] erasure: a region that is cut off is unknown, and what it was asked in vain is refused nothing', async () => {
  const [eu] = clients as [MeridianClient]
  await eu.setLink('us', false)
  const cut = await eu.erasure('c', 7)
  expect(cut.erased).toBe(false)
  expect(of(cut, 'us')).toMatchObject({ state: 'unknown', blocks: 'unknown', unknown: 'there is no link with it' })
  await eu.setLink('us', true)
  await until('the regions are linked', async () => (await eu.erasure('c', 7)).erased)
})

test('[SV10] erasure: bad input is refused with a sentence', async () => {
  const status = async (path: string): Promise<[number, string]> => {
    const answer = await fetch(servers[0]!.url + path)
    const body = (await answer.json()) as { status: { error: string } }
    return [answer.status, body.status.error]
  }
  expect(await status('/meridian/collections/nope/points/1/erasure')).toEqual([404, expect.stringContaining('nope')])
  expect(await status('/meridian/collections/c/points/1/erasure?timeout=soon')).toEqual([
    400,
    expect.stringContaining('timeout soon: send whole seconds'),
  ])
  expect((await status(`/meridian/collections/c/points/${'x'.repeat(300)}/erasure`))[0]).toBe(400)
})
