import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HNSW_DEFAULT, type IndexedVector, type VectorParams } from '@meridian/core'
import { HnswIndex } from '@meridian/index'
import { built } from './built.js'
import type { FlipResult } from './flip-main.js'
import type { TruthSet } from './truth-set.js'

export interface RestartResult {
  readonly rows: number
  readonly dims: number
  /** On the clock, from opening an index without files until every vector is in its graph. */
  readonly buildSeconds: number
  /** From opening it with a snapshot until the same; the worker's start counts. */
  readonly restartSeconds: number
  readonly vectorsRead: number
}

const SPACE = { collection: 'bench', vector: '' }

/** Builds the index of a whole set, closes it, and opens it again with its snapshot. */
export const restart = async (set: TruthSet): Promise<RestartResult> => {
  const directory = await mkdtemp(join(tmpdir(), 'meridian-bench-'))
  const { dims, count, metric } = set
  const params: VectorParams = { size: dims, metric, hnsw: HNSW_DEFAULT }
  let vectorsRead = 0
  const vectors = Array.from(
    { length: count },
    (_, ordinal): IndexedVector => ({
      ordinal,
      id: `record-${ordinal}`,
      version: '1',
      read: () => {
        vectorsRead++
        return set.vectors.slice(ordinal * dims, (ordinal + 1) * dims)
      },
    }),
  )
  const open = async (): Promise<[HnswIndex, number]> => {
    vectorsRead = 0
    const startedMs = performance.now()
    const index = new HnswIndex({ directory })
    index.openSpace(SPACE, params, vectors)
    for (;;) {
      const { state, pending } = index.stats(SPACE) ?? { state: 'loading', pending: 0 }
      if (state !== 'loading' && pending === 0) break
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    // Answers when everything sent before it has been done.
    await index.search(SPACE, { vector: set.vectors.slice(0, dims), limit: 10 })
    return [index, (performance.now() - startedMs) / 1000]
  }
  try {
    const [first, buildSeconds] = await open()
    await first.flush()
    await first.close()
    const [second, restartSeconds] = await open()
    await second.close()
    return { rows: count, dims, buildSeconds, restartSeconds, vectorsRead }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Damages a snapshot in a process of its own; rejects if that process ends by itself, as a crash in native code would end it. */
export const flips = async (count: number, seed: number): Promise<FlipResult> => {
  const child = fork(built('flip-main'), [String(count), String(seed)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  let result: FlipResult | undefined
  child.on('message', (message) => {
    result = message as FlipResult
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  if (result === undefined) throw new Error(`the process with damaged snapshots ended with ${signal ?? code}`)
  return result
}
