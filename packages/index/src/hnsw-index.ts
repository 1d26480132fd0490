import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import {
  assert,
  type IndexedVector,
  type IndexHit,
  type IndexQuery,
  type IndexTraces,
  isDense,
  isFinite32,
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
  type VectorParams,
  type VectorValue,
} from '@meridian/core'
import { ENGINE } from './graph.js'
import { Handover } from './handover.js'
import { LocalSpace } from './local-space.js'
import { OrdinalSet } from './ordinal-set.js'
import { checkQuery, denseVector, spaceKey } from './query.js'
import { Rebuilds } from './rebuilds.js'
import type { StartWorker } from './worker-link.js'
import { Snapshots } from './snapshots.js'
import { collectGarbage, shrinkNursery, Tidier } from './tidier.js'
import { type IndexWorker, WorkerPool, workersDefault } from './worker-pool.js'
import type { IndexReply, SpaceNumber } from './worker-protocol.js'

/** Searches waiting for an answer; beyond it they are refused. */
const SEARCHES_MAX = 4096
/** Vectors read and sent in one go while a space is handed over. */
const READ_BYTES = 512 * 1024
/** A search of a space that is being loaded waits this long, then it is refused. */
const LOADING_WAIT_MS = 10_000
/** The files of a space are trusted again when its worker has not died over it for so long. */
const TRUST_MS = 600_000

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

