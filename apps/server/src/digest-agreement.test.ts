import { expect, test } from 'vitest'
import { type Kit, openKit } from './testing/region-kit.js'

const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve))
}

interface Compared {
  readonly digests: {
    shard: number
    peers: { region: string; state: string; last?: string; comparedMsAgo?: number }[]
  }[]
}
const compared = async (kit: Kit): Promise<Compared['digests']> =>
  ((await kit.ok('GET', '/meridian/cluster')).collections as Compared[])[0]?.digests ?? []

test('[AE6] /meridian/cluster and the metrics tell by shard whether a peer agrees', async () => {
  const flags = { 'anti-entropy-ms': '100', shards: '2' }
  await using eu = await openKit({ flags })
  await eu.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Cosine' } })
  expect(await compared(eu)).toEqual([
    { shard: 0, peers: [] },
    { shard: 1, peers: [] },
  ])
  await using us = await openKit({ flags: { ...flags, region: 'us', 'replica-number': '77', peer: [`eu=${eu.url}`] } })
  for (const [kit, region] of [
    [eu, 'us'],
    [us, 'eu'],
  ] as const) {
    await until(async () => {
      const shards = await compared(kit)
      return shards.length === 2 && shards.every(({ peers }) => peers[0]?.state === 'agree')
    })
    for (const { peers } of await compared(kit)) {
      expect(peers).toMatchObject([{ region, state: 'agree', last: 'agree' }])
      expect(peers[0]!.comparedMsAgo).toBeGreaterThanOrEqual(0)
    }
    const metrics = await (await fetch(`${kit.url}/metrics`)).text()
    expect(metrics).toContain(`shard_digests{peer="${region}",state="agree"} 2`)
    expect(metrics).toContain(`shard_digests{peer="${region}",state="differ"} 0`)
    expect(metrics).toMatch(new RegExp(`shard_digests_compared_seconds\\{peer="${region}"\\} \\d`))
  }
})
