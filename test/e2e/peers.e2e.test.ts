import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PeerInfo } from '@meridian/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort, LedgerWriter, RegionProcess, until } from './kit/index.js'

const DIMS = 16
const NAMES = ['eu', 'us', 'ap'] as const
type Name = (typeof NAMES)[number]

let dir: string
const started: RegionProcess[] = []

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'meridian-peers-'))
})
afterAll(async () => {
  await Promise.all(started.map((region) => region.kill()))
  await rm(dir, { recursive: true, force: true })
})

/** Regions that know each other; none runs yet. */
const regions = async (prefix: string, flags: Partial<Record<Name, Record<string, string>>> = {}) => {
  const ports = Object.fromEntries(await Promise.all(NAMES.map(async (name) => [name, await freePort()] as const)))
  const make = (region: Name): RegionProcess => {
    const peers = NAMES.filter((name) => name !== region).map(
      (name) => [name, `http://127.0.0.1:${ports[name]}`] as const,
    )
    const process = new RegionProcess({
      ...{ region, port: ports[region]!, dataDir: join(dir, prefix, region), peers: Object.fromEntries(peers) },
      ...(flags[region] === undefined ? {} : { flags: flags[region] }),
    })
    started.push(process)
    return process
  }
  return { eu: make('eu'), us: make('us'), ap: make('ap') }
}

interface Link {
  readonly region: string
  readonly dialer: { readonly kind: string; readonly reason?: string }
}

const cluster = ({ client }: RegionProcess): Promise<{ links: Link[]; peers: PeerInfo[] }> =>
  client.call({ method: 'GET', path: '/meridian/cluster' })

const linkReason = async (region: RegionProcess, peer: string): Promise<string | undefined> =>
  (await cluster(region)).links.find((link) => link.region === peer)?.dialer.reason

/** The peer's link is up, by the newest incarnation of its name. */
const linked = (region: RegionProcess, peer: string): Promise<unknown> =>
  until(`${region.name} is linked with ${peer}`, async () =>
    (await cluster(region)).peers.some((each) => each.region === peer && each.state === 'linked'),
  )

const write = async (region: RegionProcess, collection: string, firstId: number): Promise<LedgerWriter> => {
  const writer = new LedgerWriter(region.client, { collection, dims: DIMS, firstId })
  for (let step = 0; step < 3; step++) await writer.step()
  return writer
}

const create = ({ client }: RegionProcess, name: string): Promise<boolean> =>
  client.createCollection(name, { vectors: { size: DIMS, distance: 'Dot' } })

const holds = (region: RegionProcess, writer: LedgerWriter): Promise<unknown> =>
  until(`${region.name} holds everything`, async () => (await writer.differences(region.client)).length === 0)

/** Starts a region that must refuse to. @returns exit code and last line */
const refusal = async (region: RegionProcess): Promise<[number | null, string]> => {
  region.spawn()
  await until(`${region.name} has ended`, () => !region.isRunning)
  return [await region.signal('SIGKILL'), region.log.at(-1) ?? '']
}

test('[E33] a region whose peers are dead starts and takes writes; whoever comes late gets them', async () => {
  const { eu, us, ap } = await regions('late')
  await eu.start()
  await create(eu, 'c')
  const writer = await write(eu, 'c', 1)
  expect(await writer.differences(eu.client)).toEqual([])
  expect(await linkReason(eu, 'us')).toMatch(/ECONNREFUSED/)
  await us.start()
  await holds(us, writer)
  await eu.kill()
  await ap.start()
  // From `us` alone: the one that took the writes is dead.
  await holds(ap, writer)
  const late = await write(ap, 'c', 1_000_000)
  await eu.start()
  await holds(eu, late)
  await Promise.all([eu, us, ap].map((region) => region.kill()))
}, 120_000)

test('[E34] a peer with another cluster key is not let in, and both sides say why', async () => {
  const { eu, us } = await regions('keys', { eu: { 'cluster-key': 'right' }, us: { 'cluster-key': 'wrong' } })
  await Promise.all([eu.start(), us.start()])
  await create(eu, 'c')
  for (const [own, other] of [
    [eu, us],
    [us, eu],
  ] as const) {
    await until(`${own.name} knows why`, async () =>
      /wrong or missing cluster key/.test((await linkReason(own, other.name)) ?? ''),
    )
    await until(`${own.name} has logged it`, () =>
      own.log.some((line) => line.includes('wrong or missing cluster key')),
    )
    expect(own.log.join('\n')).not.toMatch(/"(right|wrong)"|Bearer/)
  }
  expect((await cluster(eu)).peers).toEqual([])
  expect(await us.client.collectionExists('c')).toBe(false)
  await Promise.all([eu.kill(), us.kill()])
}, 60_000)

test('[E35] a data directory is opened by one process at a time, and only by its own region', async () => {
  const { eu, us } = await regions('directories')
  await eu.start()
  const second = new RegionProcess({ ...eu.options, port: await freePort() })
  expect(await refusal(second)).toEqual([1, expect.stringMatching(/data directory .* is in use by process \d+/)])
  await eu.kill()
  const other = new RegionProcess({ ...us.options, dataDir: eu.options.dataDir })
  expect(await refusal(other)).toEqual([
    1,
    expect.stringMatching(/the data directory belongs to region eu \(replica \d+\), not to us/),
  ])
  await eu.start()
  await eu.kill()
}, 60_000)

