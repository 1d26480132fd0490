import type { ReplicaId, VersionVector } from '@meridian/core'
import type { Counters } from './counters.js'
import type { Identity } from './identity.js'
import type { Line } from './line.js'
import type { Links } from './links.js'
import { encodeMessage, type Message } from './message.js'
import type { Peer } from './peer.js'
import { type TransferContext, TransferIn } from './transfer-in.js'
import type { Update } from './update-check.js'

/** A gap is reported at most this often, so that a burst behind one lost frame does not ask for itself many times. */
const RESYNC_EVERY_MS = 200

export interface ReceiverContext extends TransferContext {
  readonly identity: Identity
  readonly counters: Counters
  readonly links: Links
}

/**
 * What arrives from a peer over one link of what is lacking here: transactions, on to the inbox, and states. It says what came,
 * and asks again for what was lost.
 */
export class Receiver {
  #isAcknowledging = false
  #lastResyncAt = Number.NEGATIVE_INFINITY
  #transfer: TransferIn | undefined
  /** Retired ones whose state this peer has with writes that were given up, and how things stood then. */
  readonly #declined = new Map<ReplicaId, string>()

  constructor(
    readonly context: ReceiverContext,
    readonly peer: Peer,
    readonly line: Line,
  ) {}

  /** Whose state is arriving. */
  get receiving(): ReplicaId | undefined {
    return this.#transfer?.origin
  }

  /** A transaction in a frame of `bytes`. */
  update(message: Update, bytes: number): void {
    const { inbox, counters, identity } = this.context
    if (message.origin === identity.replica) {
      // Nobody can have a transaction of ours that we do not; admission saw to that.
      counters.framesDropped++
      return
    }
    const taken = inbox.take(message, bytes, this.peer.replica, (reason) =>
      this.line.end(`refused a transaction: ${reason}`, 'malformed'),
    )
    if (taken === 'taken') return
    counters.framesDropped++
    if (taken === 'gap') this.#askAgain()
    else if (taken === 'duplicate') this.#acknowledgeSoon()
  }

  /** The peer sends what we have: an acknowledgement was lost. One answers for all duplicates of a tick. */
  #acknowledgeSoon(): void {
    if (this.#isAcknowledging) return
    this.#isAcknowledging = true
    this.context.timers.after(0, () => {
      this.#isAcknowledging = false
      this.acknowledge()
    })
  }

  /** Tells the peer what is durable here. */
  acknowledge(): void {
    this.line.send(encodeMessage({ type: 'acked', resync: false, durable: this.context.log.vector }))
  }

  /** Tells the peer where we are, so that it sends from there. */
  #askAgain(): void {
    const now = this.context.timers.elapsedMs()
    if (now - this.#lastResyncAt < RESYNC_EVERY_MS) return
    this.#lastResyncAt = now
    this.context.counters.resyncs++
    this.line.send(encodeMessage({ type: 'acked', resync: true, durable: this.context.inbox.acceptedVector() }))
  }

  /** `sent`: up to where the peer has sent. What is not here by now was lost, and nothing that follows may show it. */
  noticeLostTail(sent: VersionVector): void {
    const { inbox, identity, membership } = this.context
    for (const [origin, seq] of sent.entries()) {
      if (origin === identity.replica || this.receiving === origin) continue
      if (Math.min(seq, membership.departures.limitOf(origin, this.peer.replica, false)) <= inbox.accepted(origin))
        continue
      this.#askAgain()
      return
    }
  }

  /**
   * The peer has a state for us. It is passed over while one is under way, and for as long as nothing has changed since a part of it
   * was declined: it will be offered again.
   */
  offered(origin: ReplicaId): void {
    const { context } = this
    if (origin === context.identity.replica || this.#transfer !== undefined || context.links.isReceiving(origin)) return
    const from = this.peer.replica
    if (context.membership.departures.partLimitOf(origin, from) === 0) return
    if (this.#declined.get(origin) === this.#standingOf(origin)) return
    context.counters.transfersReceived++
    this.#transfer = new TransferIn(
      origin,
      from,
      context,
      (frame) => this.line.send(frame),
      (reason) => this.line.end(`refused a state transfer: ${reason}`, 'malformed'),
      () => {
        this.#transfer = undefined
      },
      () => {
        this.#transfer = undefined
        this.#declined.set(origin, this.#standingOf(origin))
        context.counters.givenUpRefused++
      },
    )
  }

  /** What decides how much of a state is declined: up to where the peer may hand it on, and what is here of it by now. */
  #standingOf(origin: ReplicaId): string {
    const { membership, log, leftovers } = this.context
    const limit = membership.departures.partLimitOf(origin, this.peer.replica)
    return `${limit}/${log.vector.get(origin)}/${leftovers.version(origin)}`
  }

  /** A part of the state that was asked for. */
  take(message: Extract<Message, { type: 'catalog' | 'chunk' | 'end' }>): void {
    this.#transfer?.take(message)
  }

  /** Once a heartbeat interval. */
  checkStall(): void {
    this.#transfer?.checkStall()
  }

  /** The link is gone. */
  close(): void {
    this.#transfer = undefined
  }
}
