import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type IndexedVector, SILENT_LOG, type SpaceRef } from '@meridian/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ExactIndex } from './exact-index.js'
import { ENGINE } from './graph.js'
import { HnswIndex, type HnswIndexOptions } from './hnsw-index.js'
import { clustered, mean, paramsOf, recall } from './testing/data.js'
import type { WorkerData } from './worker-protocol.js'

const REF = { collection: 'c-1', vector: '' }
const PARAMS = paramsOf(16, 'Cosine')
const VECTORS = clustered(5000, 16, 1)
let directory: string
const opened: HnswIndex[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'meridian-index-'))
})
afterEach(async () => {
  for (const index of opened.splice(0)) await index.close()
  rmSync(directory, { recursive: true })
})

const start = (options: Partial<HnswIndexOptions> = {}): HnswIndex => {
  const index = new HnswIndex({ directory, ...options })
  opened.push(index)
  return index
}

/** Vectors as the engine lists them; `reads` gets the ordinals that are read. */
const listed = (vectors: readonly Float32Array[], reads: number[] = [], version = 'v1'): IndexedVector[] =>
  vectors.map((vector, ordinal) => ({
    ordinal,
    id: `id-${ordinal}`,
    version,
    read: () => {
      reads.push(ordinal)
      return vector
    },
  }))

/** Comes back when the graph holds everything: each turn waits for an answer of the worker. */
const built = async (index: HnswIndex, space: SpaceRef = REF): Promise<void> => {
  do await index.search(space, { vector: VECTORS[0]!, limit: 1 })
  while (index.stats(space)!.pending > 0)
}

const meanRecall = async (index: HnswIndex, twin: ExactIndex): Promise<number> => {
  const recalls = VECTORS.slice(0, 100).map(async (vector) => {
    const query = { vector, limit: 10 }
    return recall(await index.search(REF, query), twin.searchNow(REF, query))
  })
  return mean(await Promise.all(recalls))
}

test('[IX1] a search sees every change made before it, and only those', async () => {
  const index = start()
  index.openSpace(REF, PARAMS, [])
  expect(await index.search(REF, { vector: VECTORS[0]!, limit: 3 })).toEqual([])
  index.set(REF, { ordinal: 7, id: 'seven', version: '1', vector: VECTORS[7]! })
  const first = index.search(REF, { vector: VECTORS[7]!, limit: 3 })
  index.remove(REF, 7)
  const second = index.search(REF, { vector: VECTORS[7]!, limit: 3 })
  expect((await first).map((hit) => hit.ordinal)).toEqual([7])
  expect(await second).toEqual([])
  expect(index.stats(REF)).toMatchObject({ live: 0, pending: 0, dead: 0, state: 'ready' })
})

test('[IX15] answers while the space is opened wait for it, and miss nothing', async () => {
  const index = start()
  const twin = new ExactIndex()
  twin.openSpace(REF, PARAMS, listed(VECTORS))
  index.openSpace(REF, PARAMS, listed(VECTORS))
  expect(index.stats(REF)).toMatchObject({ live: 5000, state: 'loading' })
  const query = { vector: VECTORS[4999]!, limit: 10 }
  expect(await index.search(REF, query)).toEqual(twin.searchNow(REF, query))
  expect(index.stats(REF)!.state).toBe('ready')
  await built(index)
  expect(await meanRecall(index, twin)).toBeGreaterThanOrEqual(0.99)
})

test('[IX16] what changes while the space is opened wins over what was listed', async () => {
  const index = start()
  const reads: number[] = []
  index.openSpace(REF, PARAMS, listed(VECTORS, reads))
  index.remove(REF, 4998)
  index.set(REF, { ordinal: 4999, id: 'id-4999', version: 'v2', vector: VECTORS[0]! })
  const hits = await index.search(REF, { vector: VECTORS[0]!, limit: 2 })
  expect(hits.map((hit) => hit.ordinal)).toEqual([0, 4999])
  const all = await index.search(REF, { vector: VECTORS[0]!, limit: 6000 })
  expect(all).toHaveLength(4999)
  expect(all.some((hit) => hit.ordinal === 4998)).toBe(false)
  expect(reads).not.toContain(4998)
  expect(reads).not.toContain(4999)
})

