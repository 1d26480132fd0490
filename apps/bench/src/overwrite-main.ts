import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HNSW_DEFAULT, parseRegionId, type ReplicaId, SILENT_LOG } from '@meridian/core'
import { promised, Replica } from '@meridian/replica'
import { LmdbStorage } from '@meridian/storage'
import { systemClock, systemRandom, systemTimers } from '@meridian/transport'
import { memory } from './gauge.js'
import { NoIndex } from './no-index.js'
import type { Round } from './overwrite.js'
import { record } from './records.js'

/*
 * The engine of one region, stored on disk, without index, links and HTTP, while every record is overwritten again and again in a
 * new order each time. A process of its own, started with --expose-gc, that sends a `Round` after each. Caches are off.
 */

const [count, rounds, dims, batch] = process.argv.slice(2).map(Number) as [number, number, number, number]
const dir = await mkdtemp(join(tmpdir(), 'meridian-overwrite-'))
const LOOK_MS = 100

/** Twice with a pause, so that what weak references and the addon hold is let go of. */
const collectGarbage = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) {
    globalThis.gc!()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Every number below `n` once, each round in another order: multiplication by a prime that does not divide `n`. */
const orderOf = (n: number, round: number): ((i: number) => number) => {
  const primes = [2_147_483_647, 1_000_000_007, 998_244_353, 786_433, 104_729, 65_537, 7919, 6291, 3571, 1009, 101]
  const prime = BigInt(primes[round % primes.length]!)
  const fits = BigInt(n) % prime !== 0n
  const offset = (round * 7919) % n
  return (i) => (fits ? Number((BigInt(i) * prime + BigInt(offset)) % BigInt(n)) : (i + offset) % n)
}

const storage = await LmdbStorage.open({ directory: dir })
const replica = Replica.open({
  region: parseRegionId('eu'),
  replica: 1 as ReplicaId,
  storage,
  index: new NoIndex(),
  clock: systemClock,
  timers: systemTimers,
  random: systemRandom,
  log: SILENT_LOG,
  settings: { blockCacheBytes: 0, payloadCacheBytes: 0, frameCacheBytes: 0 },
})
try {
  const vectors = { '': { size: dims, metric: 'Cosine', hnsw: HNSW_DEFAULT } } as const
  await promised((done) => replica.createCollection('bench', { vectors, shards: 4 }, done))
  await collectGarbage()
  const before = process.memoryUsage()
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now()
    const order = orderOf(count, round)
    let longestMs = 0
    for (let from = 0; from < count; from += batch) {
      const ops = Array.from({ length: Math.min(batch, count - from) }, (_, i) => record(order(from + i), dims, round))
      const askedAt = performance.now()
      await promised((done) => replica.write({ collection: 'bench', ops }, done))
      longestMs = Math.max(longestMs, performance.now() - askedAt)
    }
    const writtenMs = performance.now() - startedAt
    const { blockBytes } = replica.status().storage
    await collectGarbage()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    const found = replica.collection('bench')
    if (found.liveCount !== count) throw new Error(`${found.liveCount} records of ${count} are there`)
    const last = found.find(record(order(count - 1), dims).id)
    if (last === undefined) throw new Error('the last record is missing')
    process.send!({
      round: round + 1,
      recordsPerSecond: Math.round((count * 1000) / writtenMs),
      longestWriteMs: Math.round(longestMs),
      heapBytes: heapUsed - before.heapUsed,
      bufferBytes: arrayBuffers - before.arrayBuffers,
      ownBytes: memory().own,
      blockBytes,
      diskBytes: (await stat(join(dir, 'store.mdb'))).blocks * 512,
      blocksCleaned: replica.status().counters.blocksCleaned,
    } satisfies Round)
    if (round === 0) await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
} finally {
  await replica.close()
  await storage.close()
  await rm(dir, { recursive: true, force: true })
  process.disconnect()
}