interface Open {
  readonly number: SpaceNumber
  readonly worker: IndexWorker
  readonly ref: SpaceRef
  readonly params: VectorParams
  readonly live: OrdinalSet
  /** There while the worker is being given the vectors. */
  handover: Handover | undefined
  /** The worker that held it is gone. */
  isLost: boolean
  /** When a worker last died with it; `undefined`: none did. */
  diedAtMs: number | undefined
  /** It died twice in a short time: its files may be why. */
  isDistrusted: boolean
  /** Searches that came before the worker had everything. */
  readonly waiting: Map<number, IndexQuery>
  /** Changes sent since the opening, and how many of them the worker says it has. */
  sent: number
  applied: number
  stats: SpaceStats
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
  readonly #rebuilds: Rebuilds<Open>
  readonly #tidier: Tidier
  readonly #open = new Map<string, Open>()
  /** Spaces of sparse vectors and multivectors: the worker does not hear of them. */
  readonly #local = new Map<string, LocalSpace>()
  readonly #byNumber = new Map<SpaceNumber, Open>()
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
      this.#local.get(key)?.close(new StoreError('OVERLOADED', 'the space is being opened anew; try again'))
      this.#local.set(key, new LocalSpace(params, vectors, this.#log))
      return
    }
    const before = this.#open.get(key)
    if (before) this.#byNumber.delete(before.number)
    const handover = new Handover(vectors, params.size)
    const worker = before?.worker ?? this.#workerFor(key)
    const opened: Open = {
      number: ++this.#lastNumber,
      worker,
      ref,
      params,
      live: new OrdinalSet(),
      handover,
      isLost: false,
      diedAtMs: before?.diedAtMs,
      isDistrusted: false,
      waiting: before?.waiting ?? new Map(),
      sent: 0,
      applied: 0,
      stats: { live: 0, pending: 0, dead: 0, state: 'loading', bytes: 0 },
    }
    for (const ordinal of handover.ordinals) opened.live.add(ordinal)
    this.#tidier.note(opened.live.size * params.size * 4)
    this.#open.set(key, opened)
    this.#byNumber.set(opened.number, opened)
    worker.link.outbox.push({ type: 'open', space: opened.number, ref, params, fresh: before?.isDistrusted ?? false })
    this.#offer(opened, handover)
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
    opened.handover?.override(ordinal)
    if (!opened.isLost) this.#set(opened, ordinal, id, version, vector)
  }

  remove(space: SpaceRef, ordinal: number): void {
    this.#local.get(spaceKey(space))?.remove(ordinal)
    const opened = this.#open.get(spaceKey(space))
    if (this.#closing || !opened || opened.isLost) return
    opened.handover?.override(ordinal)
    this.#remove(opened, ordinal)
  }

  async search(
    space: SpaceRef,
    query: IndexQuery,
    signal?: AbortSignal,
    tell?: (work: SearchWork) => void,
  ): Promise<IndexHit[]> {
    signal?.throwIfAborted()
    if (this.#closing) throw new StoreError('SHUTTING_DOWN', 'the index is closed')
    const local = this.#local.get(spaceKey(space))
    if (local) return local.search(query, signal, tell)
    const opened = this.#open.get(spaceKey(space))
    if (!opened) throw notOpen()
    checkQuery(query, opened.params)
    if (opened.isLost && !this.#onReset) throw died()
    if (this.#pool.waiting >= SEARCHES_MAX) throw new StoreError('OVERLOADED', `${SEARCHES_MAX} searches are waiting`)
    const { replies } = opened.worker
    this.#tidier.note(0)
    const { id, answer } = replies.expect(signal)
    // Copies: a view would take its whole buffer along, and the caller may go on using its own.
    const among = query.among && { among: query.among.slice() }
    const copy: IndexQuery = { ...query, vector: denseVector(query).slice(), ...among }
    const askedMs = opened.handover || opened.isLost ? undefined : this.#timers.elapsedMs()
    if (askedMs === undefined) this.#await(opened, id, copy)
    else this.#ask(opened, id, copy)
    const found = (await answer) as Found
    // What waited for its space says nothing of how busy the worker is.
    if (askedMs !== undefined) this.#rebuilds.times.add(this.#timers.elapsedMs() - askedMs)
    tell?.(found.work)
    return found.hits
  }

  async terms(space: SpaceRef): Promise<Terms | undefined> {
    if (this.#closing) throw new StoreError('SHUTTING_DOWN', 'the index is closed')
    const local = this.#local.get(spaceKey(space))
    if (!local && !this.#open.has(spaceKey(space))) throw notOpen()
    return local?.terms()
  }

  async traces(space: SpaceRef, id: string): Promise<IndexTraces> {
    if (this.#closing) throw new StoreError('SHUTTING_DOWN', 'the index is closed')
    // What is scanned here has the vectors of what it finds, and no file.
    if (this.#local.has(spaceKey(space))) return { graph: 'clear', files: 'clear' }
    const opened = this.#open.get(spaceKey(space))
    if (!opened) throw notOpen()
    if (opened.handover || opened.isLost) return { graph: 'unknown', files: 'unknown' }
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
    this.#local.get(spaceKey(space))?.close(new StoreError('NOT_READY', 'the space is gone'))
    this.#local.delete(spaceKey(space))
    const opened = this.#open.get(spaceKey(space))
    if (this.#closing || !opened) return
    this.#open.delete(spaceKey(space))
    this.#byNumber.delete(opened.number)
    for (const id of opened.waiting.keys())
      opened.worker.replies.reject(id, new StoreError('NOT_READY', 'the space is gone'))
    this.#dropping.set(opened.number, opened)
    // A worker that is being started is told when it is there.
    if (!opened.isLost) this.#drop(opened.number, opened)
  }

  /** `pending` includes changes that are still on their way to the worker. */
  stats(space: SpaceRef): SpaceStats | undefined {
    const local = this.#local.get(spaceKey(space))
    if (local) return local.stats()
    const opened = this.#open.get(spaceKey(space))
    if (!opened) return undefined
    const { pending, state } = opened.stats
    const live = opened.live.size
    const isLoading = opened.handover !== undefined || opened.isLost
    const under = opened.sent - opened.applied
    return {
      ...opened.stats,
      live,
      pending: Math.min(live, pending + under),
      state: isLoading ? 'loading' : state,
    }
  }

  rebuilds(): RebuildStatus {
    return this.#rebuilds.status()
  }

  /** @throws StoreError through the promise: `STORAGE_FAILED`, `OVERLOADED` (the worker died meanwhile), `SHUTTING_DOWN`. */
  async flush(): Promise<void> {
    if (this.#closing) throw new StoreError('SHUTTING_DOWN', 'the index is closed')
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
    for (const local of this.#local.values()) local.close(new StoreError('SHUTTING_DOWN', 'the index is closed'))
    for (const opened of this.#open.values()) {
      opened.handover = undefined
      for (const id of opened.waiting.keys()) {
        opened.worker.replies.reject(id, new StoreError('SHUTTING_DOWN', 'the index is closed'))
      }
    }
    await this.#pool.close(() => new StoreError('SHUTTING_DOWN', 'the index is closed'))
  }

  #set(opened: Open, ordinal: number, id: string, version: string, vector: VectorValue): void {
    if (!isDense(vector) || vector.length !== opened.params.size || !isFinite32(vector)) {
      this.#log.warn({ ...opened.ref, id }, 'vector is not searchable: wrong form or length, or not finite')
      this.#remove(opened, ordinal)
      return
    }
    opened.live.add(ordinal)
    opened.sent++
    this.#tidier.note(opened.params.size * 4)
    const { link } = opened.worker
    link.flush(link.outbox.set(opened.number, ordinal, id, version, vector))
  }

  #remove(opened: Open, ordinal: number): void {
    opened.live.delete(ordinal)
    opened.sent++
    const { link } = opened.worker
    link.flush(link.outbox.remove(opened.number, ordinal))
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
    for (const { handover, isLost, sent, applied, stats } of this.#open.values())
      if (handover || isLost || sent > applied || stats.pending > 0 || stats.state !== 'ready') return false
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
  *#loaded(): Iterable<Open> {
    for (const opened of this.#open.values()) if (!opened.handover && !opened.isLost) yield opened
  }

  #drop(space: SpaceNumber, { ref, worker }: Pick<Open, 'ref' | 'worker'>): void {
    worker.link.outbox.push({ type: 'drop', space, ref })
    worker.link.flush()
  }

  #ask({ worker, number }: Open, id: number, query: IndexQuery): void {
    worker.link.outbox.push({ type: 'search', id, space: number, query })
    worker.link.flush()
  }

  /** Until the space has been loaded, or for as long as somebody may be kept waiting. */
  #await(opened: Open, id: number, query: IndexQuery): void {
    const { waiting, worker } = opened
    waiting.set(id, query)
    const refuse = (): void => {
      if (waiting.delete(id)) worker.replies.reject(id, stillLoading())
    }
    setTimeout(refuse, this.#loadingWaitMs).unref()
  }

  /** The next batch of the handover, or its end. */
  #offer(opened: Open, handover: Handover): void {
    const { link, replies } = opened.worker
    const offer = handover.next()
    if (offer) {
      link.outbox.push({ type: 'offer', space: opened.number, offer })
    } else {
      opened.handover = undefined
      opened.stats = { ...opened.stats, state: 'ready' }
      link.outbox.push({ type: 'settle', space: opened.number })
      for (const [id, query] of opened.waiting) if (replies.isWaiting(id)) this.#ask(opened, id, query)
      opened.waiting.clear()
    }
    link.flush()
  }

  /** Reads and sends what the worker wants of the last offer, giving way to other work between slices. */
  #feed(opened: Open, handover: Handover): void {
    if (opened.handover !== handover || opened.isLost || this.#byNumber.get(opened.number) !== opened) return
    for (let bytes = 0; bytes < READ_BYTES; ) {
      const wanted = handover.take()
      if (!wanted) {
        this.#offer(opened, handover)
        return
      }
      const vector = this.#read(opened, wanted)
      if (vector) this.#set(opened, wanted.ordinal, wanted.id, wanted.version, vector)
      bytes += opened.params.size * 4
    }
    setImmediate(() => this.#feed(opened, handover))
  }

  #read(opened: Open, vector: IndexedVector): VectorValue | undefined {
    try {
      return vector.read()
    } catch (error) {
      opened.live.delete(vector.ordinal)
      this.#log.error({ ...opened.ref, id: vector.id, error: String(error) }, 'vector not read; it is not searchable')
      return undefined
    }
  }

  #reply({ replies }: IndexWorker, reply: IndexReply): void {
    switch (reply.type) {
      case 'wanted': {
        const opened = this.#byNumber.get(reply.space)
        if (!opened?.handover) break
        opened.handover.want(reply.wanted)
        this.#feed(opened, opened.handover)
        break
      }
      case 'stats': {
        const opened = this.#byNumber.get(reply.space)
        if (!opened) break
        opened.applied = reply.applied
        opened.stats = reply.stats
        break
      }
      case 'hits': {
        replies.resolve(reply.id, () => foundIn(reply))
        break
      }
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
    worker.replies.rejectAll(died())
    const nowMs = this.#timers.elapsedMs()
    for (const opened of this.#open.values()) {
      if (opened.worker !== worker) continue
      opened.isLost = true
      // What workers die over again and again is not loaded once more.
      opened.isDistrusted = opened.diedAtMs !== undefined && nowMs - opened.diedAtMs < TRUST_MS
      opened.diedAtMs = nowMs
      opened.handover = undefined
      opened.waiting.clear()
      opened.stats = { live: 0, pending: 0, dead: 0, state: 'loading', bytes: 0 }
    }
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

/** Nothing here keeps a process alive. */
const NODE_TIMERS: Timers = {
  elapsedMs: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs).unref()
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
}

const usedCpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

const notOpen = (): StoreError => new StoreError('NOT_READY', 'the vector space is not open')
const stillLoading = (): StoreError =>
  new StoreError('NOT_READY', 'the index of this vector is being loaded: see /readyz, and try again')
const died = (): StoreError => new StoreError('OVERLOADED', 'the index worker died and is being replaced; try again')
