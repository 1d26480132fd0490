import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Finished, runCli } from '../cli/cli-process.js'
import {
  type FaultLink,
  freePort,
  LedgerWriter,
  noFaults,
  openFaultLink,
  RegionProcess,
  until,
  vectorOf,
} from './kit/index.js'

const DIMS = 256
/** About 20 MB of vectors. */
const POINTS = 20_000
const BATCH = 1000
const INTERRUPTIONS = 10
/** Bytes that a new region is sent, over those that the others store. */
const WIRE_MAX = 1.5
const KBPS = 6000
/** Written once, in a block of its own. */
const FRESH = 9_000_000

let dir: string
let eu: RegionProcess
let us: RegionProcess
let ap: RegionProcess
const started: RegionProcess[] = []
const links: FaultLink[] = []
const faults = noFaults()

const region = (options: ConstructorParameters<typeof RegionProcess>[0]): RegionProcess => {
  const made = new RegionProcess(options)
  started.push(made)
  return made
}

interface ClusterView {
  readonly storage: { readonly blockBytes: number }
  readonly purgeBlockedBy: readonly { readonly region: string }[]
  readonly bootstrap?: { readonly isDone: boolean; readonly bytes: { readonly done: number } }
}
const view = ({ client }: RegionProcess): Promise<ClusterView> =>
  client.call({ method: 'GET', path: '/meridian/cluster' })
const cli = (line: string, at: RegionProcess): Promise<Finished> => runCli([...line.split(' '), '--url', at.url], dir)
const digest = async ({ client }: RegionProcess): Promise<string> => JSON.stringify((await client.digest('c')).shards)
const equal = (...regions: RegionProcess[]): Promise<unknown> =>
  until('the regions are equal', async () => new Set(await Promise.all(regions.map(digest))).size === 1, {
    deadlineMs: 60_000,
    everyMs: 100,
  })

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'meridian-members-'))
  const [euPort, usPort] = [await freePort(), await freePort()]
  const at = (port: number): string => `http://127.0.0.1:${port}`
  eu = region({ region: 'eu', port: euPort, dataDir: join(dir, 'eu'), peers: { us: at(usPort) } })
  us = region({ region: 'us', port: usPort, dataDir: join(dir, 'us'), peers: { eu: at(euPort) } })
  if (faults) return
  for (const port of [euPort, usPort]) links.push(await openFaultLink({ target: `127.0.0.1:${port}`, seed: port }))
  const peers = { eu: at(links[0]!.port), us: at(links[1]!.port) }
  ap = region({ region: 'ap', port: await freePort(), dataDir: join(dir, 'ap'), peers, flags: { join: 'on' } })
  await Promise.all([eu.start(), us.start()])
  await eu.client.createCollection('c', { vectors: { size: DIMS, distance: 'Dot' } })
  await until('us has the collection', () => us.client.collectionExists('c'))
  for (let from = 0; from < POINTS; from += BATCH) {
    const points = Array.from({ length: BATCH }, (_, i) => ({ id: from + i, vector: vectorOf(from + i, DIMS) }))
    await eu.client.upsert('c', points)
  }
  await equal(eu, us)
}, 120_000)
afterAll(async () => {
  await Promise.all(started.map((each) => each.kill()))
  await Promise.all(links.map((link) => link.close()))
  await rm(dir, { recursive: true, force: true })
})

test.skipIf(faults)(
  `[E61] a region joins while writes go on: interrupted ten times it does not start over, and it serves nothing before it has caught up${faults ? ` (${faults})` : ''}`,
  async () => {
    const writers = [eu, us].map(
      ({ client }, n) => new LedgerWriter(client, { collection: 'c', dims: DIMS, firstId: (n + 1) * 1_000_000 }),
    )
    for (const link of links) link.set({ down: { kBps: KBPS } })
    const received = (): number => links.reduce((sum, { stats }) => sum + stats.down.bytes, 0)
    const all = (await view(eu)).storage.blockBytes
    expect(all).toBeGreaterThan(20_000_000)
    let refused = 0
    for (let n = 0; n < INTERRUPTIONS; n++) {
      if (!ap.isRunning) ap.spawn()
      // As much more each time: the last interruption is near the end.
      await until(`ap has been sent part ${n + 1}`, () => received() > ((n + 1) * all) / (INTERRUPTIONS + 2), {
        deadlineMs: 60_000,
      })
      const { isReady, reason } = await ap.client.ready()
      if (/joining/.test(reason)) refused++
      expect(isReady).toBe(false)
      await expect(ap.client.count('c')).rejects.toThrow(/joining|ECONN|fetch failed|reached/)
      await expect(ap.client.upsert('c', [{ id: 1, vector: vectorOf(1, DIMS) }])).rejects.toThrow()
      if (n % 2 === 0) await ap.kill()
      else for (const link of links) link.reset()
      for (const writer of writers) await writer.step()
    }
    expect(refused).toBeGreaterThanOrEqual(INTERRUPTIONS / 2)
    if (!ap.isRunning) ap.spawn()
    await ap.ready(120_000)
    const sent = received()
    expect(sent / (await view(eu)).storage.blockBytes).toBeLessThan(WIRE_MAX)
    for (const link of links) link.set({ down: { kBps: 0 } })
    for (const writer of writers) await writer.step()
    await equal(eu, us, ap)
    for (const writer of writers) expect(await writer.differences(ap.client)).toEqual([])

    // It serves, and counts for nothing before it was added.
    await expect(ap.client.upsert('c', [{ id: 1, vector: vectorOf(1, DIMS) }], { concern: 'quorum' })).rejects.toThrow(
      /joining/,
    )
    expect(await cli('region add ap --wait', eu)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/ap .* is active/),
    })
    await until('ap has heard of it', async () =>
      (await ap.client.regionList()).members.every(({ status }) => status === 'active'),
    )
    const written = await ap.client.upsert('c', [{ id: 1, vector: vectorOf(1, DIMS) }], { concern: 'all' })
    expect(written.status).toBe('completed')
    expect((await cli('region list', us)).stdout).toMatch(/^ap +\d+ +active/m)
  },
  240_000,
)

