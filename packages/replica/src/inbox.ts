import { type Log, type ReplicaId, StoreError, VersionVector } from '@meridian/core'
import type { Counters } from './api.js'
import type { CatalogPlane } from './catalog-plane.js'
import type { DataPlane } from './data-plane.js'
import type { LocalClock } from './local-clock.js'
import type { Touched } from './log-entry.js'
import type { Sequencer } from './sequencer.js'
import type { Settings } from './settings.js'
import type { Stage } from './stage.js'
import type { TransactionLog } from './transaction-log.js'
import { checkUpdate, UnknownCollection, type Update } from './update-check.js'

interface Received {
  readonly update: Update
  /** Whose link it came over. */
  readonly from: ReplicaId
  readonly bytes: number
  readonly refuse: (reason: string) => void
}

/** What became of an update on arrival. */
export type Taken = 'taken' | 'duplicate' | 'gap' | 'full' | 'given-up'

/**
 * Transactions of other replicas on their way to the disk.
 *
 *  1. An origin's transactions are staged in its order without gaps, whichever links they came by.
 *  2. Nothing is staged before every byte of it is checked; a bad one takes everything queued behind it along.
 *  3. A transaction that names a collection which the catalog does not know yet waits, and its origin with it: the creation
 *     happened before it and is on its way from another origin. What waits is bounded by the senders' windows.
 *  4. Of a region that was retired nothing is taken that was given up with it (`Departures.limitOf`).
 */
export class Inbox {
  readonly #accepted = new Map<ReplicaId, number>()
  readonly #parked = new Map<ReplicaId, Received[]>()
  #bytes = 0
  #isClosed = false

  constructor(
    readonly self: ReplicaId,
    readonly data: DataPlane,
    readonly catalog: CatalogPlane,
    readonly log: TransactionLog,
    readonly clock: LocalClock,
    readonly sequencer: Sequencer,
    readonly settings: Settings,
    readonly counters: Counters,
    readonly logger: Log,
    readonly applied: (origin: ReplicaId, atMs: number) => void,
    /** The last transaction of an origin that is taken over a link with `from`. */
    readonly limitOf: (origin: ReplicaId, from: ReplicaId, hasRecords: boolean) => number,
  ) {}

