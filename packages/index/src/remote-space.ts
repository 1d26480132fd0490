import {
  type IndexedVector,
  type IndexQuery,
  isDense,
  isFinite32,
  type Log,
  type SpaceRef,
  type SpaceStats,
  type VectorParams,
  type VectorValue,
} from '@meridian/core'
import { Handover } from './handover.js'
import { stillLoading } from './index-errors.js'
import { OrdinalSet } from './ordinal-set.js'
import type { Tidier } from './tidier.js'
import type { IndexWorker } from './worker-pool.js'
import type { SpaceNumber } from './worker-protocol.js'

/** Vectors read and sent in one go while a space is handed over. */
const READ_BYTES = 512 * 1024
/** The files of a space are trusted again when its worker has not died over it for so long. */
const TRUST_MS = 600_000

const LOADING: SpaceStats = { live: 0, pending: 0, dead: 0, state: 'loading', bytes: 0 }

export interface RemoteSpaceOptions {
  /** Never given to another opening. */
  readonly number: SpaceNumber
  readonly worker: IndexWorker
  readonly ref: SpaceRef
  readonly params: VectorParams
  /** Listed at once; only their `read` is called later. */
  readonly vectors: Iterable<IndexedVector>
  /** The opening whose place this one takes: searches that wait for that wait for this. */
  readonly before: RemoteSpace | undefined
  readonly log: Log
  readonly tidier: Tidier
}

/**
 * One opening of a space that lives in a worker, as the main thread sees it:
 *
 *   loading ──handover is over──► loaded ──┐
 *      └──────────────────────────────────┴─ its worker died ──► lost, until it is opened again
 *
 * What is sent is in the order of the calls. Searches of a space that is loading are sent when the last of its vectors was; the
 * vectors are read in slices of bounded size.
 */
export class RemoteSpace {
  readonly number: SpaceNumber
  readonly worker: IndexWorker
  readonly ref: SpaceRef
  readonly params: VectorParams
  readonly live = new OrdinalSet()
  /** As the worker told last. */
  stats: SpaceStats = LOADING
  readonly #log: Log
  readonly #tidier: Tidier
  /** Searches that came before the worker had everything. */
  readonly #waiting: Map<number, IndexQuery>
  /** A worker that dies over it again and again may do so for its files: they are not to be loaded. */
  readonly #isFresh: boolean
  /** There while the worker is being given the vectors. */
  #handover: Handover | undefined
  #isLost = false
  /** When a worker last died with it; `undefined`: none did. */
  #diedAtMs: number | undefined
  #isDistrusted = false
  /** Changes sent since the opening, and how many of them the worker says it has. */
  #sent = 0
  #applied = 0

