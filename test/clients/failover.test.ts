import { digestKey, MeridianClient } from '@meridian/client'
import { expect, test } from 'vitest'
import { until } from '../e2e/kit/until.js'
import { openServers } from './kit/regions.js'

const range = (from: number): number[] => Array.from({ length: 50 }, (_, i) => from + i)

test('[CL8] one of three regions goes away in the middle: every write is taken, once, and the official client follows', async () => {
  const servers = await openServers(3)
  try {
    const urls = servers.map(({ url }) => url)
    const client = new MeridianClient({ url: urls })
    const digests = async (among: readonly string[]) => {
      const infos = await Promise.all(among.map((url) => new MeridianClient({ url, retry: false }).digest('c')))
      return { keys: new Set(infos.map(digestKey)) }
    }
    const write = (from: number) => Promise.all(range(from).map((id) => client.upsert('c', [{ id, vector: [id, 1] }])))
    await client.createCollection('c', { vectors: { size: 2, distance: 'Dot' } })
    await write(1)
    await until('three regions hold the same', async () => (await digests(urls)).keys.size === 1)

    const gone = servers.find(({ url }) => url === client.url)!
    const left = urls.filter((url) => url !== gone.url)
    // With the writes of this round under way: some end there, some are answered with 503, some find nobody.
    const [during] = await Promise.all([write(51), gone.close()])
    const after = await write(101)
    expect([...during, ...after].map(({ status }) => status)).toEqual(Array.from({ length: 100 }, () => 'completed'))
    expect(left).toContain(client.url)
    await until('the two that are left hold the same', async () => (await digests(left)).keys.size === 1)
    // What only the region that went away had acknowledged comes with its return; all else is here.
    for (const url of left) {
      const ids = (await new MeridianClient({ url }).scroll('c', { limit: 200 })).points.map(({ id }) => Number(id))
      expect(ids.filter((id) => id <= 50 || id > 100)).toEqual([...range(1), ...range(101)])
    }
    const official = await client.qdrant()
    expect((await official.query('c', { query: [1, 0], limit: 1 })).points).toMatchObject([{ id: 150, score: 150 }])
  } finally {
    await Promise.all(servers.map((server) => server.close()))
  }
})
