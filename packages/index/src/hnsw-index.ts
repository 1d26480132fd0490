import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import {
  assert,
  type IndexedVector,
  type IndexHit,
  type IndexQuery,
  type IndexTraces,
  isSparseSpace,
  type Log,
  type RebuildReason,
  type RebuildStatus,
  SILENT_LOG,
  type SearchWork,
  type SpaceParams,
  type SpaceRef,
  type SpaceStats,
  StoreError,
  type Terms,
  type Timers,
  unreachable,
  type VectorIndex,
  type VectorValue,
} from '@meridian/core'
import { ENGINE } from './graph.js'
import { indexClosed, notOpen, openedAnew, spaceGone, workerDied } from './index-errors.js'
import { LocalSpace } from './local-space.js'
import { NODE_TIMERS, usedCpuMs } from './process-ports.js'
import { checkQuery, denseVector, spaceKey } from './query.js'
import { Rebuilds } from './rebuilds.js'
import { RemoteSpace } from './remote-space.js'
import type { StartWorker } from './worker-link.js'
import { Snapshots } from './snapshots.js'
import { collectGarbage, shrinkNursery, Tidier } from './tidier.js'
import { type IndexWorker, WorkerPool, workersDefault } from './worker-pool.js'
import type { IndexReply, SpaceNumber } from './worker-protocol.js'

/** Searches waiting for an answer; beyond it they are refused. */
const SEARCHES_MAX = 4096
/** A search of a space that is being loaded waits this long, then it is refused. */
const LOADING_WAIT_MS = 10_000

export interface HnswIndexOptions {
  /** Snapshots go into its folder `index`; they may be deleted whenever the index is closed. */
  readonly directory: string
  readonly log?: Log
  /**
   * A worker died and with it the content of `space`: call `openSpace` with its vectors again. Changes from the death until
   * then are ignored, searches wait. Without it such searches fail with `OVERLOADED`.
   */
  readonly onReset?: (space: SpaceRef) => void
  readonly startWorker?: StartWorker
  /** Most worker threads; each space lives in one. As many as there are cores but one unless given. */
  readonly workers?: number
  /** How long a search of a space that is being loaded waits before it fails with `NOT_READY`; 10 s unless given. */
  readonly loadingWaitMs?: number
  /** Node's unless given. */
  readonly timers?: Timers
  /** Milliseconds of processors that this process has used; as the system tells unless given. */
  readonly cpuMs?: () => number
  /** Bytes of memory that may still be taken to rebuild a graph for that reason; what the machine has free unless given. */
  readonly memoryFree?: (reason: RebuildReason) => number
}

/** The answer to a search. */
interface Found {
  readonly hits: IndexHit[]
  readonly work: SearchWork
}

/**
 * The index of a region: each space lives in one of a few worker threads, this is the main thread's side of it. Invariants:
 *  1. Messages of a space are in the order of the calls, so a search sees every `set` and `remove` before it.
 *  2. A search of a space that is being opened is sent when the last of its vectors was: it answers later, and completely.
 *  3. No vector is in the main thread longer than a tick; opening reads only what the worker lacks, in bounded slices.
 */
export class HnswIndex implements VectorIndex, AsyncDisposable {
  readonly #log: Log
  readonly #directory: string
  readonly #onReset: ((space: SpaceRef) => void) | undefined
  readonly #pool: WorkerPool
  readonly #loadingWaitMs: number
  readonly #timers: Timers
  readonly #rebuilds: Rebuilds<RemoteSpace>
  readonly #tidier: Tidier
  readonly #open = new Map<string, RemoteSpace>()
  /** Spaces of sparse vectors and multivectors: the worker does not hear of them. */
  readonly #local = new Map<string, LocalSpace>()
  readonly #byNumber = new Map<SpaceNumber, RemoteSpace>()
  /** Spaces whose files a worker was told to delete and has not yet. */
  readonly #dropping = new Map<SpaceNumber, { readonly ref: SpaceRef; readonly worker: IndexWorker }>()
  #lastNumber = 0
  #closing: Promise<void> | undefined