test('[IX10] a restart reads only what the snapshot lacks', async () => {
  const first = start()
  first.openSpace(REF, PARAMS, listed(VECTORS.slice(0, 4000)))
  await built(first)
  await first.flush()
  await first.close()
  expect(readdirSync(join(directory, 'index'))).toHaveLength(2)

  const second = start()
  const reads: number[] = []
  const now = listed(VECTORS, reads).slice(10)
  now[0] = { ...now[0]!, version: 'v2' }
  second.openSpace(REF, PARAMS, now)
  const twin = new ExactIndex()
  twin.openSpace(REF, PARAMS, listed(VECTORS).slice(10))
  expect(await meanRecall(second, twin)).toBeGreaterThanOrEqual(0.99)
  expect(reads).toEqual([10, ...Array.from({ length: 1000 }, (_, i) => 4000 + i)])
  expect(second.stats(REF)).toMatchObject({ live: 4990, state: 'ready' })
})

test('[IX12] a damaged snapshot is rebuilt from the records', async () => {
  const first = start()
  first.openSpace(REF, PARAMS, listed(VECTORS))
  await built(first)
  await first.flush()
  await first.close()
  const path = join(directory, 'index', readdirSync(join(directory, 'index')).find((f) => f.endsWith('.graph'))!)
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1]! ^= 4
  writeFileSync(path, bytes)

  const reads: number[] = []
  const second = start()
  second.openSpace(REF, PARAMS, listed(VECTORS, reads))
  const hits = await second.search(REF, { vector: VECTORS[42]!, limit: 1 })
  expect(hits[0]!.ordinal).toBe(42)
  expect(reads).toHaveLength(5000)
})

test('[IX17] opening an open space replaces its content without reading it again', async () => {
  const index = start()
  index.openSpace(REF, PARAMS, listed(VECTORS.slice(0, 2000)))
  await built(index)
  const reads: number[] = []
  index.openSpace(REF, PARAMS, listed(VECTORS.slice(0, 2001), reads).slice(1))
  const hits = await index.search(REF, { vector: VECTORS[0]!, limit: 3000 })
  expect(hits.map((hit) => hit.ordinal).sort((a, b) => a - b)).toEqual(Array.from({ length: 2000 }, (_, i) => i + 1))
  expect(reads).toEqual([2000])
})

/** Workers as they are started, to be ended by a test; the built file, as always. */
const watched = () => {
  const workers: Worker[] = []
  const startWorker = (workerData: WorkerData): Worker => {
    const worker = new Worker(new URL('../dist/worker-main.js', import.meta.url), { workerData, execArgv: [] })
    workers.push(worker)
    return worker
  }
  const kill = async (at: number): Promise<void> => {
    const exited = new Promise((resolve) => workers[at]!.once('exit', resolve))
    // A message that it does not know: it dies of an exception, as of a bug.
    workers[at]!.postMessage([{ type: 'unknown' }])
    await exited
  }
  return { workers, startWorker, kill }
}

test('[IX18] a worker that dies is replaced; waiting searches are refused, later ones answer over resynced vectors', async () => {
  const { workers, startWorker, kill } = watched()
  const resets: SpaceRef[] = []
  const index: HnswIndex = start({
    startWorker,
    onReset: (space) => {
      resets.push(space)
      index.openSpace(space, PARAMS, listed(VECTORS))
    },
  })
  index.openSpace(REF, PARAMS, listed(VECTORS))
  await built(index)
  const killed = kill(0)
  await expect(index.search(REF, { vector: VECTORS[1]!, limit: 1 })).rejects.toMatchObject({ code: 'OVERLOADED' })
  await killed
  expect(index.stats(REF)!.state).toBe('loading')
  const hits = await index.search(REF, { vector: VECTORS[1]!, limit: 1 })
  expect(hits[0]!.ordinal).toBe(1)
  expect(resets).toEqual([REF])
  expect(workers).toHaveLength(2)
})