test('[E65] a process on a copy of a directory is no second node: refused while the first is there, and given up once it has written', async () => {
  const { eu, us, ap } = await regions('twins')
  await Promise.all([eu.start(), us.start(), ap.start()])
  await create(eu, 'c')
  await until('us has the collection', () => us.client.collectionExists('c'))
  const first = await write(us, 'c', 1)
  await holds(eu, first)
  await us.stop()
  const copy = new RegionProcess({
    ...us.options,
    port: await freePort(),
    dataDir: `${us.options.dataDir}-copy`,
    flags: { 'log-level': 'info' },
  })
  started.push(copy)
  await cp(us.options.dataDir, copy.options.dataDir, { recursive: true })
  await us.start()
  await linked(us, 'eu')
  await linked(us, 'ap')

  // While the first is heard the second is told, and takes no writes.
  copy.spawn()
  const sentence = /two processes run as region us/
  await until('the copy says so', async () => sentence.test((await copy.client.ready()).reason))
  await expect(copy.client.upsert('c', [{ id: 1, vector: Array(DIMS).fill(1) }])).rejects.toThrow(sentence)
  await until('eu has logged it', () => eu.log.some((line) => sentence.test(line)))
  const second = await write(us, 'c', 1_000_000)
  for (const region of [eu, us, ap]) for (const writer of [first, second]) await holds(region, writer)
  expect((await cluster(eu)).peers.find(({ region }) => region === 'us')?.state).toBe('linked')
  await copy.kill()

  // Now it writes while nobody hears it, and meets peers that have other, and more, writes under the same numbers.
  const alone = new RegionProcess({ ...copy.options, peers: {} })
  started.push(alone)
  await alone.start()
  await alone.client.upsert('c', [{ id: 5_000_000, vector: Array(DIMS).fill(1) }])
  await alone.kill()
  copy.spawn()
  const gone = /newer transactions of ours than this data directory|older than what/
  await until('the copy is fenced', async () => gone.test((await copy.client.ready()).reason), { deadlineMs: 60_000 })
  await expect(copy.client.upsert('c', [{ id: 2, vector: Array(DIMS).fill(1) }])).rejects.toThrow(gone)
  for (const region of [eu, us, ap]) {
    for (const writer of [first, second]) await holds(region, writer)
    expect(await region.client.retrieve('c', [5_000_000])).toEqual([])
  }
  // For good, also when the first is gone.
  await Promise.all([us.stop(), copy.kill()])
  copy.spawn()
  await until('it is fenced over a restart too', async () => gone.test((await copy.client.ready()).reason))
  await us.start()
  const digests = await Promise.all([eu, us, ap].map(async ({ client }) => (await client.digest('c')).shards))
  expect(new Set(digests.map((shards) => JSON.stringify(shards.map(({ digest }) => digest)))).size).toBe(1)
  await Promise.all([eu, us, ap, copy].map((region) => region.kill()))
}, 180_000)

test('[E36] a wiped region is refused by its peers in words, and comes back under a fresh replica number', async () => {
  const { eu, us, ap } = await regions('wiped')
  await Promise.all([eu.start(), us.start(), ap.start()])
  await create(eu, 'c')
  await until('us has the collection', () => us.client.collectionExists('c'))
  await linked(ap, 'us')
  const ofUs = await write(us, 'c', 1)
  await holds(eu, ofUs)
  await us.kill()
  await rm(us.options.dataDir, { recursive: true })
  us.spawn()
  await until('eu has logged it', () =>
    eu.log.some((line) => /us came back with another data directory: .*--replica-number/.test(line)),
  )
  const sentence = /start with an empty directory, --join and a fresh --replica-number/
  await until('us has logged it', () => us.log.some((line) => sentence.test(line)))
  expect(await us.client.listCollections()).toEqual([])
  // A write that could never reach the others is not taken.
  await until('us listens', async () => (await cluster(us)).peers.length === 0)
  expect(await us.client.ready()).toMatchObject({ isReady: false, reason: expect.stringMatching(sentence) })
  await expect(create(us, 'd')).rejects.toThrow(sentence)
  await until('it shows why', async () => /replica-number|older than/.test((await linkReason(us, 'eu')) ?? ''))
  await us.kill()

  await rm(us.options.dataDir, { recursive: true })
  const again = new RegionProcess({ ...us.options, flags: { 'replica-number': '250' } })
  started.push(again)
  await again.start()
  await linked(again, 'eu')
  await holds(again, ofUs)
  const fresh = await write(again, 'c', 1_000_000)
  for (const region of [eu, ap]) await holds(region, fresh)
  const digests = await Promise.all([eu, again, ap].map(async ({ client }) => (await client.digest('c')).shards))
  const roots = digests.map((shards) => shards.map(({ digest }) => digest).sort())
  expect(roots[1]).toEqual(roots[0])
  expect(roots[2]).toEqual(roots[0])
}, 120_000)
