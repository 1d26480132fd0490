import { setTimeout as pause } from 'node:timers/promises'
import type { PointId } from '@meridian/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Cluster, LedgerWriter, noFaults, RecordWatch, until, vectorOf } from './kit/index.js'

const CUT_MS = process.env.MERIDIAN_TEST_FULL === '1' ? 30_000 : 6_000
const DIMS = 128
const KEPT = ids(0, 60)
const DOOMED = ids(1000, 120)
/** Records that both sides rewrite while they are apart. */
const CONTESTED = KEPT.slice(0, 30)
/** Within this, of the last frame that carried data, the regions show the same. */
const EQUAL_MS = 5_000
const WIRE_MAX = 1.3
/** More than heartbeats and acknowledgements make in one look: data is on its way. */
const DATA_BYTES = 4096

const faults = noFaults()
const suffix = faults === undefined ? '' : ` (${faults})`
const cutTest = test.skipIf(faults)

let cluster: Cluster
let used = 0

beforeAll(async () => {
  if (faults === undefined) cluster = await Cluster.open({ faults: true })
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

function ids(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i)
}

interface Scene {
  readonly collection: string
  readonly writers: Readonly<Record<string, LedgerWriter>>
  /** Vectors and payloads of all that a region has acknowledged, bare: what no encoding can do without. */
  bareBytes(region: string): number
  /** Everybody writes batches of their own, and now and then all rewrite the contested and delete some of the doomed. */
  startWriting(): void
  stopWriting(): Promise<void>
  /** No fault seen by any watch, every acknowledged write is everywhere, nothing deleted is left. */
  check(): Promise<void>
  stop(): Promise<void>
}

const bytesOf = (payload: object): number => JSON.stringify(payload).length

/** A collection of its own with records that must stay and records that will go, watched in every region from now on. */
const scene = async (): Promise<Scene> => {
  const collection = `cut-${used++}`
  const [eu] = cluster.regions
  await eu!.client.createCollection(collection, { vectors: { size: DIMS, distance: 'Euclid' } })
  const point = (id: number) => ({ id, vector: vectorOf(id, DIMS), payload: { id } })
  await eu!.client.upsert(collection, [...KEPT, ...DOOMED].map(point))
  await cluster.agreed(collection)
  const options = { collection, kept: KEPT, doomed: DOOMED, query: Array.from(vectorOf(1, DIMS)) }
  const watches = cluster.regions.map(({ name, client }) => RecordWatch.start(name, client, options))
  const writers = Object.fromEntries(
    cluster.regions.map(({ name, client }, n) => [
      name,
      new LedgerWriter(client, { collection, dims: DIMS, firstId: (n + 1) * 10_000_000 }),
    ]),
  )
  const doomedLeft: PointId[] = [...DOOMED]
  let isWriting = false
  let rewriting: Promise<unknown> = Promise.resolve()
  const rewrittenBytes = new Map<string, number>()

  const countBytes = (name: string, bytes: number) => rewrittenBytes.set(name, (rewrittenBytes.get(name) ?? 0) + bytes)

  const rewrite = async (): Promise<void> => {
    for (let round = 0; isWriting; round++) {
      await Promise.all(
        cluster.regions.map(async ({ name, client }, n) => {
          const doomed = doomedLeft.splice(0, 2)
          if (doomed.length > 0) await client.delete(collection, { points: doomed })
          const mine = CONTESTED.filter((id) => (id + round + n) % 3 !== 0)
          if (round % 2 === 0) {
            const edit = { [`by-${name}`]: round }
            await client.setPayload(collection, edit, { points: mine })
            countBytes(name, mine.length * bytesOf(edit))
          } else {
            const points = mine.map((id) => ({
              id,
              vector: vectorOf(id * 7 + n, DIMS),
              payload: { id, round, last: name },
            }))
            await client.upsert(collection, points)
            countBytes(
              name,
              points.reduce((sum, { vector, payload }) => sum + vector.byteLength + bytesOf(payload), 0),
            )
          }
        }),
      )
      await pause(100)
    }
  }

  return {
    collection,
    writers,
    bareBytes: (name) => writers[name]!.rawBytes + (rewrittenBytes.get(name) ?? 0),
    startWriting: () => {
      isWriting = true
      for (const writer of Object.values(writers)) writer.start()
      rewriting = rewrite()
    },
    stopWriting: async () => {
      isWriting = false
      await Promise.all([rewriting, ...Object.values(writers).map((writer) => writer.stop())])
    },
    check: async () => {
      for (const { client } of cluster.regions)
        await client.delete(collection, { points: doomedLeft.splice(0, doomedLeft.length) })
      const { count } = await cluster.agreed(collection)
      for (const watch of watches) {
        await until(`${watch.name} sees every deletion`, () => watch.goneCount === DOOMED.length)
        await until(`${watch.name} has looked often`, () => watch.looks > 10)
        expect(await watch.stop()).toEqual([])
      }
      const kept = (await eu!.client.retrieve(collection, [...KEPT, ...DOOMED])).length
      expect(kept).toBe(KEPT.length)
      for (const writer of Object.values(writers)) {
        expect(writer.failures).toEqual([])
        for (const { client } of cluster.regions) expect(await writer.differences(client)).toEqual([])
      }
      expect(count).toBeGreaterThan(KEPT.length)
    },
    stop: async () => {
      isWriting = false
      await Promise.allSettled([rewriting, ...Object.values(writers).map((writer) => writer.stop())])
      await Promise.all(watches.map((watch) => watch.stop()))
      cluster.links!.heal()
    },
  }
}

const sees = (region: string, peer: string, state: 'linked' | 'down'): Promise<unknown> =>
  until(`${region} has ${peer} ${state}`, async () =>
    (await cluster.region(region).client.cluster()).peers.some((each) => each.region === peer && each.state === state),
  )

/** Bytes between `ap` and the others, both ways. */
const wireOfAp = (): number =>
  ['eu', 'us'].reduce((sum, other) => sum + cluster.links!.bytes('ap', other) + cluster.links!.bytes(other, 'ap'), 0)

/** Until all agree. @returns milliseconds since the healing, and since the last frame that carried data */
const catchUp = async (collection: string): Promise<{ healMs: number; lastFrameMs: number }> => {
  const healedAt = performance.now()
  let lastFrameAt = healedAt
  let seen = cluster.links!.totalBytes
  let isOver = false
  const sampling = (async () => {
    while (!isOver) {
      const now = cluster.links!.totalBytes
      if (now - seen > DATA_BYTES) lastFrameAt = performance.now()
      seen = now
      await pause(20)
    }
  })()
  try {
    await cluster.agreed(collection)
    const equalAt = performance.now()
    return { healMs: Math.round(equalAt - healedAt), lastFrameMs: Math.round(Math.max(0, equalAt - lastFrameAt)) }
  } finally {
    isOver = true
    await sampling
  }
}

cutTest(
  `[E21] a region cut off and healed: equal soon after the last frame, for little more than what it missed${suffix}`,
  async () => {
    const scened = await scene()
    try {
      cluster.links!.isolate('ap')
      await Promise.all([sees('ap', 'eu', 'down'), sees('ap', 'us', 'down'), sees('eu', 'ap', 'down')])
      const before = { wire: wireOfAp(), ap: await behindOf('ap'), eu: await behindOf('eu') }
      expect(before.ap + before.eu).toBe(0)
      scened.startWriting()
      await pause(CUT_MS)
      await scened.stopWriting()
      expect(wireOfAp() - before.wire).toBe(0)
      // What either side says the others miss: `eu` and `us` hold the same for `ap`, and `ap` the same for both of them.
      const missed = (await behindOf('ap', 'eu')) + (await behindOf('ap', 'us')) + (await behindOf('eu', 'ap'))
      const bare = 2 * scened.bareBytes('ap') + scened.bareBytes('eu') + scened.bareBytes('us')
      expect(bare).toBeGreaterThan(200_000)
      expect(missed).toBeGreaterThan(bare)
      cluster.links!.heal()
      const times = await catchUp(scened.collection)
      const wire = wireOfAp() - before.wire
      const figures = {
        missedBytes: missed,
        wire,
        wirePerMissed: wire / missed,
        wirePerBareValues: wire / bare,
        ...times,
      }
      console.log(`cut of ${CUT_MS} ms: ${JSON.stringify(figures)}`)
      expect(times.lastFrameMs).toBeLessThan(EQUAL_MS)
      expect(figures.wirePerMissed).toBeLessThan(WIRE_MAX)
      expect(figures.wirePerBareValues).toBeLessThan(WIRE_MAX)
      await scened.check()
    } finally {
      await scened.stop()
    }
  },
  CUT_MS + 120_000,
)

const behindOf = async (region: string, peer?: string): Promise<number> =>
  (await cluster.region(region).client.cluster()).peers
    .filter((each) => peer === undefined || each.region === peer)
    .reduce((sum, each) => sum + each.behind.bytes, 0)

cutTest(
  `[E22] silence (bytes swallowed both ways) while writing goes on through cut and healing${suffix}`,
  async () => {
    const scened = await scene()
    try {
      scened.startWriting()
      cluster.links!.isolate('ap', 'swallow')
      const ledger = scened.writers.ap!
      const before = ledger.acknowledged
      await Promise.all([sees('ap', 'eu', 'down'), sees('eu', 'ap', 'down'), sees('us', 'ap', 'down')])
      expect(ledger.acknowledged).toBeGreaterThan(before)
      cluster.links!.heal()
      await cluster.linked()
      await scened.stopWriting()
      const times = await catchUp(scened.collection)
      console.log(`silence: ${JSON.stringify(times)}`)
      expect(times.lastFrameMs).toBeLessThan(EQUAL_MS)
      await scened.check()
    } finally {
      await scened.stop()
    }
  },
  120_000,
)

cutTest(
  `[E23] bytes held for less than the silence bound arrive late, on the same link${suffix}`,
  async () => {
    const scened = await scene()
    try {
      const accepted = (): number =>
        ['eu', 'us'].reduce(
          (sum, other) =>
            sum + cluster.links!.proxy('ap', other).stats.accepted + cluster.links!.proxy(other, 'ap').stats.accepted,
          0,
        )
      const before = accepted()
      scened.startWriting()
      cluster.links!.isolate('ap', 'hold')
      const count = scened.writers.ap!.acknowledged
      await until('ap takes writes all the same', () => scened.writers.ap!.acknowledged > count + 500)
      cluster.links!.heal()
      await scened.stopWriting()
      await cluster.agreed(scened.collection)
      expect(accepted()).toBe(before)
      await scened.check()
    } finally {
      await scened.stop()
    }
  },
  120_000,
)

for (const [rule, how, cut] of [
  ['E24', 'refused both ways', () => cluster.links!.cut('eu', 'ap')],
  ['E25', 'swallowed one way only', () => cluster.links!.setOneWay('eu', 'ap', { mode: 'swallow' })],
] as const)
  cutTest(
    `[${rule}] two regions apart, ${how}, converge through the third${suffix}`,
    async () => {
      const scened = await scene()
      try {
        cut()
        await Promise.all([sees('eu', 'ap', 'down'), sees('ap', 'eu', 'down')])
        scened.startWriting()
        const writers = Object.values(scened.writers)
        await until('every region takes writes', () => writers.every(({ acknowledged }) => acknowledged > 1000))
        await scened.stopWriting()
        await until('all show the same while two are apart', async () => {
          const [first, ...others] = await cluster.views(scened.collection)
          return others.every(({ count, digest }) => count === first!.count && digest === first!.digest)
        })
        for (const writer of writers)
          for (const { client } of cluster.regions) expect(await writer.differences(client)).toEqual([])
        await sees('eu', 'ap', 'down')
        cluster.links!.heal()
        await cluster.linked()
        await scened.check()
      } finally {
        await scened.stop()
      }
    },
    120_000,
  )
