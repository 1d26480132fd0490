import { type ReplicaId, type Timers, VersionVector } from '@meridian/core'
import type { CatalogPlane } from './catalog-plane.js'
import type { Counters } from './counters.js'
import type { DataPlane } from './data-plane.js'
import type { FrameSource } from './frame-source.js'
import type { Identity } from './identity.js'
import type { Leftovers } from './leftovers.js'
import type { Line } from './line.js'
import type { Message } from './message.js'
import type { Peer } from './peer.js'
import type { Peers } from './peers.js'
import type { Settings } from './settings.js'
import type { TransactionLog } from './transaction-log.js'
import { TransferOut } from './transfer-out.js'
import { Window } from './window.js'

/** Sent in one go; requests are answered before the next. */
const PUMP_BYTES = 256 << 10
/** Going back is done at most this often: each time a whole window is sent again. Who is not served asks once more. */
const REWIND_EVERY_MS = 100

export interface SenderContext {
  readonly identity: Identity
  readonly data: DataPlane
  readonly catalog: CatalogPlane
  readonly log: TransactionLog
  readonly frames: FrameSource
  readonly leftovers: Leftovers
  readonly peers: Peers
  readonly settings: Settings
  readonly timers: Timers
  readonly counters: Counters
}

/**
 * What a peer is sent over one link of what it lacks: transactions from the log, or the state where the log has them no more.
 *
 * What to send is never queued: `position` is a place in the log, moved on while the window has room and back to what the peer
 * has when something was lost. So a slow or stuck peer costs no memory beyond the window.
 */
export class Sender {
  readonly #window: Window
  #position: VersionVector
  #isPumping = false
  #isOver = false
  /** What this peer must get from us though it may come from elsewhere: somebody waits for it. */
  #urgent: VersionVector = VersionVector.ZERO
  #lastRewindAt = Number.NEGATIVE_INFINITY
  readonly #transfers = new Map<ReplicaId, TransferOut>()

  constructor(
    readonly context: SenderContext,
    readonly peer: Peer,
    readonly line: Line,
    /** What the peer has. */
    has: VersionVector,
  ) {
    this.#window = new Window(context.settings.windowBytes)
    this.#position = has
  }

  /** Up to where it was sent, or is there. */
  get position(): VersionVector {
    return this.#position
  }

  /** Sent and not yet durable there. */
  get inFlight(): { frames: number; bytes: number } {
    const transfers = [...this.#transfers.values()].map((transfer) => transfer.inFlight)
    return {
      frames: transfers.reduce((sum, { frames }) => sum + frames, this.#window.frames),
      bytes: transfers.reduce((sum, { bytes }) => sum + bytes, this.#window.bytes),
    }
  }

  /** Whether a state is being handed over. */
  get isTransferring(): boolean {
    return this.#transfers.size > 0
  }

  acknowledged(durable: VersionVector): void {
    this.#window.acknowledged(durable)
    this.#position = this.#position.join(durable)
    for (const [origin, transfer] of this.#transfers)
      if (transfer.isCoveredBy(durable.get(origin))) this.#transfers.delete(origin)
  }

  /** Something was lost: everything after `durable` is sent again. */
  rewind(durable: VersionVector): void {
    const now = this.context.timers.elapsedMs()
    if (now - this.#lastRewindAt < REWIND_EVERY_MS) return
    this.#lastRewindAt = now
    this.#position = durable
    this.#window.clear()
  }

  /** Sends what is held here of this, whoever wrote it, until the peer has it: somebody waits. */
  carry(vector: VersionVector): void {
    this.#urgent = this.#urgent.join(vector)
    this.pump()
  }

  /**
   * Sends what the peer lacks while the window has room. Each origin has its own: the peer may hold one back until it has
   * heard of a collection from another.
   */
  pump(): void {
    if (this.#isOver) return
    let left = PUMP_BYTES
    for (const [origin, end] of this.context.log.vector.entries()) {
      if (origin === this.peer.replica || !this.#mayCarry(origin)) continue
      left -= this.#pumpOrigin(origin, end, left)
      if (left <= 0) {
        this.#pumpLater()
        return
      }
    }
  }

  #pumpLater(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    this.context.timers.after(0, () => {
      this.#isPumping = false
      this.pump()
    })
  }

  #mayCarry(origin: ReplicaId): boolean {
    const { identity, peers } = this.context
    if (origin === identity.replica || peers.isRelay(this.peer, origin)) return true
    return this.peer.acked.get(origin) < this.#urgent.get(origin)
  }

  /** Sends up to the first frame that reaches `bytesMax`. Returns how much. */
  #pumpOrigin(origin: ReplicaId, end: number, bytesMax: number): number {
    const { frames, settings } = this.context
    if (this.#transfers.has(origin)) return 0
    let bytes = 0
    for (let seq = this.#position.get(origin) + 1; seq <= end && bytes < bytesMax; seq++) {
      if (this.#isOver || !this.#window.hasRoom(origin)) break
      if (this.line.bufferedBytes >= settings.linkBufferBytesMax / 4) break
      const frame = frames.frame(origin, seq)
      if (frame === undefined) {
        this.#transfer(origin)
        break
      }
      if (frame === 'damaged') break
      bytes += frame.length
      this.#window.sent(origin, seq, frame.length)
      this.#position = this.#position.advance(origin, seq)
      this.line.send(frame)
    }
    return bytes
  }

  /** Sends what is here of an origin beyond the vector, unless the peer has taken all of it. */
  handOver(origin: ReplicaId): void {
    const leftover = this.context.leftovers.version(origin)
    if (leftover === undefined || this.#transfers.has(origin)) return
    if (this.peer.handed.get(origin) !== leftover) this.#transfer(origin, true)
  }

  #transfer(origin: ReplicaId, isHandOver = false): void {
    const { data, catalog, log, settings, timers, counters, leftovers } = this.context
    counters.transfersSent++
    const ended = (seq: number): void => {
      this.#position = this.#position.advance(origin, seq)
    }
    const send = (frame: Uint8Array): void => this.line.send(frame)
    const transfer = new TransferOut(origin, data, catalog, log, settings, timers, send, ended, leftovers, isHandOver)
    this.#transfers.set(origin, transfer)
    transfer.offer()
  }

  /** Once a heartbeat interval: states that the peer has not asked for yet. */
  offer(): void {
    for (const transfer of this.#transfers.values()) transfer.offer()
  }

  /** The peer takes a state that it was offered. */
  want({ origin, transfer, cursors }: Extract<Message, { type: 'want' }>): void {
    this.#transfers.get(origin)?.want(transfer, cursors)
  }

  /** A frame of a state is durable there. */
  got({ transfer, number }: Extract<Message, { type: 'got' }>): void {
    for (const [origin, each] of this.#transfers)
      if (each.got(transfer, number)) {
        if (each.leftover !== undefined) this.peer.handed.set(origin, each.leftover)
        this.#transfers.delete(origin)
        this.pump()
      }
  }

  /** The link is gone. */
  close(): void {
    this.#isOver = true
    for (const transfer of this.#transfers.values()) transfer.close()
    this.#transfers.clear()
  }
}
