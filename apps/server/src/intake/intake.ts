import { type RecordOp, StoreError, type Timers } from '@meridian/core'
import { Passage } from './passage.js'
import { Turns } from './turns.js'

/** How long a write waits for the graphs to come nearer before it is refused, and how often it looks. */
const WAIT_MS = 2000
const LOOK_MS = 25
/** Writes that wait; further ones are refused at once: each holds its body. */
const WAITING_MAX = 64
/** Memory is looked at again after so long. */
const STALE_MS = 250
/** Once refused for memory, writes are taken again below this share of the ceiling. */
const RESUME_SHARE = 0.97
/** While searches come, writes go in one by one from this share of the bound on: each search scans all that waits. */
const SEARCHED_SHARE = 1 / 16

export interface IntakeParts {
  readonly timers: Timers
  /** Bytes of the collection's vectors that are not in a graph yet. */
  pendingBytes(collection: string): number
  readonly pendingBytesMax: number
  /** From so many on writes go in one by one, as fast as vectors are inserted. */
  readonly pendingBytesSlow: number
  /** Whether graphs are built by a processor that also serves: then it is far fewer while searches come. */
  readonly isShared: boolean
  memoryUsed(): number
  readonly memoryMaxBytes: number
}

/**
 * Lets writes of clients in as fast as they can be indexed and held. What other regions send is not asked: it was admitted
 * there, and refusing it would make regions differ. Deletions always pass: they make room.
 */
export class Intake {
  readonly #parts: IntakeParts
  readonly #turns: Turns
  /** What large writes go through once they are admitted. */
  readonly passage: Passage
  #waiting = 0
  #isFull = false
  #used = 0
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #refused = { pending: 0, memory: 0 }
  #refusedAtMs = { pending: Number.NEGATIVE_INFINITY, memory: Number.NEGATIVE_INFINITY }

  constructor(parts: IntakeParts) {
    this.#parts = parts
    this.passage = new Passage(() => parts.timers.elapsedMs())
    this.#turns = new Turns(
      parts.timers,
      (name) => this.#isNear(name) && parts.pendingBytes(name) >= this.#pendingBytesSlow,
    )
  }

  /** Writes refused since the start, by reason. */
  get refused(): { readonly pending: number; readonly memory: number } {
    return this.#refused
  }

  /** Writes that had to wait for their turn since the start. */
  get slowed(): number {
    return this.#turns.taken
  }

  get memoryUsedBytes(): number {
    this.#look()
    return this.#used
  }

  get memoryFreeBytes(): number {
    return Math.max(0, this.#parts.memoryMaxBytes - this.memoryUsedBytes)
  }

  /** Whether a write was refused for this within the last `withinMs`. */
  hasRefused(reason: 'pending' | 'memory', withinMs: number): boolean {
    return this.#parts.timers.elapsedMs() - this.#refusedAtMs[reason] < withinMs
  }

  /**
   * Resolves when the write may be made: at once, in its turn, or when the graphs have come near enough.
   * @throws StoreError through the promise: `MEMORY_FULL`; `INDEX_BEHIND` when that takes too long, or too many wait for it.
   */
  async admit(collection: string, ops: readonly RecordOp[]): Promise<void> {
    this.#checkMemory(ops)
    if (!ops.some(hasVectors)) return
    const turn = this.#turns.take(collection)
    if (turn !== undefined) await turn
    if (this.#isNear(collection)) return
    if (this.#waiting >= WAITING_MAX) throw this.#behind(collection)
    const { timers } = this.#parts
    const untilMs = timers.elapsedMs() + WAIT_MS
    this.#waiting++
    try {
      do {
        if (timers.elapsedMs() >= untilMs) throw this.#behind(collection)
        await new Promise<void>((resolve) => void timers.after(LOOK_MS, resolve))
      } while (!this.#isNear(collection))
    } finally {
      this.#waiting--
    }
  }

  /**
   * Resolves when it is the turn of a write that may come to this: at once, unless writes are slowed down. `check` follows, when it
   * is known what it came to.
   */
  async turn(collection: string, ops: readonly RecordOp[]): Promise<void> {
    if (ops.some(hasVectors)) await this.#turns.take(collection)
  }

  /**
   * For a restore, which sends one batch after the other and has no client whose patience ends: waits as long as it takes.
   * @throws StoreError through the promise: `MEMORY_FULL`; the signal's reason.
   */
  async admitNext(collection: string, signal: AbortSignal): Promise<void> {
    const { timers } = this.#parts
    for (;;) {
      signal.throwIfAborted()
      this.#look()
      if (this.#isFull) throw this.#full()
      if (this.#isNear(collection)) return
      await new Promise<void>((resolve) => void timers.after(LOOK_MS, resolve))
    }
  }

  /**
   * For what a write turned out to be when it is made: nothing can wait then.
   * @throws StoreError as `admit`.
   */
  check(collection: string, ops: readonly RecordOp[]): void {
    this.#checkMemory(ops)
    if (ops.some(hasVectors) && !this.#isNear(collection)) throw this.#behind(collection)
  }

  get #pendingBytesSlow(): number {
    const { pendingBytesSlow, pendingBytesMax, isShared } = this.#parts
    const isEager = isShared && this.passage.isSearched && pendingBytesSlow < pendingBytesMax
    return pendingBytesSlow * (isEager ? SEARCHED_SHARE : 1)
  }

  #isNear(collection: string): boolean {
    return this.#parts.pendingBytes(collection) < this.#parts.pendingBytesMax
  }

  #checkMemory(ops: readonly RecordOp[]): void {
    this.#look()
    if (this.#isFull && ops.some(takesRoom)) throw this.#full()
  }

  #full(): StoreError {
    this.#note('memory')
    const { memoryMaxBytes } = this.#parts
    return new StoreError(
      'MEMORY_FULL',
      `${mib(this.#used)} MiB of memory are in use and ${mib(memoryMaxBytes)} are allowed: delete points, or give this region more with --memory-max`,
    )
  }

  #behind(collection: string): StoreError {
    this.#note('pending')
    return new StoreError(
      'INDEX_BEHIND',
      `${mib(this.#parts.pendingBytes(collection))} MiB of vectors of collection ${collection} wait to be indexed: send again after a second (--index-pending-bytes-max)`,
    )
  }

  #note(reason: 'pending' | 'memory'): void {
    this.#refused[reason]++
    this.#refusedAtMs[reason] = this.#parts.timers.elapsedMs()
  }

  #look(): void {
    const nowMs = this.#parts.timers.elapsedMs()
    if (nowMs - this.#lookedAtMs < STALE_MS) return
    this.#lookedAtMs = nowMs
    this.#used = this.#parts.memoryUsed()
    this.#isFull = this.#used >= this.#parts.memoryMaxBytes * (this.#isFull ? RESUME_SHARE : 1)
  }
}

const mib = (bytes: number): number => Math.round(bytes / 1024 ** 2)

const hasVectors = (op: RecordOp): boolean => op.kind !== 'delete' && op.vectors.size > 0

const takesRoom = (op: RecordOp): boolean =>
  op.kind === 'put' || (op.kind === 'patch' && (op.vectors.size > 0 || Object.keys(op.set).length > 0))