  /** Highest seq of `origin` that is durable or on its way to the disk without a gap. */
  accepted(origin: ReplicaId): number {
    return Math.max(this.#accepted.get(origin) ?? 0, this.log.vector.get(origin))
  }

  /** As `accepted`, of every origin, also of those whose transactions have come through others alone. */
  acceptedVector(): VersionVector {
    return this.log.vector.join(VersionVector.of(this.#accepted))
  }

  /** Origins that wait for a catalog change. */
  get parked(): ReplicaId[] {
    return [...this.#parked.keys()]
  }

  /** `refuse` is called, once, if a check fails later. */
  take(update: Update, bytes: number, from: ReplicaId, refuse: (reason: string) => void): Taken {
    const expected = this.accepted(update.origin) + 1
    if (update.seq < expected) return 'duplicate'
    if (this.#isGivenUp(update, from)) {
      this.#givenUp(update.origin, update.seq)
      return 'given-up'
    }
    if (update.seq > expected) return 'gap'
    if (this.#isClosed || this.#bytes + bytes > this.settings.receivedBytesMax) return 'full'
    this.#accepted.set(update.origin, update.seq)
    this.#queue({ update, bytes, from, refuse })
    return 'taken'
  }

  #isGivenUp({ origin, seq, parts }: Update, from: ReplicaId): boolean {
    return (
      seq > this.limitOf(origin, from, true) &&
      seq >
        this.limitOf(
          origin,
          from,
          parts.some(({ kind }) => kind === 'shard'),
        )
    )
  }

  /** Once an origin in the log, each in the counter: it may be sent again and again. */
  #givenUp(origin: ReplicaId, seq: number): void {
    this.counters.givenUpRefused++
    if (this.#loggedGivenUp.has(origin)) return
    this.#loggedGivenUp.add(origin)
    this.logger.warn(
      { origin, seq },
      `refused transaction ${seq} of replica ${origin}, and all after it: it is being or was retired, and they were given up`,
    )
  }
  readonly #loggedGivenUp = new Set<ReplicaId>()

  /** Takes nothing any more. */
  close(): void {
    this.#isClosed = true
  }

  #queue(received: Received): void {
    this.#bytes += received.bytes
    const origin = received.update.origin
    const waiting = this.#parked.get(origin)
    if (waiting !== undefined) {
      waiting.push(received)
      return
    }
    this.sequencer.push({
      bytes: received.bytes,
      isReceived: true,
      stage: (stage) => this.#stage(stage, received),
      failed: (error) => {
        this.#bytes -= received.bytes
        this.#failed(received, error)
      },
    })
  }

  #stage(stage: Stage, received: Received): void {
    const { update, bytes } = received
    const { origin, seq, atMs } = update
    if (seq <= stage.vector.get(origin)) {
      stage.durable.push(() => {
        this.#bytes -= bytes
      })
      return
    }
    if (this.#parked.has(origin)) throw new UnknownCollection()
    // A vote may have come in between.
    if (this.#isGivenUp(update, received.from)) {
      this.#givenUp(origin, seq)
      throw new StoreError('NOT_READY', 'a transaction of a retired replica')
    }
    if (seq !== stage.vector.get(origin) + 1) throw new StoreError('OVERLOADED', 'an earlier transaction was not taken')
    const checked = checkUpdate(stage, update, this)
    const touched: Touched[] = []
    for (const { change, blocks } of checked.changes) {
      this.data.changes.stage(stage, change)
      touched.push({ kind: 'shard', uid: change.store.uid, shard: change.store.shard, blocks, removed: change.removed })
    }
    if (checked.catalog.length > 0) {
      this.catalog.stageChanges(stage, origin, seq, checked.catalog)
      touched.push({ kind: 'catalog', changes: checked.catalog })
      stage.durable.push(() => this.catalog.apply(checked.catalog, origin))
    }
    this.log.stage(stage, origin, seq, bytes, { atMs, touched })
    if (atMs <= this.clock.horizonMs) this.clock.observe(atMs)
    // Some of it may be of the present when the last of it is not, and what was moved newer than the clock of its mover.
    for (const { change } of checked.changes)
      this.clock.observeBlocks(change.fresh, (block) => block.moved || atMs > this.clock.horizonMs)
    this.clock.stage(stage)
    stage.durable.push(() => {
      this.#bytes -= bytes
      if (checked.catalog.length > 0) {
        this.catalog.notify()
        this.#unpark()
      }
      this.applied(origin, atMs)
    })
  }

  #failed(received: Received, error: StoreError): void {
    const { origin, seq } = received.update
    if (error instanceof UnknownCollection) {
      const waiting = this.#parked.get(origin) ?? []
      waiting.push(received)
      this.#bytes += received.bytes
      this.#parked.set(origin, waiting)
      return
    }
    // What was queued behind it now finds a gap and is dropped; the sender starts again from what is durable.
    this.forget(origin)
    if (error.code !== 'DECODE_FAILED') return
    this.counters.framesRefused++
    this.logger.warn({ origin, seq, reason: error.message, error_code: error.code }, 'refused a transaction of a peer')
    received.refuse(error.message)
  }

  /** A state transfer up to `seq` is queued: the next transaction to be taken follows it. */
  expectAfter(origin: ReplicaId, seq: number): void {
    this.#accepted.set(origin, Math.max(seq, this.accepted(origin)))
  }

  /** What was accepted of `origin` beyond the disk is void: the next to be taken follows what is durable. */
  forget(origin: ReplicaId): void {
    this.#accepted.delete(origin)
    for (const waiting of this.#parked.get(origin) ?? []) this.#bytes -= waiting.bytes
    this.#parked.delete(origin)
  }

  #unpark(): void {
    const parked = [...this.#parked.values()]
    this.#parked.clear()
    for (const waiting of parked)
      for (const received of waiting) {
        this.#bytes -= received.bytes
        this.#queue(received)
      }
  }

  /** After a catalog came by state transfer. */
  retryParked(): void {
    this.#unpark()
  }
}
