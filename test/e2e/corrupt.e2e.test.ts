import { expect, test } from 'vitest'
import { Cluster, LedgerWriter, noFaults, RecordWatch, until, vectorOf } from './kit/index.js'

const DIMS = 64
const KEPT = Array.from({ length: 40 }, (_, id) => id)
/** Of the chunks that a link carries. */
const CORRUPT = 0.02
const REFUSED_MIN = 3

const faults = noFaults()

const refusedBy = (cluster: Cluster): Promise<number[]> =>
  Promise.all(
    cluster.regions.map(async ({ client }) => {
      const { counters } = await client.call<{ counters: { framesRefused: number } }>({
        method: 'GET',
        path: '/meridian/cluster',
      })
      return counters.framesRefused
    }),
  )

test.skipIf(faults)(
  `[E37] links that flip bits: frames are refused and counted, links begin anew, nothing false is applied${faults ? ` (${faults})` : ''}`,
  async () => {
    await using cluster = await Cluster.open({ faults: true })
    const [eu] = cluster.regions
    await eu!.client.createCollection('c', { vectors: { size: DIMS, distance: 'Euclid' } })
    await eu!.client.upsert(
      'c',
      KEPT.map((id) => ({ id, vector: vectorOf(id, DIMS), payload: { id } })),
    )
    await cluster.agreed('c')
    const watches = cluster.regions.map(({ name, client }) =>
      RecordWatch.start(name, client, {
        collection: 'c',
        kept: KEPT,
        doomed: [],
        query: Array.from(vectorOf(1, DIMS)),
      }),
    )
    const writers = cluster.regions.map(
      ({ client }, n) => new LedgerWriter(client, { collection: 'c', dims: DIMS, firstId: (n + 1) * 1_000_000 }),
    )
    for (const [a, b] of [
      ['eu', 'us'],
      ['us', 'ap'],
      ['ap', 'eu'],
    ] as const)
      cluster.links!.setBetween(a, b, { corrupt: CORRUPT })
    for (const writer of writers) writer.start()
    await until(
      'frames were refused',
      async () => (await refusedBy(cluster)).reduce((all, each) => all + each, 0) >= REFUSED_MIN,
      { deadlineMs: 60_000 },
      () => refusedBy(cluster),
    )
    await until('every region has taken writes', () => writers.every(({ acknowledged }) => acknowledged > 500))
    await Promise.all(writers.map((writer) => writer.stop()))
    cluster.links!.heal()
    await cluster.linked()
    await cluster.agreed('c')
    for (const writer of writers) {
      expect(writer.failures).toEqual([])
      for (const { client } of cluster.regions) expect(await writer.differences(client)).toEqual([])
    }
    for (const watch of watches) expect(await watch.stop()).toEqual([])
    const counted = await refusedBy(cluster)
    for (const [n, { url }] of cluster.regions.entries()) {
      const metrics = await (await fetch(`${url}/metrics`)).text()
      expect(metrics).toContain(`\nframes_refused_total ${counted[n]}\n`)
    }
  },
  120_000,
)
