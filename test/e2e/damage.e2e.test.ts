import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeBlock, decodeEntryHead, encodeBlock, type StorageOp } from '@meridian/core'
import { LmdbStorage } from '@meridian/storage'
import { expect, test } from 'vitest'
import { Cluster, type RegionProcess, until, vectorOf } from './kit/index.js'

const DIMS = 16
const POINTS = 400
const BATCH = 20
/** Of a point, in its block and nowhere else in the file; digits and dashes do not occur in vectors by chance. */
const mark = (id: number): string => `<<the text of point ${id} stands here>>`

interface State {
  readonly damage: {
    readonly blocks: number
    readonly found: number
    readonly repaired: number
    readonly scrubs: number
  }
  readonly counters: { readonly recordsRepaired: number; readonly digestsUnequal: number }
}
const state = ({ client }: RegionProcess): Promise<State> => client.call({ method: 'GET', path: '/meridian/cluster' })

const records = async ({ client }: RegionProcess): Promise<unknown> =>
  (await client.scroll('c', { limit: POINTS + 100, with_payload: true, with_vector: true })).points

const storeFile = (region: RegionProcess): string => join(region.options.dataDir, 'store.mdb')

/** Flips bits of the text wherever the file has it: behind LMDB's back. Returns in how many places. */
const flip = async (path: string, text: string): Promise<number> => {
  const bytes = await readFile(path)
  const file = await open(path, 'r+')
  let count = 0
  try {
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1), count++)
      await file.write(Buffer.from([bytes[at]! ^ 0x15]), 0, 1, at)
  } finally {
    await file.close()
  }
  return count
}

/** Changes the row of the block that has a point, checksum and all. */
const tamper = async (region: RegionProcess, id: number, change: (key: string, bytes: Uint8Array) => StorageOp) => {
  const storage = await LmdbStorage.open({ directory: region.options.dataDir })
  try {
    for (const [key, bytes] of storage.scan('block/')) {
      if (!decodeBlock(bytes).entries.some((entry) => decodeEntryHead(entry).id === id)) continue
      const failed = await new Promise<Error | undefined>((done) => storage.commit([change(key, bytes)], done))
      if (failed !== undefined) throw failed
      return
    }
    throw new Error(`no block has point ${id}`)
  } finally {
    await storage.close()
  }
}

const withoutEntryOf =
  (id: number) =>
  (key: string, bytes: Uint8Array): StorageOp => {
    const block = decodeBlock(bytes)
    const entries = block.entries.filter((entry) => decodeEntryHead(entry).id !== id)
    return { type: 'put', key, value: encodeBlock({ ...block, entries }) }
  }

const logged = (region: RegionProcess, pattern: RegExp): boolean => region.log.some((line) => pattern.test(line))

test('[E64] stored blocks that are damaged behind the back of a region are found, named, counted and repaired, running or stopped', async () => {
  await using cluster = await Cluster.open({
    flags: { 'scrub-ms': '1000', 'anti-entropy-ms': '500', 'log-level': 'info' },
  })
  const [eu, us] = cluster.regions as [RegionProcess, RegionProcess]
  await eu.client.createCollection('c', { vectors: { size: DIMS, distance: 'Dot' } })
  for (let from = 0; from < POINTS; from += BATCH)
    await eu.client.upsert(
      'c',
      Array.from({ length: BATCH }, (_, i) => ({
        id: from + i,
        vector: vectorOf(from + i, DIMS),
        payload: { text: mark(from + i) },
      })),
    )
  await cluster.agreed('c')
  const before = await records(eu)

  // While it runs: the scrub reads what nobody asks for.
  expect(await flip(storeFile(us), mark(5))).toBeGreaterThan(0)
  await until('us has found it, and it is repaired', async () => {
    const { damage } = await state(us)
    return damage.found === 1 && damage.repaired === 1 && damage.blocks === 0
  })
  // Lines come through a pipe, later than what they tell of.
  await until('it is logged', () => logged(us, /block block\/\S+ is damaged: .*it is fetched from a peer/))
  await until('and its repair', () => logged(us, /block block\/\S+ is repaired with the bytes of (eu|ap)/))
  const metrics = await (await fetch(`${us.url}/metrics`)).text()
  expect(metrics).toMatch(/\nblocks_damaged 0\n/)
  expect(metrics).toMatch(/\nblocks_damaged_total 1\n/)
  expect(metrics).toMatch(/\nblocks_repaired_total 1\n/)
  expect(await records(us)).toEqual(before)

  // While it is stopped: a block with flipped bits, one whose row is gone, and one that is whole and lacks a record.
  await us.stop()
  await tamper(us, 105, (key) => ({ type: 'delete', key }))
  await tamper(us, 205, withoutEntryOf(205))
  expect(await flip(storeFile(us), mark(45))).toBeGreaterThan(0)
  await us.start()
  await cluster.linked()
  await until(
    'the blocks are repaired',
    async () => {
      const { damage } = await state(us)
      return damage.found >= 2 && damage.repaired === damage.found && damage.blocks === 0
    },
    {},
    () => state(us),
  )
  await until('it is logged', () => logged(us, /block block\/\S+ is damaged: its row is missing/))
  // Nothing tells of the third but the digest.
  await until(
    'the record is back',
    async () => (await us.client.retrieve('c', [205])).length === 1,
    { deadlineMs: 60_000 },
    () => state(us),
  )
  const counted = await Promise.all([eu, us].map(state))
  expect(counted.reduce((sum, { counters }) => sum + counters.recordsRepaired, 0)).toBeGreaterThan(0)
  expect(counted.reduce((sum, { counters }) => sum + counters.digestsUnequal, 0)).toBeGreaterThan(0)
  await until('what differed is logged', () =>
    logged(us, /1 points of shard \d of collection c differ from region (eu|ap) .* repaired: 205/),
  )

  await cluster.agreed('c')
  for (const region of cluster.regions) expect(await records(region)).toEqual(before)
  // And so it is from the disk.
  await us.stop()
  await us.start()
  await cluster.linked()
  await cluster.agreed('c')
  expect(await records(us)).toEqual(before)
  expect((await state(us)).damage.found).toBe(0)
}, 180_000)
