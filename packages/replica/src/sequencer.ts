import { assert, type Storage, type StorageOp, StoreError, type Timers, type VersionVector } from '@meridian/core'
import { JobQueue } from './job-queue.js'
import { Stage } from './stage.js'

/** Something that becomes durable in one commit. `stage` runs when every earlier job of its kind is durable and applied. */
export interface Job {
  readonly bytes: number
  /** From a peer: what is asked for here goes before it, and a commit takes only a slice of what waits. */
  readonly isReceived?: boolean
  /** Nothing else may follow it in the same commit. */
  readonly isLast?: boolean
  /**
   * Adds to the commit. A StoreError refuses this job alone (`failed` follows), so nothing may be added before the last check.
   */
  stage(stage: Stage): void
  /** The commit failed or the engine stopped: the fate of the job is unknown. */
  failed(error: StoreError): void
}

const FULL_MS = 10_000
const COMMIT_BYTES_MAX = 8 << 20
/**
 * What peers sent is taken in slices of so many bytes, or of so much time spent on checking it (folding it takes about as long
 * again): requests are answered between two commits, also while a region that was away is being told everything.
 */
const RECEIVED_BYTES_MAX = 512 << 10
const RECEIVED_MS_MAX = 10

/**
 * Group commit. One commit is under way at a time; what arrives meanwhile goes into the next. Memory changes only after the
 * fsync, so nothing that a reader, a peer or a client has seen can be lost.
 *
 * Invariant: while no commit is under way, the documents, views and vectors equal what storage holds.
 */
export class Sequencer {
  readonly #own = new JobQueue()
  readonly #received = new JobQueue()
  #waitingBytes = 0
  #state: 'idle' | 'scheduled' | 'committing' | 'stopped' = 'idle'
  #onIdle: (() => void)[] = []
  /** Part of every commit until one succeeds, so that nothing can become durable before it. */
  #preamble: readonly StorageOp[]
  /** Set by the first failed commit; everything later is refused. */
  failure: StoreError | undefined
  #full: { readonly error: StoreError; readonly atMs: number } | undefined
  #hasRoom = true
  #flushingAt: number | undefined

  constructor(
    readonly storage: Storage,
    readonly timers: Timers,
    readonly vector: () => VersionVector,
    /** Memory has caught up with the disk; that took `applyMs`. */
    readonly committed: (applyMs: number) => void,
    preamble: readonly StorageOp[] = [],
  ) {
    this.#preamble = preamble
  }

  /**
   * A commit found no room, and none has gone through since, or that was only moments ago: on a full disk small commits pass
   * between large ones that do not.
   */
  get full(): StoreError | undefined {
    if (this.#full === undefined) return undefined
    const isOver = this.#hasRoom && this.timers.elapsedMs() - this.#full.atMs >= FULL_MS
    return isOver ? undefined : this.#full.error
  }

  /** For how long the commit under way has been; 0 without one. */
  get flushingMs(): number {
    return this.#flushingAt === undefined ? 0 : this.timers.elapsedMs() - this.#flushingAt
  }

  get waitingBytes(): number {
    return this.#waitingBytes
  }

  push(job: Job): void {
    const refusal =
      this.failure ??
      (this.#state === 'stopped' ? new StoreError('SHUTTING_DOWN', 'the store is shutting down') : undefined)
    if (refusal !== undefined) {
      job.failed(refusal)
      return
    }
    ;(job.isReceived === true ? this.#received : this.#own).push(job)
    this.#waitingBytes += job.bytes
    if (this.#state === 'idle') {
      // Not at once: everything that arrives in this tick shares the commit.
      this.#state = 'scheduled'
      this.timers.after(0, () => this.#commit())
    }
  }

  #commit(): void {
    if (this.#state !== 'scheduled') return
    const stage = new Stage(this.vector())
    const jobs: Job[] = []
    const isOpen = this.#take(this.#own, stage, jobs, () => jobs.length === 0 || stage.bytes < COMMIT_BYTES_MAX)
    if (isOpen) {
      const from = stage.bytes
      const startedAt = this.timers.elapsedMs()
      let isFirst = true
      this.#take(this.#received, stage, jobs, () => {
        const hasRoom = stage.bytes - from < RECEIVED_BYTES_MAX && this.timers.elapsedMs() - startedAt < RECEIVED_MS_MAX
        const mayGo = isFirst || hasRoom
        isFirst = false
        return mayGo
      })
    }
    if (stage.ops.length === 0) {
      for (const apply of stage.durable) apply()
      this.#next()
      return
    }
    this.#state = 'committing'
    this.#flushingAt = this.timers.elapsedMs()
    this.storage.commit([...this.#preamble, ...stage.ops], (error) => {
      if (this.#state === 'stopped') return
      assert(this.#state === 'committing', 'one commit at a time')
      this.#flushingAt = undefined
      if (error !== undefined) {
        this.#fail(error, jobs)
        return
      }
      this.#preamble = []
      this.#hasRoom = true
      const durableAt = this.timers.elapsedMs()
      for (const apply of stage.durable) apply()
      this.committed(this.timers.elapsedMs() - durableAt)
      this.#next()
    })
  }

  /** Stages jobs of a queue while there is room. Returns whether others may follow in the same commit. */
  #take(queue: JobQueue, stage: Stage, jobs: Job[], hasRoom: () => boolean): boolean {
    while (queue.length > 0 && hasRoom()) {
      const job = queue.shift()
      this.#waitingBytes -= job.bytes
      try {
        job.stage(stage)
        jobs.push(job)
        if (job.isLast === true) return false
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        job.failed(error)
      }
    }
    return true
  }

  #next(): void {
    if (this.#own.length + this.#received.length > 0) {
      this.#state = 'scheduled'
      this.timers.after(0, () => this.#commit())
      return
    }
    this.#state = 'idle'
    const waiting = this.#onIdle
    this.#onIdle = []
    for (const run of waiting) run()
  }

  /** A full disk refuses the batch and recovers when there is room; any other failure ends writing for good. */
  #fail(cause: Error, jobs: readonly Job[]): void {
    const error = cause instanceof StoreError ? cause : new StoreError('STORAGE_FAILED', cause.message, { cause })
    if (error.code !== 'STORAGE_FULL') this.failure = error
    else this.#full = { error, atMs: this.timers.elapsedMs() }
    this.#hasRoom = false
    const lost = error.code === 'STORAGE_FULL' ? jobs : [...jobs, ...this.#own.clear(), ...this.#received.clear()]
    if (this.failure !== undefined) this.#waitingBytes = 0
    for (const job of lost) job.failed(error)
    this.#next()
  }

  /** Runs `run` when nothing is queued or under way. */
  whenIdle(run: () => void): void {
    if (this.#state === 'idle' || this.#state === 'stopped') run()
    else this.#onIdle.push(run)
  }

  /** Nothing is taken any more and no callback of storage is listened to: a crash, or the end of a close. */
  stop(): void {
    this.#state = 'stopped'
    const left = [...this.#own.clear(), ...this.#received.clear()]
    this.#waitingBytes = 0
    const error = new StoreError('SHUTTING_DOWN', 'the store is shutting down')
    for (const job of left) job.failed(error)
  }
}