test('[IX53] after a death the snapshot and the difference are loaded; after a second one soon after, the records', async () => {
  const { startWorker, kill } = watched()
  let nowMs = 0
  let reads: number[] = []
  const index: HnswIndex = start({
    startWorker,
    timers: { elapsedMs: () => nowMs, after: () => ({ [Symbol.dispose]() {} }) },
    onReset: (space) => index.openSpace(space, PARAMS, listed(VECTORS, reads)),
  })
  index.openSpace(REF, PARAMS, listed(VECTORS.slice(0, 4990)))
  await built(index)
  await index.flush()
  const readsAfterDeath = async (worker: number): Promise<number> => {
    reads = []
    await kill(worker)
    const hits = await index.search(REF, { vector: VECTORS[4995]!, limit: 1 })
    expect(hits[0]!.ordinal).toBe(4995)
    return reads.length
  }
  expect(await readsAfterDeath(0)).toBe(10)
  nowMs += 599_000
  expect(await readsAfterDeath(1)).toBe(5000)
  // The distrusted files are gone; new ones are trusted once some time has passed.
  await built(index)
  await index.flush()
  nowMs += 600_000
  expect(await readsAfterDeath(2)).toBe(0)
})

test('[IX54] spaces are spread over workers by what they hold, and one that dies takes only its own along', async () => {
  const { workers, startWorker, kill } = watched()
  const resets: string[] = []
  const index: HnswIndex = start({
    workers: 2,
    startWorker,
    onReset: (space) => {
      resets.push(space.collection)
      index.openSpace(space, PARAMS, listed(VECTORS.slice(0, 100)))
    },
  })
  const refOf = (collection: string): SpaceRef => ({ collection, vector: '' })
  const open = (collection: string, count: number): void =>
    index.openSpace(refOf(collection), PARAMS, listed(VECTORS.slice(0, count)))
  expect(workers).toHaveLength(1)
  open('large', 2000)
  expect(workers).toHaveLength(1)
  open('small', 100)
  open('tiny', 50)
  expect(workers).toHaveLength(2)
  const nearest = async (collection: string): Promise<number> =>
    (await index.search(refOf(collection), { vector: VECTORS[7]!, limit: 1 }))[0]!.ordinal
  for (const collection of ['large', 'small', 'tiny']) expect(await nearest(collection)).toBe(7)
  await kill(1)
  expect(await nearest('large')).toBe(7)
  expect(await nearest('small')).toBe(7)
  expect(resets).toEqual(['small', 'tiny'])
})

test('[IX54] a space that is dropped and opened again stays with the worker that deletes its files', async () => {
  const index = start({ workers: 3 })
  const open = (count: number): void => index.openSpace(REF, PARAMS, listed(VECTORS.slice(0, count)))
  open(1500)
  await built(index)
  await index.flush()
  index.openSpace({ ...REF, collection: 'other' }, PARAMS, listed(VECTORS.slice(0, 10)))
  for (const count of [1200, 1300]) {
    index.dropSpace(REF)
    open(count)
    expect(await index.search(REF, { vector: VECTORS[0]!, limit: 2000 })).toHaveLength(count)
    await built(index)
    await index.flush()
    expect(readdirSync(join(directory, 'index'))).toHaveLength(2)
  }
})

test('[IX55] a search of a space that is not loaded in time is refused, and asks to be tried again', async () => {
  const { startWorker, kill } = watched()
  const index = start({ startWorker, loadingWaitMs: 20, onReset: () => {} })
  const search = async (): Promise<number> => {
    for (;;)
      try {
        return (await index.search(REF, { vector: VECTORS[0]!, limit: 20 })).length
      } catch (error) {
        expect(error).toMatchObject({ code: 'NOT_READY' })
      }
  }
  index.openSpace(REF, PARAMS, listed(VECTORS.slice(0, 10)))
  expect(await search()).toBe(10)
  await kill(0)
  const refused = index.search(REF, { vector: VECTORS[0]!, limit: 1 })
  await expect(refused).rejects.toMatchObject({ code: 'NOT_READY', message: expect.stringContaining('try again') })
  index.openSpace(REF, PARAMS, listed(VECTORS.slice(0, 11)))
  expect(await search()).toBe(11)
})

