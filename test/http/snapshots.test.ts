import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { QdrantClient } from '@qdrant/js-client-rest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openServers } from '../clients/kit/regions.js'
import { until } from '../e2e/kit/until.js'

type Servers = Awaited<ReturnType<typeof openServers>>
let servers: Servers
let directory: string
let clients: QdrantClient[]

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'meridian-snapshots-'))
  servers = await openServers(2, directory)
  clients = servers.map(({ url }) => new QdrantClient({ url, checkCompatibility: false }))
})
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()))
  rmSync(directory, { recursive: true, force: true })
})

const digests = (): string[] =>
  servers.map(({ replica }) => JSON.stringify(replica.collections().map((each) => [each.name, each.digests()])))
const agreed = () => until('the regions agree', () => new Set(digests()).size === 1)

test('[SN15] what one region restores, from a snapshot that another took, both have', async () => {
  const [eu, us] = clients as [QdrantClient, QdrantClient]
  await eu.createCollection('c', { vectors: { size: 2, distance: 'Cosine' } })
  const points = Array.from({ length: 500 }, (_, id) => ({ id, vector: [id + 1, 2], payload: { n: id } }))
  await eu.upsert('c', { wait: true, points })
  await agreed()
  const before = await us.scroll('c', { limit: 1000, with_vector: true })
  const made = (await eu.createSnapshot('c'))!
  const file = await (await fetch(`${servers[0]!.url}/collections/c/snapshots/${made.name}`)).blob()
  await us.upsert('c', {
    wait: true,
    points: [
      { id: 7, vector: [9, 9], payload: { n: -1 } },
      { id: 900, vector: [1, 1] },
    ],
  })
  await eu.delete('c', { wait: true, points: [1, 2, 3] })
  await agreed()
  const form = new FormData()
  form.append('snapshot', file, made.name)
  const path = `/collections/c/snapshots/upload?priority=snapshot&checksum=${made.checksum}`
  const answer = await fetch(servers[1]!.url + path, { method: 'POST', body: form })
  expect(await answer.json()).toMatchObject({ result: true, status: 'ok' })
  await agreed()
  for (const client of clients) expect(await client.scroll('c', { limit: 1000, with_vector: true })).toEqual(before)
})
