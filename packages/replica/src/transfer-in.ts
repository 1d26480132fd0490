import { parseChanges } from '@meridian/catalog'
import { type Random, type ReplicaId, StoreError, type Timers } from '@meridian/core'
import { checkLaneUpdate, parseLaneUpdate } from '@meridian/shard'
import type { CatalogPlane } from './catalog-plane.js'
import type { DataPlane } from './data-plane.js'
import type { Inbox } from './inbox.js'
import type { Leftovers } from './leftovers.js'
import type { LocalClock } from './local-clock.js'
import type { Membership } from './membership/membership.js'
import { encodeMessage, type Message } from './message.js'
import { CATALOG_BYTES_MAX, CATALOG_PIECES_MAX, type DocCursor } from './messages/transfer-message.js'
import type { Job, Sequencer } from './sequencer.js'
import type { Settings } from './settings.js'
import type { TransactionLog } from './transaction-log.js'

type Arriving = Extract<Message, { type: 'catalog' | 'chunk' | 'end' }>

export interface TransferContext {
  readonly data: DataPlane
  readonly catalog: CatalogPlane
  readonly log: TransactionLog
  readonly clock: LocalClock
  readonly inbox: Inbox
  readonly leftovers: Leftovers
  readonly membership: Membership
  readonly sequencer: Sequencer
  readonly settings: Settings
  readonly timers: Timers
  readonly random: Random
}

/**
 * State of one origin arriving over one link. Chunks become durable one by one and are visible at once, but the vector moves
 * only at the end: until then the origin's transactions count as not held here, whatever is in the documents.
 *
 * Each attempt has a number drawn here. Within it, frames are taken strictly in order; after a loss nothing more is taken,
 * the silence is noticed, and the next attempt continues from what is durable.
 */
export class TransferIn {
  #attempt = 0
  #next = 1
  #progressAt = 0
  /** Of a catalog whose end has not come. */
  #pieces: Uint8Array[] = []
  #pieceBytes = 0

  constructor(
    readonly origin: ReplicaId,
    /** Whose link it comes over. */
    readonly from: ReplicaId,
    readonly context: TransferContext,
    readonly send: (frame: Uint8Array) => void,
    /** A check failed: the sender is not to be trusted any further. */
    readonly refuse: (reason: string) => void,
    readonly finished: () => void,
    /** It holds what was given up with a retired origin: another may send the rest without. */
    readonly declined: () => void,
  ) {
    this.#ask()
  }

