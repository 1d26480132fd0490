import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClientError } from '@meridian/client'
import { expect, test } from 'vitest'
import { Cluster, FakeTime, LedgerWriter, noFakeTime, type RegionProcess, until } from './kit/index.js'

const DIMS = 8
/** Within which everything must show. */
const SHOWS_MS = 15_000

const why = noFakeTime()

/** Three regions; the clock of `us` is ours to set. */
const open = async (): Promise<{ cluster: Cluster; clock: FakeTime } & AsyncDisposable> => {
  const dir = await mkdtemp(join(tmpdir(), 'meridian-clock-'))
  const clock = new FakeTime(join(dir, 'offset'))
  const cluster = await Cluster.open({ envOf: (region) => (region === 'us' ? clock.env : undefined) })
  await cluster.region('eu').client.createCollection('c', { vectors: { size: DIMS, distance: 'Dot' } })
  await until('every region has the collection', async () =>
    (await Promise.all(cluster.regions.map(({ client }) => client.collectionExists('c')))).every(Boolean),
  )
  return {
    ...{ cluster, clock },
    [Symbol.asyncDispose]: async () => {
      await cluster[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

interface Health {
  readonly degradations: readonly { readonly code: string; readonly peer: string | null; readonly message: string }[]
}

/** Until `/health` lists it: its sentence. */
const shows = (region: RegionProcess, code: string, peer: string | null = null): Promise<string> =>
  until(
    `${region.name} shows ${code} ${peer ?? ''}`,
    async () => {
      const { degradations } = await region.client.call<Health>({ method: 'GET', path: '/health' })
      return degradations.find((each) => each.code === code && each.peer === peer)?.message
    },
    { deadlineMs: SHOWS_MS },
    () => region.client.call({ method: 'GET', path: '/health' }),
  )

const put = (region: RegionProcess, id: number, by: string): Promise<unknown> =>
  region.client.upsert('c', [{ id, vector: new Array(DIMS).fill(1), payload: { by } }])

const shown = async (region: RegionProcess, id: number): Promise<unknown> =>
  (await region.client.retrieve('c', [id])).map(({ payload }) => payload?.by)[0]

/** Writes until it is refused for its clock: how many were taken, and the refusal. */
const writesUntilRefused = async (region: RegionProcess, id: number): Promise<string> =>
  until(
    `${region.name} refuses writes`,
    async () => {
      try {
        await put(region, id, `${region.name}, clock off`)
        return undefined
      } catch (error) {
        if (!(error instanceof ClientError)) throw error
        expect(error.status).toBe(503)
        return error.message
      }
    },
    { deadlineMs: SHOWS_MS },
  )

const writes = async (region: RegionProcess, firstId: number): Promise<LedgerWriter> => {
  const writer = new LedgerWriter(region.client, { collection: 'c', dims: DIMS, firstId })
  for (let step = 0; step < 3; step++) await writer.step()
  return writer
}

const holds = (region: RegionProcess, writer: LedgerWriter): Promise<unknown> =>
  until(`${region.name} holds everything`, async () => (await writer.differences(region.client)).length === 0)

/** What the others write while the clock of `us` is off stands with them, also over what `us` wrote. @returns what they wrote */
const othersWin = async ({ cluster }: { cluster: Cluster }, firstId: number): Promise<LedgerWriter[]> => {
  const [eu, , ap] = cluster.regions as [RegionProcess, RegionProcess, RegionProcess]
  await put(eu, 1, 'eu')
  await until('ap shows the write of eu', async () => (await shown(ap, 1)) === 'eu')
  const [ofEu, ofAp] = [await writes(eu, firstId), await writes(ap, firstId + 500_000)]
  for (const region of [eu, ap]) for (const writer of [ofEu, ofAp]) await holds(region, writer)
  // Whatever else of `us` has come since.
  expect([await shown(eu, 1), await shown(ap, 1)]).toEqual(['eu', 'eu'])
  return [ofEu, ofAp]
}

const title = (text: string): string => `${text}${why === undefined ? '' : ` (${why})`}`

test.skipIf(why)(
  title(
    '[E38] a clock two hours behind: its region refuses writes until it is right, restarted or not; nobody loses any',
  ),
  async () => {
    await using world = await open()
    const { cluster, clock } = world
    const [eu, us, ap] = cluster.regions as [RegionProcess, RegionProcess, RegionProcess]
    const before = await writes(us, 1_000_000)
    clock.set('-2h')
    expect(await writesUntilRefused(us, 1)).toMatch(/clock/)
    expect(await shows(us, 'CLOCK_OFF')).toMatch(/^no writes: this region's clock/)
    expect(await shows(eu, 'PEER_CLOCK_OFF', 'us')).toMatch(/^the clock of region us is 7[12]\d\d s behind ours/)
    await until('eu has logged it', () => eu.log.some((line) => line.includes('PEER_CLOCK_OFF')))
    // To `us` these are stamps of the future: it shows them when its clock is right.
    const meanwhile = await othersWin(world, 10_000_000)
    await us.stop()
    us.spawn()
    expect(await shows(us, 'CLOCK_OFF')).toMatch(/^no writes: this region's clock/)
    await expect(put(us, 1, 'us')).rejects.toThrow(/clock/)
    clock.set('+0')
    await until('us takes writes again', async () => (await us.client.ready()).isReady, { deadlineMs: SHOWS_MS })
    await put(us, 1, 'us, right again')
    for (const region of [eu, us, ap]) {
      await until(`${region.name} shows it`, async () => (await shown(region, 1)) === 'us, right again')
      for (const writer of [before, ...meanwhile]) await holds(region, writer)
    }
    await cluster.agreed('c')
  },
  120_000,
)

for (const [offset, words] of [
  ['+1h', /is 3[56]\d\d s ahead of ours/],
  ['+80y', /is 2\d{9} s ahead of ours/],
] as const)
  test.skipIf(why)(
    title(`[E39] a clock set to ${offset} while its region writes: later writes of the others win, and none is lost`),
    async () => {
      await using world = await open()
      const { cluster, clock } = world
      const [eu, us, ap] = cluster.regions as [RegionProcess, RegionProcess, RegionProcess]
      clock.set(offset)
      const refusal = await writesUntilRefused(us, 1)
      expect(refusal).toMatch(/this region's clock is \d+ ms off the median of its peers/)
      expect(await shows(us, 'CLOCK_OFF')).toContain('no writes')
      for (const region of [eu, ap]) {
        expect(await shows(region, 'PEER_CLOCK_OFF', 'us')).toMatch(words)
        // It wrote before it could know.
        expect(await shows(region, 'FUTURE_STAMPS')).toMatch(/^\d+ writes are stamped in the future/)
      }
      for (const writer of await othersWin(world, 10_000_000)) await holds(us, writer)
      // Set right, and started anew: its stamps do not go back, so it goes on refusing.
      clock.set('+0')
      await us.stop()
      us.spawn()
      expect(await shows(us, 'CLOCK_OFF')).toMatch(/its newest stamp is \d+ ms ahead .* replace the region/)
      await expect(put(us, 1, 'us')).rejects.toThrow(/went back/)
      for (const writer of await othersWin(world, 20_000_000)) await holds(us, writer)
    },
    120_000,
  )