test('[IX19] an aborted search rejects with its reason; the others go on', async () => {
  const index = start()
  index.openSpace(REF, PARAMS, listed(VECTORS))
  const abort = new AbortController()
  const aborted = index.search(REF, { vector: VECTORS[1]!, limit: 1 }, abort.signal)
  const kept = index.search(REF, { vector: VECTORS[1]!, limit: 1 })
  abort.abort(new Error('gone'))
  await expect(aborted).rejects.toThrow('gone')
  expect((await kept)[0]!.ordinal).toBe(1)
  await expect(index.search(REF, { vector: VECTORS[1]!, limit: 1 }, abort.signal)).rejects.toThrow('gone')
})

test('[IX20] a bad query is refused, a bad vector is left out, and neither harms the worker', async () => {
  const index = start()
  index.openSpace(REF, PARAMS, [])
  const search = (vector: Float32Array): Promise<unknown> => index.search(REF, { vector, limit: 1 })
  await expect(search(new Float32Array(15))).rejects.toMatchObject({ code: 'WRONG_INPUT' })
  await expect(search(new Float32Array(16).fill(Number.NaN))).rejects.toMatchObject({ code: 'WRONG_INPUT' })
  await expect(index.search({ ...REF, vector: 'x' }, { vector: VECTORS[0]!, limit: 1 })).rejects.toMatchObject({
    code: 'NOT_READY',
  })
  index.set(REF, { ordinal: 1, id: 'a', version: '1', vector: VECTORS[0]! })
  index.set(REF, { ordinal: 1, id: 'a', version: '2', vector: new Float32Array(16).fill(Number.POSITIVE_INFINITY) })
  index.set(REF, { ordinal: 2, id: 'b', version: '1', vector: new Float32Array(3) })
  expect(await search(VECTORS[0]!)).toEqual([])
  expect(index.stats(REF)!.live).toBe(0)
})

test('[IX21] a dropped space is gone with its files; the others stay', async () => {
  const index = start()
  const other = { collection: 'c-2', vector: '' }
  index.openSpace(REF, PARAMS, listed(VECTORS.slice(0, 1500)))
  index.openSpace(other, PARAMS, listed(VECTORS.slice(0, 1500)))
  await built(index)
  await built(index, other)
  await index.flush()
  expect(readdirSync(join(directory, 'index'))).toHaveLength(4)
  index.dropSpace(REF)
  expect(index.stats(REF)).toBeUndefined()
  await index.search(other, { vector: VECTORS[0]!, limit: 1 })
  expect(readdirSync(join(directory, 'index'))).toHaveLength(2)
  index.openSpace(REF, PARAMS, [])
  expect(await index.search(REF, { vector: VECTORS[0]!, limit: 1 })).toEqual([])
})

