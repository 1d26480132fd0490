import { fileURLToPath } from 'node:url'
import { SeededRandom } from '@meridian/core/seeded-random'
import { expect, test } from 'vitest'
import { Cluster, type ClusterOptions, healLinks, hurt, noFaults, registerHistory } from './kit/index.js'

const FULL = process.env.MERIDIAN_TEST_FULL === '1'
/** Half of them with 3 regions, half with 5. */
const HISTORIES = Number(process.env.MERIDIAN_HISTORIES ?? (FULL ? 500 : 20))
const HISTORY_MS = 1500
const NO_WRITE_BACK = new URL('./kit/no-write-back.mjs', import.meta.url).href
const linkTest = test.skipIf(noFaults())

interface Totals {
  histories: number
  answered: number
  unknown: number
  violations: number
}

const histories = async (
  count: number,
  options: ClusterOptions,
  until: (totals: Totals) => boolean,
): Promise<Totals> => {
  await using cluster = await Cluster.open({ ...options, faults: true })
  const collection = 'registers'
  await cluster.regions[0]!.client.createCollection(collection, { vectors: { size: 2, distance: 'Dot' } })
  await cluster.agreed(collection)
  healLinks(cluster)
  const totals = { histories: 0, answered: 0, unknown: 0, violations: 0 }
  const random = new SeededRandom(cluster.regions.length)
  while (totals.histories < count && !until(totals)) {
    const report = await registerHistory(cluster, {
      collection,
      firstId: 1 + totals.histories * 10,
      forMs: HISTORY_MS,
      random: random.fork(),
      faults: (forMs) => hurt(cluster, random.fork(), forMs),
    })
    await cluster.linked()
    totals.histories++
    totals.answered += report.answered
    totals.unknown += report.unknown
    if (!report.isLinearizable) totals.violations++
  }
  return totals
}

for (const regions of [
  ['eu', 'us', 'ap'],
  ['eu', 'us', 'ap', 'sa', 'af'],
])
  linkTest(
    `[GU93] ${regions.length} regions: what clients see under kill -9, pauses and cuts is a register`,
    async () => {
      const totals = await histories(HISTORIES / 2, { regions }, () => false)
      console.log(`${regions.length} regions: ${JSON.stringify(totals)}`)
      expect(totals.violations).toBe(0)
      // Or nothing was seen.
      expect(totals.answered).toBeGreaterThan(totals.histories * 10)
    },
    FULL || HISTORIES > 20 ? 3_600_000 : 300_000,
  )

test.skipIf(noFaults() !== undefined || !FULL)(
  '[GU94] sabotage: reads that are answered before a majority has what they show are noticed',
  async () => {
    const env = { NODE_OPTIONS: `--import ${fileURLToPath(NO_WRITE_BACK)}` }
    const totals = await histories(400, { env }, ({ violations }) => violations > 0)
    console.log(`without the write-back: ${JSON.stringify(totals)}`)
    expect(totals.violations).toBe(1)
  },
  3_600_000,
)