  #ask(): void {
    const { data, random, timers } = this.context
    this.#attempt = random.uint32()
    this.#next = 1
    this.#pieces = []
    this.#pieceBytes = 0
    this.#progressAt = timers.elapsedMs()
    const cursors: DocCursor[] = []
    for (const { uid, shard, doc } of data.stores()) {
      const clients = doc.clients(this.origin)
      if (clients.length === 0) continue
      cursors.push({ uid, shard, clocks: new Map(clients.map((client) => [client, doc.nextClock(client)])) })
    }
    this.send(encodeMessage({ type: 'want', transfer: this.#attempt, origin: this.origin, cursors }))
  }

  /** Called with each heartbeat. Who does not answer has nothing to send, or will offer it again. */
  checkStall(): void {
    const { timers, settings } = this.context
    if (timers.elapsedMs() - this.#progressAt <= settings.transferStallMs) return
    if (this.#next > 1) this.#ask()
    else {
      this.#attempt = -1
      this.finished()
    }
  }

  take(message: Arriving): void {
    if (message.transfer !== this.#attempt || message.number !== this.#next) return
    this.#next++
    const excess = message.type === 'catalog' ? this.#collect(message) : undefined
    if (excess !== undefined) {
      this.refuse(excess)
      return
    }
    if (message.type === 'end') this.context.inbox.expectAfter(this.origin, message.seq)
    this.context.sequencer.push(this.#job(message.type === 'catalog' ? this.#whole(message) : message))
  }

  /** Says why the pieces are more than is held, or taken in, for anybody. */
  #collect({ saved, isLast }: Extract<Arriving, { type: 'catalog' }>): string | undefined {
    if (saved.length === 0 && !isLast) return 'an empty piece of a catalog'
    this.#pieces.push(saved)
    this.#pieceBytes += saved.length
    if (this.#pieceBytes > CATALOG_BYTES_MAX) return `a catalog of more than ${CATALOG_BYTES_MAX} bytes`
    return this.#pieces.length > CATALOG_PIECES_MAX ? `a catalog of more than ${CATALOG_PIECES_MAX} pieces` : undefined
  }

  /** The catalog with all of its pieces, once the last has come. */
  #whole(message: Extract<Arriving, { type: 'catalog' }>): Extract<Arriving, { type: 'catalog' }> {
    if (!message.isLast) return message
    const saved = this.#pieces.length === 1 ? message.saved : Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#pieceBytes = 0
    return { ...message, saved }
  }

  #job(message: Arriving): Job {
    const attempt = this.#attempt
    return {
      bytes: message.type === 'chunk' ? message.update.length : 0,
      isReceived: true,
      isLast: message.type !== 'chunk',
      stage: (stage) => {
        if (attempt !== this.#attempt)
          throw new StoreError('OVERLOADED', 'an earlier part of the transfer was not taken')
        if (message.type === 'chunk') this.#stageChunk(stage, message)
        else if (message.type === 'catalog') {
          if (message.isLast) this.#stageCatalog(stage, message)
        } else {
          const { log, inbox, membership } = this.context
          this.#checkLimit(message.seq, membership.departures.limitOf(this.origin, this.from, false))
          if (message.seq > stage.vector.get(this.origin)) log.stageVector(stage, this.origin, message.seq)
          stage.durable.push(() => {
            inbox.retryParked()
            this.finished()
          })
        }
        stage.durable.push(() => {
          this.#progressAt = this.context.timers.elapsedMs()
          this.send(encodeMessage({ type: 'got', transfer: attempt, number: message.number }))
        })
      },
      failed: (error) => {
        // Void the attempt: what follows in it would leave a hole. The stall check starts the next one.
        if (attempt === this.#attempt) this.#attempt = -1
        this.context.inbox.forget(this.origin)
        if (error.code === 'DECODE_FAILED') this.refuse(error.message)
        if (error instanceof GivenUp) this.declined()
      },
    }
  }

  /** What was given up with a retired origin is not taken, wherever it comes from. */
  #checkLimit(seq: number, limit: number): void {
    if (seq > limit) throw new GivenUp(`transaction ${seq} of replica ${this.origin} was given up when it was retired`)
  }

  #stageCatalog(stage: Parameters<Job['stage']>[0], { saved }: Extract<Arriving, { type: 'catalog' }>): void {
    const { catalog, inbox } = this.context
    parseChanges(saved)
    catalog.stageState(stage, saved)
    stage.durable.push(() => inbox.retryParked())
  }

  #stageChunk(stage: Parameters<Job['stage']>[0], chunk: Extract<Arriving, { type: 'chunk' }>): void {
    const { data, catalog, clock, leftovers, membership } = this.context
    const store = data.store(chunk.uid, chunk.shard)
    if (store === undefined) {
      if (catalog.isPurged(chunk.uid)) return
      // The sender learned of it after the catalog it sent: the next attempt brings both.
      throw new StoreError('NOT_READY', `the catalog does not know collection ${chunk.uid} yet`)
    }
    const checked = checkLaneUpdate(parseLaneUpdate(chunk.update), this.origin, stage.ends(store))
    const highest = checked.fresh.reduce(
      (max, each) => (each.kind === 'block' ? Math.max(max, each.block.seq) : max),
      0,
    )
    this.#checkLimit(highest, membership.departures.partLimitOf(this.origin, this.from))
    const change = { store, fresh: checked.fresh, removed: checked.removed }
    data.changes.stage(stage, change)
    if (highest > 0)
      leftovers.stage(stage, this.origin, highest, membership.departures.isVouched(this.origin, this.from))
    clock.observeBlocks(checked.fresh)
    clock.stage(stage)
  }
}

class GivenUp extends StoreError {
  constructor(message: string) {
    super('NOT_READY', message)
  }
}
