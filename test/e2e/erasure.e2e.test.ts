import { expect, test } from 'vitest'
import { Cluster, until } from './kit/index.js'

const LIVE = 3000
const DIMS = 8

test('[E60] three processes: a deleted point is followed until no region has anything of it, graph and index files included', async () => {
  await using cluster = await Cluster.open()
  const [eu, us, ap] = cluster.regions.map(({ client }) => client)
  await eu!.createCollection('c', { vectors: { size: DIMS, distance: 'Euclid' } })
  await until('all have the collection', async () => (await us!.collectionExists('c')) && ap!.collectionExists('c'))
  const vector = (id: number): number[] => Array.from({ length: DIMS }, (_, i) => Math.sin(id * (i + 1)))
  for (let from = 0; from < LIVE; from += 500)
    await eu!.upsert(
      'c',
      Array.from({ length: 500 }, (_, i) => ({ id: from + i, vector: vector(from + i), payload: { text: 'secret' } })),
    )
  await cluster.agreed('c')
  await cluster.indexed('c')

  // ap is away: what it may lack is kept by all, and it is said to be unknown.
  await cluster.region('ap').kill()
  await us!.delete('c', { points: [7] })
  const away = await until('eu has the delete', async () => {
    const erasure = await eu!.erasure('c', 7)
    return erasure.regions.some(({ region, state }) => region === 'eu' && state === 'deleted') && erasure
  })
  expect(away).toMatchObject({ state: 'deleted', erased: false })
  expect(away.regions.find(({ region }) => region === 'ap')).toMatchObject({ state: 'unknown', blocks: 'unknown' })
  expect(away.regions.find(({ region }) => region === 'eu')).toMatchObject({ blocks: 'holds', graph: 'holds' })
  await cluster.region('ap').start()
  await cluster.linked()

  // So much that the blocks it is in have nothing live left, and the graphs are built anew.
  await us!.delete('c', { points: Array.from({ length: 1800 }, (_, i) => i) })
  await until(
    'blocks and graphs are clear of it',
    async () =>
      (await eu!.erasure('c', 7)).regions.every(({ log, blocks, graph }) =>
        [log, blocks, graph].every((each) => each === 'clear'),
      ),
    { deadlineMs: 60_000 },
    () => eu!.erasure('c', 7),
  )
  // A stop writes what the graph is now.
  for (const region of cluster.regions) {
    await region.stop()
    await region.start()
  }
  await cluster.linked()
  await until(
    'it is erased',
    async () => (await ap!.erasure('c', 7)).erased,
    { deadlineMs: 60_000 },
    () => ap!.erasure('c', 7),
  )
})