  constructor(options: HnswIndexOptions) {
    ENGINE.limitFreeMemory()
    this.#log = options.log ?? SILENT_LOG
    this.#onReset = options.onReset
    this.#loadingWaitMs = options.loadingWaitMs ?? LOADING_WAIT_MS
    this.#timers = options.timers ?? NODE_TIMERS
    this.#directory = join(options.directory, 'index')
    const count = Math.max(1, options.workers ?? workersDefault())
    this.#pool = new WorkerPool(
      { directory: this.#directory, count, log: this.#log, start: options.startWorker },
      {
        reply: (worker, reply) => this.#reply(worker, reply),
        lost: (worker) => this.#lost(worker),
        started: (worker) => this.#started(worker),
      },
    )
    this.#tidier = new Tidier(
      this.#timers,
      () => this.#isQuiet(),
      () => this.#tidy('garbage', collectGarbage),
      () => this.#tidy('nursery', shrinkNursery),
    )
    this.#rebuilds = new Rebuilds({
      timers: this.#timers,
      log: this.#log,
      spaces: () => this.#loaded(),
      cpuMs: options.cpuMs ?? usedCpuMs,
      processors: availableParallelism(),
      memoryFree: options.memoryFree ?? (() => process.availableMemory()),
      pace: ({ worker: { link }, number }, pace) => {
        link.outbox.push({ type: 'rebuild', space: number, pace })
        link.flush()
      },
      done: ({ stats }) => this.#tidier.note(stats.bytes),
    })
  }

  /**
   * As the port says. `vectors` is listed before the call returns; `read` is called in later ticks, until the state is no
   * longer `loading`, and never for an ordinal that was set or removed meanwhile. A `read` that throws leaves its vector out.
   */
  openSpace(ref: SpaceRef, params: SpaceParams, vectors: Iterable<IndexedVector>): void {
    if (this.#closing) return
    const key = spaceKey(ref)
    if (isSparseSpace(params) || params.multi !== undefined) {
      this.#local.get(key)?.close(openedAnew())
      this.#local.set(key, new LocalSpace(params, vectors, this.#log))
      return
    }
    const before = this.#open.get(key)
    if (before) {
      this.#byNumber.delete(before.number)
      before.end()
    }
    const opened = new RemoteSpace({
      number: ++this.#lastNumber,
      worker: before?.worker ?? this.#workerFor(key),
      ref,
      params,
      vectors,
      before,
      log: this.#log,
      tidier: this.#tidier,
    })
    this.#open.set(key, opened)
    this.#byNumber.set(opened.number, opened)
    opened.open()
  }

  set(space: SpaceRef, { ordinal, id, version, vector }: Omit<IndexedVector, 'read'> & { vector: VectorValue }): void {
    if (this.#closing) return
    const local = this.#local.get(spaceKey(space))
    if (local) {
      local.set(ordinal, id, vector)
      return
    }
    const opened = this.#open.get(spaceKey(space))
    assert(opened, 'set in a space that is not open')
    opened.set(ordinal, id, version, vector)
  }

  remove(space: SpaceRef, ordinal: number): void {
    this.#local.get(spaceKey(space))?.remove(ordinal)
    if (!this.#closing) this.#open.get(spaceKey(space))?.remove(ordinal)
  }

  async search(
    space: SpaceRef,
    query: IndexQuery,
    signal?: AbortSignal,
    tell?: (work: SearchWork) => void,
  ): Promise<IndexHit[]> {
    signal?.throwIfAborted()
    if (this.#closing) throw indexClosed()
    const local = this.#local.get(spaceKey(space))
    if (local) return local.search(query, signal, tell)
    const opened = this.#open.get(spaceKey(space))
    if (!opened) throw notOpen()
    checkQuery(query, opened.params)
    if (opened.isLost && !this.#onReset) throw workerDied()
    if (this.#pool.waiting >= SEARCHES_MAX) throw new StoreError('OVERLOADED', `${SEARCHES_MAX} searches are waiting`)
    const { replies } = opened.worker
    this.#tidier.note(0)
    const { id, answer } = replies.expect(signal)
    // Copies: a view would take its whole buffer along, and the caller may go on using its own.
    const among = query.among && { among: query.among.slice() }
    const copy: IndexQuery = { ...query, vector: denseVector(query).slice(), ...among }
    const askedMs = opened.isLoading ? undefined : this.#timers.elapsedMs()
    opened.search(id, copy, this.#loadingWaitMs)
    const found = (await answer) as Found
    // What waited for its space says nothing of how busy the worker is.
    if (askedMs !== undefined) this.#rebuilds.times.add(this.#timers.elapsedMs() - askedMs)
    tell?.(found.work)
    return found.hits
  }

  async terms(space: SpaceRef): Promise<Terms | undefined> {
    if (this.#closing) throw indexClosed()
    const local = this.#local.get(spaceKey(space))
    if (!local && !this.#open.has(spaceKey(space))) throw notOpen()
    return local?.terms()
  }

  async traces(space: SpaceRef, id: string): Promise<IndexTraces> {
    if (this.#closing) throw indexClosed()
    // What is scanned here has the vectors of what it finds, and no file.
    if (this.#local.has(spaceKey(space))) return { graph: 'clear', files: 'clear' }
    const opened = this.#open.get(spaceKey(space))
    if (!opened) throw notOpen()
    if (opened.isLoading) return { graph: 'unknown', files: 'unknown' }
    const { link, replies } = opened.worker
    const { id: request, answer } = replies.expect()
    link.outbox.push({ type: 'traces', id: request, space: opened.number, record: id })
    link.flush()
    return answer as Promise<IndexTraces>
  }

  sweep(): void {
    try {
      const kept = [...this.#open.values()].map(({ ref }) => ref)
      const count = new Snapshots(this.#directory, this.#log).sweep(kept)
      if (count > 0) this.#log.info({ files: count }, 'removed index files of vectors that were dropped')
    } catch (error) {
      this.#log.warn({ error: String(error) }, 'could not look for index files of vectors that were dropped')
    }
  }

  dropSpace(space: SpaceRef): void {
    this.#local.get(spaceKey(space))?.close(spaceGone())
    this.#local.delete(spaceKey(space))
    const opened = this.#open.get(spaceKey(space))
    if (this.#closing || !opened) return
    this.#open.delete(spaceKey(space))
    this.#byNumber.delete(opened.number)
    opened.end()
    opened.refuse(spaceGone)
    this.#dropping.set(opened.number, opened)
    // A worker that is being started is told when it is there.
    if (!opened.isLost) this.#drop(opened.number, opened)
  }

  /** `pending` includes changes that are still on their way to the worker. */
  stats(space: SpaceRef): SpaceStats | undefined {
    const local = this.#local.get(spaceKey(space))
    if (local) return local.stats()
    return this.#open.get(spaceKey(space))?.currentStats
  }

  rebuilds(): RebuildStatus {
    return this.#rebuilds.status()
  }

  /** @throws StoreError through the promise: `STORAGE_FAILED`, `OVERLOADED` (the worker died meanwhile), `SHUTTING_DOWN`. */
  async flush(): Promise<void> {
    if (this.#closing) throw indexClosed()
    const flushed = this.#pool.workers.map(({ link, replies }) => {
      const { id, answer } = replies.expect()
      link.outbox.push({ type: 'flush', id })
      link.flush()
      return answer
    })
    const failed = (await Promise.allSettled(flushed)).find((each) => each.status === 'rejected')
    if (failed) throw failed.reason
  }

  /** Answers what was sent, refuses what waits for an opening, and waits for the worker to end. Does not flush. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#rebuilds[Symbol.dispose]()
    this.#tidier[Symbol.dispose]()
    for (const local of this.#local.values()) local.close(indexClosed())
    for (const opened of this.#open.values()) {
      opened.end()
      opened.refuse(indexClosed)
    }
    await this.#pool.close(indexClosed)
  }

  /** Where a space lives that is opened: with the worker that still has to delete its files, or that has least to hold. */
  #workerFor(key: string): IndexWorker {
    for (const { ref, worker } of this.#dropping.values()) if (spaceKey(ref) === key) return worker
    return this.#pool.leastLoaded((worker) => {
      let floats = 0
      for (const each of this.#open.values())
        if (each.worker === worker) floats += (each.live.size + 1) * each.params.size
      return floats
    })
  }

  #isQuiet(): boolean {
    if (this.#pool.waiting > 0) return false
    for (const opened of this.#open.values()) if (!opened.isQuiet) return false
    return true
  }

  /** The workers are told afterwards: what this thread frees is given back by them, too. */
  #tidy(what: 'garbage' | 'nursery', here: () => void): void {
    here()
    for (const { link } of this.#pool.workers) {
      link.outbox.push({ type: 'tidy', what })
      link.flush()
    }
  }

  /** Spaces whose worker has all of them. */
  *#loaded(): Iterable<RemoteSpace> {
    for (const opened of this.#open.values()) if (!opened.isLoading) yield opened
  }

  #drop(space: SpaceNumber, { ref, worker }: Pick<RemoteSpace, 'ref' | 'worker'>): void {
    worker.link.outbox.push({ type: 'drop', space, ref })
    worker.link.flush()
  }

  #reply({ replies }: IndexWorker, reply: IndexReply): void {
    switch (reply.type) {
      case 'wanted':
        this.#byNumber.get(reply.space)?.wanted(reply.wanted)
        break
      case 'stats':
        this.#byNumber.get(reply.space)?.told(reply.applied, reply.stats)
        break
      case 'hits':
        replies.resolve(reply.id, () => foundIn(reply))
        break
      case 'traces':
        replies.resolve(reply.id, () => reply.traces)
        break
      case 'worked':
        this.#rebuilds.worked(reply.ms)
        break
      case 'dropped':
        this.#dropping.delete(reply.space)
        break
      case 'done':
        replies.resolve(reply.id, () => undefined)
        break
      case 'failed':
        replies.reject(reply.id, new StoreError(reply.code, reply.message))
        break
      case 'log':
        this.#log[reply.level](reply.fields, reply.message)
        break
      case 'closed':
        break
      default:
        unreachable(reply)
    }
  }

  #lost(worker: IndexWorker): void {
    worker.replies.rejectAll(workerDied())
    const nowMs = this.#timers.elapsedMs()
    for (const opened of this.#open.values()) if (opened.worker === worker) opened.lose(nowMs)
  }

  #started(worker: IndexWorker): void {
    for (const [space, dropping] of this.#dropping) if (dropping.worker === worker) this.#drop(space, dropping)
    for (const opened of [...this.#open.values()])
      if (opened.isLost && opened.worker === worker) this.#onReset?.(opened.ref)
  }
}

const foundIn = ({ ordinals, scores, work }: Extract<IndexReply, { type: 'hits' }>): Found => {
  const hits: IndexHit[] = []
  for (let i = 0; i < ordinals.length; i++) hits.push({ ordinal: ordinals[i]!, score: scores[i]! })
  return { hits, work }
}
