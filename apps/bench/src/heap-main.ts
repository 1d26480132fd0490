import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HNSW_DEFAULT, parseRegionId, type ReplicaId, SILENT_LOG } from '@meridian/core'
import { promised, Replica } from '@meridian/replica'
import { LmdbStorage } from '@meridian/storage'
import { systemClock, systemRandom, systemTimers } from '@meridian/transport'
import { NoIndex } from './no-index.js'
import { DIMS, records } from './records.js'

/*
 * The engine of one region, stored on disk, without index, links and HTTP: what it holds in memory for a number of records. A
 * process of its own, started with --expose-gc, that prints `{ heap, buffers }` in bytes. The caches (sized by settings, not by
 * records) are off.
 */

const count = Number(process.argv[2])
const dir = await mkdtemp(join(tmpdir(), 'meridian-heap-'))

/** Twice with a pause, so that what weak references and the addon hold is let go of. */
const used = async (): Promise<{ heap: number; buffers: number }> => {
  for (let i = 0; i < 3; i++) {
    globalThis.gc!()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return { heap: heapUsed, buffers: arrayBuffers }
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
const vectors = { '': { size: DIMS, metric: 'Cosine', hnsw: HNSW_DEFAULT } } as const
await promised((done) => replica.createCollection('bench', { vectors, shards: 4 }, done))
// Code and tables that the first writes bring in are not the records'.
await promised((done) => replica.write({ collection: 'bench', ops: records(count, count + 100) }, done))
const before = await used()
for (let from = 0; from < count; from += 100) {
  const ops = records(from, Math.min(count, from + 100))
  await promised((done) => replica.write({ collection: 'bench', ops }, done))
}
const after = await used()
if (replica.collection('bench').liveCount !== count + 100) throw new Error('records are missing')
process.stdout.write(JSON.stringify({ heap: after.heap - before.heap, buffers: after.buffers - before.buffers }))
await replica.close()
await storage.close()
await rm(dir, { recursive: true })
