import { expect, test } from 'vitest'
import { Cluster, type RegionProcess, until } from './kit/index.js'

/** Within which everything must show. */
const SHOWS_MS = 15_000

interface Health {
  readonly degradations: readonly { readonly code: string; readonly peer: string | null; readonly message: string }[]
}

const health = ({ client }: RegionProcess): Promise<Health> => client.call({ method: 'GET', path: '/health' })

/** Until `/health` lists it: its sentence. */
const shows = (region: RegionProcess, code: string): Promise<string> =>
  until(
    `${region.name} shows ${code}`,
    async () => (await health(region)).degradations.find((each) => each.code === code)?.message,
    { deadlineMs: SHOWS_MS },
    () => health(region),
  )

test('[E40] P3: a region that is frozen is silent to the others, and tells of its standstill when it goes on', async () => {
  await using cluster = await Cluster.open({ regions: ['eu', 'us'] })
  const [eu, us] = cluster.regions as [RegionProcess, RegionProcess]
  await eu.client.createCollection('c', { vectors: { size: 2, distance: 'Dot' } })
  await cluster.agreed('c')
  us.pause()
  await eu.client.upsert('c', [{ id: 1, vector: [1, 2] }])
  expect(await shows(eu, 'PEER_SILENT')).toMatch(/^region us has not been heard for \d+ s.*: it lacks 1 writes/)
  await until('eu has logged it', () => eu.log.some((line) => line.includes('degraded: region us has not been heard')))
  expect((await eu.client.cluster()).onlyHere).toMatchObject({ writes: 1, unheard: [] })
  us.resume()
  expect(await shows(us, 'EVENT_LOOP_BLOCKED')).toMatch(/^this process stood still for \d+\.\d s/)
  await until('it is over', async () => !(await health(eu)).degradations.some(({ code }) => code === 'PEER_SILENT'))
  await cluster.agreed('c')
  expect((await eu.client.cluster()).onlyHere).toMatchObject({ seconds: 0, writes: 0, bytes: 0 })
}, 60_000)