  constructor({ number, worker, ref, params, vectors, before, log, tidier }: RemoteSpaceOptions) {
    this.number = number
    this.worker = worker
    this.ref = ref
    this.params = params
    this.#log = log
    this.#tidier = tidier
    this.#waiting = before === undefined ? new Map() : before.#waiting
    this.#diedAtMs = before === undefined ? undefined : before.#diedAtMs
    this.#isFresh = before === undefined ? false : before.#isDistrusted
    this.#handover = new Handover(vectors, params.size)
    for (const ordinal of this.#handover.ordinals) this.live.add(ordinal)
    tidier.note(this.live.size * params.size * 4)
  }

  /** Its worker is gone, and all that it held. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** Whether the worker does not have all of it. */
  get isLoading(): boolean {
    return this.#handover !== undefined || this.#isLost
  }

  /** Whether there is nothing left to do for it. */
  get isQuiet(): boolean {
    return !this.isLoading && this.#sent <= this.#applied && this.stats.pending === 0 && this.stats.state === 'ready'
  }

  /** As of now: `pending` includes changes that are still on their way to the worker. */
  get currentStats(): SpaceStats {
    const { pending, state } = this.stats
    const live = this.live.size
    const under = this.#sent - this.#applied
    return {
      ...this.stats,
      live,
      pending: Math.min(live, pending + under),
      state: this.isLoading ? 'loading' : state,
    }
  }

  /** Begins the handover; once. */
  open(): void {
    const { number, ref, params } = this
    this.worker.link.outbox.push({ type: 'open', space: number, ref, params, fresh: this.#isFresh })
    if (this.#handover !== undefined) this.#offer(this.#handover)
  }

  set(ordinal: number, id: string, version: string, vector: VectorValue): void {
    this.#handover?.override(ordinal)
    if (!this.#isLost) this.#set(ordinal, id, version, vector)
  }

  remove(ordinal: number): void {
    if (this.#isLost) return
    this.#handover?.override(ordinal)
    this.#remove(ordinal)
  }

  /** Request `id` of the worker: now, or once the space is loaded, unless that takes longer than `waitMs`. */
  search(id: number, query: IndexQuery, waitMs: number): void {
    if (!this.isLoading) {
      this.#ask(id, query)
      return
    }
    const waiting = this.#waiting
    waiting.set(id, query)
    const refuse = (): void => {
      if (waiting.delete(id)) this.worker.replies.reject(id, stillLoading())
    }
    setTimeout(refuse, waitMs).unref()
  }

  /** Refuses the searches that wait. */
  refuse(reason: () => Error): void {
    for (const id of this.#waiting.keys()) this.worker.replies.reject(id, reason())
  }

  /** The worker says which vectors of the last offer it lacks. */
  wanted(positions: Uint32Array): void {
    if (this.#handover === undefined) return
    this.#handover.want(positions)
    this.#feed(this.#handover)
  }

  /** The worker has the first `applied` changes, and says how it stands. */
  told(applied: number, stats: SpaceStats): void {
    this.#applied = applied
    this.stats = stats
  }

  /** The worker is gone; who waited was told. */
  lose(nowMs: number): void {
    this.#isLost = true
    this.#isDistrusted = this.#diedAtMs !== undefined && nowMs - this.#diedAtMs < TRUST_MS
    this.#diedAtMs = nowMs
    this.#handover = undefined
    this.#waiting.clear()
    this.stats = LOADING
  }

  /** It was dropped, or another opening has taken its place: no more of it is read. */
  end(): void {
    this.#handover = undefined
  }

  #set(ordinal: number, id: string, version: string, vector: VectorValue): void {
    if (!isDense(vector) || vector.length !== this.params.size || !isFinite32(vector)) {
      this.#log.warn({ ...this.ref, id }, 'vector is not searchable: wrong form or length, or not finite')
      this.#remove(ordinal)
      return
    }
    this.live.add(ordinal)
    this.#sent++
    this.#tidier.note(this.params.size * 4)
    const { link } = this.worker
    link.flush(link.outbox.set(this.number, ordinal, id, version, vector))
  }

  #remove(ordinal: number): void {
    this.live.delete(ordinal)
    this.#sent++
    const { link } = this.worker
    link.flush(link.outbox.remove(this.number, ordinal))
  }

  #ask(id: number, query: IndexQuery): void {
    const { link } = this.worker
    link.outbox.push({ type: 'search', id, space: this.number, query })
    link.flush()
  }

  /** The next batch of the handover, or its end. */
  #offer(handover: Handover): void {
    const { link, replies } = this.worker
    const offer = handover.next()
    if (offer) {
      link.outbox.push({ type: 'offer', space: this.number, offer })
    } else {
      this.#handover = undefined
      this.stats = { ...this.stats, state: 'ready' }
      link.outbox.push({ type: 'settle', space: this.number })
      for (const [id, query] of this.#waiting) if (replies.isWaiting(id)) this.#ask(id, query)
      this.#waiting.clear()
    }
    link.flush()
  }

  /** Reads and sends what the worker wants of the last offer, giving way to other work between slices. */
  #feed(handover: Handover): void {
    if (this.#handover !== handover) return
    for (let bytes = 0; bytes < READ_BYTES; ) {
      const wanted = handover.take()
      if (!wanted) {
        this.#offer(handover)
        return
      }
      const vector = this.#read(wanted)
      if (vector) this.#set(wanted.ordinal, wanted.id, wanted.version, vector)
      bytes += this.params.size * 4
    }
    setImmediate(() => this.#feed(handover))
  }

  #read(vector: IndexedVector): VectorValue | undefined {
    try {
      return vector.read()
    } catch (error) {
      this.live.delete(vector.ordinal)
      this.#log.error({ ...this.ref, id: vector.id, error: String(error) }, 'vector not read; it is not searchable')
      return undefined
    }
  }
}
