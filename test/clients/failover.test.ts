import { digestKey, MeridianClient } from '@meridian/client'
import { expect, test } from 'vitest'
import { until } from '../e2e/kit/until.js'
import { openServers } from './kit/regions.js'

test('[CL8] one of three regions goes away in the middle: every write is taken, once, and the official client follows', async () => {
  const servers = await openServers(3)
  try {
    const urls = servers.map(({ url }) => url)
    const client = new MeridianClient({ url: urls })
    const digests = async (among: readonly string[]) => {
      const infos = await Promise.all(among.map((url) => new MeridianClient({ url, retry: false }).digest('c')))
      return { live: infos.map(({ live }) => live), keys: new Set(infos.map(digestKey)) }
    }
    const write = (from: number) =>
      Promise.all(Array.from({ length: 50 }, (_, i) => client.upsert('c', [{ id: from + i, vector: [from + i, 1] }])))
    await client.createCollection('c', { vectors: { size: 2, distance: 'Dot' } })
    await write(1)
    await until('three regions hold the same', async () => (await digests(urls)).keys.size === 1)

    const gone = servers.find(({ url }) => url === client.url)!
    const left = urls.filter((url) => url !== gone.url)
    await gone.close()
    const taken = await write(51)
    expect(taken.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 'completed'))
    expect(left).toContain(client.url)
    await until('two regions hold everything', async () => {
      const { live, keys } = await digests(left)
      return keys.size === 1 && live.every((count) => count === 100)
    })
    const official = await client.qdrant()
    expect((await official.query('c', { query: [1, 0], limit: 1 })).points).toMatchObject([{ id: 100, score: 100 }])
  } finally {
    await Promise.all(servers.map((server) => server.close()))
  }
})