test.skipIf(faults)(
  `[E62] a lost region is replaced; its former incarnation comes back, is refused, says so and never writes again${faults ? ` (${faults})` : ''}`,
  async () => {
    const former = (await ap.client.cluster()).replica
    await ap.stop()
    await cp(join(dir, 'ap'), join(dir, 'ap-former'), { recursive: true })
    await rm(join(dir, 'ap'), { recursive: true })
    // Without it: nothing counts on it any more, and writes at `all` go on.
    expect(await cli('region retire ap --force --wait', eu)).toMatchObject({ code: 0 })
    expect((await us.client.upsert('c', [{ id: 2, vector: vectorOf(2, DIMS) }], { concern: 'all' })).status).toBe(
      'completed',
    )

    const again = region({ ...ap.options, flags: { join: 'on', 'replica-number': '250' } })
    await again.start()
    expect(await cli('region add ap --wait', us)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('(replica 250)'),
    })
    await equal(eu, us, again)

    const old = region({ ...ap.options, port: await freePort(), dataDir: join(dir, 'ap-former') })
    old.spawn()
    const sentence =
      /retired: .*start with an empty|was retired: start it with an empty data directory, --join and a fresh --replica-number/
    await until('the former incarnation says so', () => old.log.some((line) => sentence.test(line)))
    await until('it is not ready', async () => /retired/.test((await old.client.ready()).reason))
    await expect(old.client.upsert('c', [{ id: 3, vector: vectorOf(3, DIMS) }])).rejects.toThrow(/retired/)
    await old.kill()
    old.spawn()
    await until('over a restart too', async () => /retired/.test((await old.client.ready()).reason))
    await expect(old.client.upsert('c', [{ id: 3, vector: vectorOf(3, DIMS) }])).rejects.toThrow(/retired/)
    expect((await eu.client.cluster()).peers.some((peer) => peer.replica === former && peer.state === 'linked')).toBe(
      false,
    )
    await old.kill()

    const fresh = await again.client.upsert('c', [{ id: 4, vector: vectorOf(4, DIMS) }], { concern: 'all' })
    expect(fresh.status).toBe('completed')
    await equal(eu, us, again)
    ap = again
  },
  180_000,
)

test.skipIf(faults)(
  `[E63] a region that is retired refuses writes and is refused by the others, over a restart too; they go on without it${faults ? ` (${faults})` : ''}`,
  async () => {
    expect(await cli('region retire us --wait', eu)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/us .* is retired/),
    })
    await until('us says so', async () => /retired/.test((await us.client.ready()).reason))
    // Until it does, it passes on to us what it hears.
    await until('ap knows', async () => /^us +\d+ +retired/m.test((await cli('region list', ap)).stdout))
    await expect(us.client.upsert('c', [{ id: 5, vector: vectorOf(5, DIMS) }])).rejects.toThrow(/retired/)
    expect((await eu.client.upsert('c', [{ id: FRESH, vector: vectorOf(6, DIMS) }], { concern: 'all' })).status).toBe(
      'completed',
    )
    await us.stop()
    us.spawn()
    await until('over a restart too', async () => /retired/.test((await us.client.ready()).reason))
    expect((await us.client.retrieve('c', [FRESH])).length).toBe(0)
    // A delete is forgotten without it.
    await eu.client.delete('c', { points: [FRESH] })
    await until(
      'what it deleted is gone from the blocks of both',
      async () => {
        const { regions } = await eu.client.erasure('c', FRESH)
        return regions.length === 2 && regions.every(({ blocks, log }) => blocks === 'clear' && log === 'clear')
      },
      { deadlineMs: 60_000, everyMs: 200 },
      () => eu.client.erasure('c', FRESH),
    )
    expect((await eu.client.erasure('c', FRESH)).retired).toContain('us')
    expect((await view(eu)).purgeBlockedBy).toEqual([])
    await equal(eu, ap)
  },
  120_000,
)