test('[IX22] close answers what was asked and refuses what comes later', async () => {
  const index = start()
  index.openSpace(REF, PARAMS, [])
  index.set(REF, { ordinal: 1, id: 'a', version: '1', vector: VECTORS[0]! })
  const asked = index.search(REF, { vector: VECTORS[0]!, limit: 1 })
  const closing = index.close()
  expect((await asked)[0]!.ordinal).toBe(1)
  await closing
  await index.close()
  await expect(index.search(REF, { vector: VECTORS[0]!, limit: 1 })).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
  await expect(index.flush()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
})

test('[IX23] a vector handed over may be changed or be part of something larger', async () => {
  const index = start()
  index.openSpace(REF, paramsOf(4, 'Dot'), [])
  const block = Float32Array.of(9, 9, 1, 0, 0, 0, 9, 9)
  const vector = block.subarray(2, 6)
  index.set(REF, { ordinal: 1, id: 'a', version: '1', vector })
  const query = Float32Array.of(1, 0, 0, 0)
  const answer = index.search(REF, { vector: query, limit: 1 })
  vector.fill(5)
  query.fill(7)
  expect(await answer).toEqual([{ ordinal: 1, score: 1 }])
})

test('[NA9] what searches run on is said once when the worker starts', async () => {
  const lines: unknown[] = []
  const log = { ...SILENT_LOG, info: (fields: object, message: string) => lines.push({ ...fields, message }) }
  const index = start({ log })
  index.openSpace(REF, PARAMS, listed(VECTORS.slice(0, 50)))
  for (let i = 0; i < 3; i++) await index.search(REF, { vector: VECTORS[0]!, limit: 1 })
  expect(lines).toEqual([{ kernel: ENGINE.kernel, message: 'hnswlib-node is patched' }])
})

test('[RB8] searches that get slower while a graph is rebuilt stop that at once; it completes when they are as fast as before', async () => {
  const vectors = clustered(12_000, 32, 3)
  const params = paramsOf(32, 'Euclid')
  let nowMs = 0
  let look = (): void => {}
  const index = start({
    workers: 1,
    cpuMs: () => 0,
    memoryFree: () => 1e9,
    timers: {
      elapsedMs: () => nowMs,
      after: (_, run) => {
        look = run
        return { [Symbol.dispose]() {} }
      },
    },
  })
  /** A quarter second in which searches take so long. */
  const pass = async (searchMs: number): Promise<string> => {
    for (let i = 0; i < 20; i++) {
      const hits = index.search(REF, { vector: vectors[i]!, limit: 1 })
      nowMs += searchMs
      expect((await hits)[0]!.score).toBe(0)
    }
    nowMs += 250 - 20 * searchMs
    look()
    return index.rebuilds().breaker
  }
  index.openSpace(REF, params, listed(vectors))
  do await pass(1)
  while (index.stats(REF)!.pending > 0)
  // A third of the graph is dead then; the new vectors are the same.
  for (let i = 0; i < 6000; i++) index.set(REF, { ordinal: i, id: `id-${i}`, version: 'v2', vector: vectors[i]! })
  while (index.rebuilds().space === undefined) expect(await pass(1)).toBe('closed')
  expect(index.rebuilds()).toMatchObject({ space: REF, reason: 'dead' })
  expect(await pass(8)).toBe('open')
  // What is fresh goes on into both graphs; then all stands still.
  let drained = 0
  do {
    await index.search(REF, { vector: vectors[0]!, limit: 1 })
    drained = index.stats(REF)!.pending === 0 ? drained + 1 : 0
  } while (drained < 300)
  const stopped = index.stats(REF)!
  expect(stopped.state).toBe('rebuilding')
  for (let i = 0; i < 50; i++) await index.search(REF, { vector: vectors[i]!, limit: 1 })
  expect(index.stats(REF)!.graph).toEqual(stopped.graph)
  const seen = new Set<string>()
  while (index.rebuilds().completed === 0) seen.add(await pass(1))
  expect(seen).toContain('half-open')
  expect(index.rebuilds()).toMatchObject({ trips: 1, completed: 1 })
  expect(index.stats(REF)).toMatchObject({ live: 12_000, state: 'ready' })
  expect(index.stats(REF)!.dead).toBeLessThan(3000)
})

test('[IX32] files of spaces that a former process dropped and did not remove go at start, and no others', async () => {
  const other = { collection: 'c-1', vector: 'dropped' }
  const first = start({ workers: 1 })
  for (const ref of [REF, other]) {
    first.openSpace(ref, PARAMS, listed(VECTORS.slice(0, 1200)))
    await built(first, ref)
  }
  await first.flush()
  await first.close()
  const files = () => readdirSync(join(directory, 'index')).sort()
  expect(files().filter((file) => file.endsWith('.head'))).toHaveLength(2)
  writeFileSync(join(directory, 'index', 'notes.txt'), 'somebody else')
  const reads: number[] = []
  const again = start({ workers: 1 })
  again.openSpace(REF, PARAMS, listed(VECTORS.slice(0, 1200), reads))
  again.sweep()
  await built(again)
  expect(reads).toEqual([])
  expect(files().filter((file) => file.endsWith('.head') || file.endsWith('.graph'))).toHaveLength(2)
  expect(files()).toContain('notes.txt')
  // Nothing of the dropped one is left to be brought back.
  again.openSpace(other, PARAMS, listed(VECTORS.slice(0, 1200), reads))
  await built(again, other)
  expect(reads).toHaveLength(1200)
})
