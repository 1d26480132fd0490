import { expect, test, vi } from 'vitest'
import { Cluster, noFaults, until } from './index.js'

test('[E1] three processes link up, replicate, and outlive kill and restart of one', async () => {
  await using cluster = await Cluster.open()
  const [eu, us, ap] = cluster.regions
  await eu!.client.createCollection('c', { vectors: { size: 2, distance: 'Dot' } })
  await until(
    'us and ap have the collection',
    async () => (await us!.client.collectionExists('c')) && ap!.client.collectionExists('c'),
  )
  for (const [n, { client }] of cluster.regions.entries()) await client.upsert('c', [{ id: n, vector: [n, 1] }])
  expect(await cluster.agreed('c')).toMatchObject({ count: 3 })
  await ap!.kill()
  await eu!.client.upsert('c', [{ id: 3, vector: [3, 1] }])
  expect(await cluster.agreed('c')).toMatchObject({ count: 4 })
  await ap!.start()
  await cluster.linked()
  expect(await cluster.agreed('c')).toMatchObject({ count: 4 })
  expect(await ap!.stop()).toBe(0)
})

test('[E8] a process that ends unasked leaves its signal and its last log lines beside the failure; one that is killed does not', async () => {
  await using cluster = await Cluster.open({ regions: ['eu', 'us'] })
  const [eu, us] = cluster.regions
  const printed = vi.spyOn(console, 'error').mockImplementation(() => {})
  try {
    await us!.kill()
    expect(us!.lastWords).toBeUndefined()
    await until('eu misses us, and says so', () => eu!.log.length > 0)
    process.kill(eu!.pid!, 'SIGABRT')
    await until('eu has ended', () => eu!.lastWords)
    expect(eu!.lastWords).toMatch(/^region eu ended by itself, exit code null, signal SIGABRT; its last lines:\n/)
    expect(eu!.lastWords).toContain('"level"')
    expect(printed.mock.calls).toEqual([[eu!.lastWords]])
  } finally {
    printed.mockRestore()
  }
})

const faults = noFaults()
test.skipIf(faults)(
  `[E2] a cut direction keeps records back until it heals${faults ? ` (${faults})` : ''}`,
  async () => {
    await using cluster = await Cluster.open({ faults: true })
    const [eu, , ap] = cluster.regions
    await eu!.client.createCollection('c', { vectors: { size: 2, distance: 'Dot' } })
    await until('ap has the collection', () => ap!.client.collectionExists('c'))
    cluster.links!.isolate('ap')
    await until('eu sees ap gone', async () =>
      (await eu!.client.cluster()).peers.some((peer) => peer.region === 'ap' && peer.state === 'down'),
    )
    await eu!.client.upsert('c', [{ id: 1, vector: [1, 1] }])
    await until('us has it', async () => (await cluster.region('us').client.count('c')) === 1)
    expect(await ap!.client.count('c')).toBe(0)
    cluster.links!.heal()
    expect(await cluster.agreed('c')).toMatchObject({ count: 1 })
    expect(cluster.links!.totalBytes).toBeGreaterThan(0)
  },
)
