import { ClientError } from '@meridian/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  Cluster,
  LedgerWriter,
  noDisk,
  RecordWatch,
  type RegionProcess,
  SmallDisk,
  until,
  vectorOf,
} from './kit/index.js'

const ROUNDS = process.env.MERIDIAN_TEST_FULL === '1' ? 10 : 3
const DIMS = 64
const DISK_MB = 64
const KEPT = Array.from({ length: 40 }, (_, id) => id)

const why = noDisk()
const suffix = why === undefined ? '' : ` (${why})`
const diskTest = test.skipIf(why)

let disk: SmallDisk
let cluster: Cluster
let eu: RegionProcess
let us: RegionProcess

/** `us` stores on a disk of its own. */
beforeAll(async () => {
  if (why !== undefined) return
  disk = await SmallDisk.make(DISK_MB)
  cluster = await Cluster.open({ dataDir: (region) => (region === 'us' ? disk.dataDir : undefined) })
  ;[eu, us] = cluster.regions as [RegionProcess, RegionProcess]
})
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]()
  await disk?.[Symbol.asyncDispose]()
})

const open = async (collection: string): Promise<{ own: LedgerWriter[]; others: LedgerWriter[] }> => {
  await eu.client.createCollection(collection, { vectors: { size: DIMS, distance: 'Euclid' } })
  await eu.client.upsert(
    collection,
    KEPT.map((id) => ({ id, vector: vectorOf(id, DIMS), payload: { id } })),
  )
  await cluster.agreed(collection)
  const writers = [us, us, us, eu].map(
    ({ client }, n) => new LedgerWriter(client, { collection, dims: DIMS, batch: 50, firstId: (n + 1) * 1_000_000 }),
  )
  return { own: writers.slice(0, 3), others: writers.slice(3) }
}

const watch = (collection: string, { name, client }: RegionProcess, mayBeAway: boolean): RecordWatch =>
  RecordWatch.start(name, client, {
    ...{ collection, kept: KEPT, doomed: [], query: Array.from(vectorOf(1, DIMS)), mayBeAway },
  })

const differences = async (writers: readonly LedgerWriter[], { client }: RegionProcess): Promise<string[]> =>
  (await Promise.all(writers.map((writer) => writer.differences(client)))).flat()

const sum = (writers: readonly LedgerWriter[]): number =>
  writers.reduce((all, { acknowledged }) => all + acknowledged, 0)

diskTest(
  `[E31] power loss under load, again and again: what was acknowledged is there, and the others catch it up${suffix}`,
  async () => {
    const { own, others } = await open('powerless')
    const watching = watch('powerless', eu, false)
    for (let round = 0; round < ROUNDS; round++) {
      const before = sum(own)
      for (const writer of [...own, ...others]) writer.start()
      await until('us has acknowledged a lot', () => sum(own) > before + 1000)
      await disk.powerLoss()
      // Its writers end by themselves: from now on nothing can be acknowledged.
      await until('us fails', async () => own.every(({ failures }) => failures.length > round))
      await us.kill()
      await Promise.all([...own, ...others].map((writer) => writer.stop()))
      await disk.restore()
      await us.start()
      expect(await differences(own, us)).toEqual([])
      await cluster.linked()
      await cluster.agreed('powerless')
      for (const region of cluster.regions) expect(await differences([...own, ...others], region)).toEqual([])
    }
    expect(await watching.stop()).toEqual([])
  },
  180_000,
)

diskTest(
  `[E31] a disk that fails is not written to any more, and the region says so${suffix}`,
  async () => {
    await disk.powerLoss()
    const error = await us.client.upsert('powerless', [{ id: 7, vector: vectorOf(7, DIMS) }]).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(ClientError)
    expect([error.status, error.message]).toEqual([500, expect.stringMatching(/stable storage/)])
    expect((await us.client.ready()).isReady).toBe(false)
    expect((await fetch(`${us.url}/livez`)).status).toBe(503)
    await us.kill()
    await disk.restore()
    await us.start()
    await cluster.linked()
    await cluster.agreed('powerless')
  },
  60_000,
)

diskTest(
  `[E32] a full disk refuses writes in words, reads on, and recovers without a restart${suffix}`,
  async () => {
    const { own, others } = await open('full')
    const watches = cluster.regions.map((region) => watch('full', region, false))
    for (const writer of [...own, ...others]) writer.start()
    await until('us has acknowledged some', () => sum(own) > 500)
    await disk.fill()
    await until('every writer of us is refused', () => own.every(({ failures }) => failures.length > 0))
    for (const { failures } of own) {
      expect(failures[0]!.status).toBe(507)
      expect(failures[0]!.message).toMatch(/^No space left: no space for the batch/)
    }
    const count = sum(others)
    await until('eu goes on taking writes', () => sum(others) > count + 500)
    await Promise.all([...own, ...others].map((writer) => writer.stop()))
    for (const writer of own) expect(await writer.differences(us.client)).toEqual([])
    const behind = async () =>
      (await eu.client.cluster()).peers.find((peer) => peer.region === 'us')?.behind.writes ?? 0
    expect(await behind()).toBeGreaterThan(0)
    expect((await us.client.query('full', { query: Array.from(vectorOf(1, DIMS)), limit: 1 }))[0]?.id).toBe(1)

    const { pid } = us
    await disk.empty()
    for (const writer of own) await until('us takes writes again', () => writer.step().then(() => true))
    await cluster.agreed('full')
    for (const region of cluster.regions) expect(await differences([...own, ...others], region)).toEqual([])
    for (const watching of watches) expect(await watching.stop()).toEqual([])
    expect([us.lastWords, us.pid]).toEqual([undefined, pid])
  },
  120_000,
)
