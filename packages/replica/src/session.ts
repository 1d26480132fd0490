import { type LinkEnd, type PeerLink, type ReplicaId, StoreError, VersionVector } from '@meridian/core'
import { CatalogExchange } from './catalog-exchange.js'
import type { Cluster } from './cluster.js'
import { decodeMessage, encodeMessage, type Message, PROTOCOL_VERSION } from './message.js'
import type { Peer } from './peer.js'
import { TransferIn } from './transfer-in.js'
import { TransferOut } from './transfer-out.js'
import { Window } from './window.js'

/** Sent in one go; requests are answered before the next. */
const PUMP_BYTES = 256 << 10
/** A gap is reported at most this often, so that a burst behind one lost frame does not ask for itself many times. */
const RESYNC_EVERY_MS = 200
/** Going back is done at most this often: each time a whole window is sent again. Who is not served asks once more. */
const REWIND_EVERY_MS = 100

/** How a refusal ends a link, by its code; any other is of one who is no member. */
const END_OF: Readonly<Record<string, LinkEnd>> = {
  DUPLICATE: 'done',
  PROTOCOL: 'protocol',
  IDENTITY_CONFLICT: 'identity',
  TWIN: 'identity',
}

/**
 * One link to one peer, from its first frame to its last.
 *
 *   greeting ──sound hello──► live ──closed, silent, refused──► over
 *
 * What to send is never queued: `#sent` is a position in the log, moved on while the window has room and back to what the peer
 * has when something was lost. So a slow or stuck peer costs no memory beyond the window.
 */
export class Session {
  #peer: Peer | undefined
  #isOver = false
  #sent: VersionVector = VersionVector.ZERO
  readonly #window: Window
  #isPumping = false
  /** What this peer must get from us though it may come from elsewhere: somebody waits for it. */
  #urgent: VersionVector = VersionVector.ZERO
  #isAcknowledging = false
  #lastResyncAt = Number.NEGATIVE_INFINITY
  #lastRewindAt = Number.NEGATIVE_INFINITY
  readonly #out = new Map<ReplicaId, TransferOut>()
  #in: TransferIn | undefined
  /** Retired ones whose state this peer has with writes that were given up. */
  readonly #declined = new Set<ReplicaId>()
  #heardAt: number
  readonly openedAt: number
  #joins = false
  readonly #exchange: CatalogExchange

  constructor(
    readonly cluster: Cluster,
    readonly link: PeerLink,
    readonly isDialed: boolean,
  ) {
    this.#window = new Window(cluster.settings.windowBytes)
    this.#heardAt = cluster.timers.elapsedMs()
    this.openedAt = this.#heardAt
    this.#exchange = new CatalogExchange(
      cluster,
      (frame) => this.send(frame),
      (reason) => this.end(`refused a catalog: ${reason}`),
    )
    const { region, replica, storeId } = cluster.identity
    const { joins, standing } = cluster.membership
    const isActive = standing === 'active'
    const durable = cluster.log.vector
    this.send(
      encodeMessage({
        type: 'hello',
        protocol: PROTOCOL_VERSION,
        region,
        replica,
        storeId,
        joins,
        isActive,
        instance: cluster.instance,
        blockBytes: cluster.data.blockBytes,
        durable,
      }),
    )
  }

  get peer(): Peer | undefined {
    return this.#peer
  }

  /** Whether the peer said that it was started to join. */
  get joins(): boolean {
    return this.#joins
  }

  get inFlight(): { frames: number; bytes: number } {
    const transfers = [...this.#out.values()].map((transfer) => transfer.inFlight)
    return {
      frames: transfers.reduce((sum, { frames }) => sum + frames, this.#window.frames),
      bytes: transfers.reduce((sum, { bytes }) => sum + bytes, this.#window.bytes),
    }
  }

  get transfer(): 'none' | 'sending' | 'receiving' {
    return this.#in !== undefined ? 'receiving' : this.#out.size > 0 ? 'sending' : 'none'
  }

  get heardAt(): number {
    return this.#heardAt
  }

  send(frame: Uint8Array): void {
    if (this.#isOver) return
    const waiting = this.link.bufferedBytes
    if (waiting > 0 && waiting + frame.length > this.cluster.settings.linkBufferBytesMax) {
      this.end(`the peer does not read: ${waiting} bytes wait for it`, 'slow')
      return
    }
    this.cluster.counters.framesOut++
    this.cluster.counters.bytesOut += frame.length
    this.link.send(frame)
  }

  frame(bytes: Uint8Array): void {
    if (this.#isOver) return
    const { counters } = this.cluster
    counters.framesIn++
    counters.bytesIn += bytes.length
    let message: Message
    try {
      message = decodeMessage(bytes)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      counters.framesRefused++
      this.end(`refused a frame: ${error.message}`, 'malformed')
      return
    }
    this.#heardAt = this.cluster.timers.elapsedMs()
    if (this.#peer === undefined) this.#greet(message)
    else this.#handle(this.#peer, message, bytes.length)
  }

  #greet(message: Message): void {
    if (message.type === 'refuse') {
      this.cluster.refusedBy(message.code, message.reason)
      this.end(`the peer refused us: ${message.reason}`)
      return
    }
    if (message.type === 'stranger') {
      const { code, refusal } = this.cluster.refuseVersion(message.protocol)
      this.refuse(code, refusal)
      return
    }
    // Frames can overtake the hello on a bad network only; the peer will send them again.
    if (message.type !== 'hello') {
      this.cluster.counters.framesDropped++
      return
    }
    const verdict = this.cluster.admit(this, message)
    if ('refusal' in verdict) {
      this.refuse(verdict.code, verdict.refusal)
      return
    }
    this.#joins = message.joins
    this.#peer = verdict.peer
    this.#sent = verdict.has
    verdict.peer.heardAt = this.#heardAt
    this.heartbeat()
    this.pump()
  }

  #handle(peer: Peer, message: Message, bytes: number): void {
    peer.heardAt = this.#heardAt
    switch (message.type) {
      case 'hello':
      case 'stranger':
        break
      case 'refuse':
        this.cluster.refusedBy(message.code, message.reason)
        this.end(`the peer refused us: ${message.reason}`)
        break
      case 'update':
        this.#update(message, bytes)
        break
      case 'acked':
        // What a resync names may still be on its way to the disk: it says where to go on, not what is safe.
        if (message.resync) this.#rewind(message.durable)
        else this.#acked(peer, message.durable)
        this.pump()
        break
      case 'heartbeat':
        this.cluster.heard(peer, message)
        this.#exchange.heard(message.catalog)
        this.#acked(peer, message.durable)
        this.#noticeLostTail(message.sent)
        this.pump()
        break
      case 'offer':
        this.#offered(message.origin)
        break
      case 'want':
        this.#out.get(message.origin)?.want(message.transfer, message.cursors)
        break
      case 'catalog':
      case 'chunk':
      case 'end':
        this.#in?.take(message)
        break
      case 'got':
        this.#got(message.transfer, message.number)
        break
      case 'need':
        this.carry(message.vector)
        break
      case 'ask':
        this.send(
          encodeMessage({
            type: 'answer',
            nonce: message.nonce,
            durable: this.cluster.log.vector,
            indexed: this.cluster.indexed(),
          }),
        )
        break
      case 'answer':
        this.#acked(peer, message.durable)
        peer.indexed = peer.indexed.join(message.indexed)
        this.cluster.barriers.answered(peer, message.nonce, message.durable)
        break
      case 'pledge':
        this.cluster.purge.heard(peer.replica, message)
        break
      case 'digests':
      case 'leaves':
      case 'states':
      case 'differ':
        this.cluster.antiEntropy.heard(
          { region: peer.region, replica: peer.replica, send: (answer) => this.send(encodeMessage(answer)) },
          message,
        )
        break
      case 'trace':
      case 'traced':
        this.cluster.erasures.heard(peer.replica, message)
        break
      case 'fetch':
        this.send(encodeMessage(this.cluster.repair.answer(message)))
        break
      case 'block':
        this.cluster.repair.take(peer.region, message)
        break
      case 'changes':
        this.#exchange.take(message.saved)
        break
    }
  }

  #update(message: Extract<Message, { type: 'update' }>, bytes: number): void {
    const { inbox, counters, identity } = this.cluster
    if (message.origin === identity.replica) {
      // Nobody can have a transaction of ours that we do not; `admit` saw to that.
      counters.framesDropped++
      return
    }
    const taken = inbox.take(message, bytes, this.#peer!.replica, (reason) =>
      this.end(`refused a transaction: ${reason}`, 'malformed'),
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
    this.cluster.timers.after(0, () => {
      this.#isAcknowledging = false
      this.acknowledge()
    })
  }

  /** Tells the peer where we are, so that it sends from there. */
  #askAgain(): void {
    const now = this.cluster.timers.elapsedMs()
    if (now - this.#lastResyncAt < RESYNC_EVERY_MS) return
    this.#lastResyncAt = now
    this.cluster.counters.resyncs++
    this.send(encodeMessage({ type: 'acked', resync: true, durable: this.cluster.acceptedVector() }))
  }

  #noticeLostTail(sent: VersionVector): void {
    const { inbox, identity, membership } = this.cluster
    for (const [origin, seq] of sent.entries()) {
      if (origin === identity.replica || this.#in?.origin === origin) continue
      if (Math.min(seq, membership.limitOf(origin, this.#peer!.replica, false)) <= inbox.accepted(origin)) continue
      this.#askAgain()
      return
    }
  }

  #acked(peer: Peer, durable: VersionVector): void {
    peer.acked = peer.acked.join(durable)
    this.#window.acknowledged(durable)
    this.#sent = this.#sent.join(durable)
    for (const [origin, out] of this.#out) if (out.isCoveredBy(durable.get(origin))) this.#out.delete(origin)
    this.cluster.checkHistory(peer.region, durable)
    this.cluster.barriers.changed()
  }

  /** Asks what the peer has. */
  ask(nonce: number): void {
    if (this.#peer !== undefined) this.send(encodeMessage({ type: 'ask', nonce }))
  }

  /** Asks for what the peer has, whoever wrote it. */
  need(vector: VersionVector): void {
    if (this.#peer !== undefined) this.send(encodeMessage({ type: 'need', vector }))
  }

  /** Sends what is held here of this, whoever wrote it, until the peer has it: somebody waits. */
  carry(vector: VersionVector): void {
    this.#urgent = this.#urgent.join(vector)
    this.pump()
  }

  /** Something was lost: everything after `durable` is sent again. */
  #rewind(durable: VersionVector): void {
    const now = this.cluster.timers.elapsedMs()
    if (now - this.#lastRewindAt < REWIND_EVERY_MS) return
    this.#lastRewindAt = now
    this.#sent = durable
    this.#window.clear()
  }

  /**
   * Sends what the peer lacks while the window has room. Each origin has its own: the peer may hold one back until it has
   * heard of a collection from another.
   */
  pump(): void {
    const peer = this.#peer
    if (peer === undefined || this.#isOver) return
    let left = PUMP_BYTES
    for (const [origin, end] of this.cluster.log.vector.entries()) {
      if (origin === peer.replica || !this.#mayCarry(peer, origin)) continue
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
    this.cluster.timers.after(0, () => {
      this.#isPumping = false
      this.pump()
    })
  }

  #mayCarry(peer: Peer, origin: ReplicaId): boolean {
    if (origin === this.cluster.identity.replica || this.cluster.isRelay(peer, origin)) return true
    return peer.acked.get(origin) < this.#urgent.get(origin)
  }

  /** Sends up to the first frame that reaches `bytesMax`. Returns how much. */
  #pumpOrigin(origin: ReplicaId, end: number, bytesMax: number): number {
    const { frames, settings } = this.cluster
    if (this.#out.has(origin)) return 0
    let bytes = 0
    for (let seq = this.#sent.get(origin) + 1; seq <= end && bytes < bytesMax; seq++) {
      if (this.#isOver || !this.#window.hasRoom(origin)) break
      if (this.link.bufferedBytes >= settings.linkBufferBytesMax / 4) break
      const frame = frames.frame(origin, seq)
      if (frame === undefined) {
        this.#transfer(origin)
        break
      }
      if (frame === 'damaged') break
      bytes += frame.length
      this.#window.sent(origin, seq, frame.length)
      this.#sent = this.#sent.advance(origin, seq)
      this.send(frame)
    }
    return bytes
  }

  /** Sends what is here of an origin beyond the vector, unless the peer has taken all of it. */
  handOver(origin: ReplicaId): void {
    const leftover = this.cluster.leftovers.version(origin)
    if (this.#peer === undefined || leftover === undefined || this.#out.has(origin)) return
    if (this.#peer.handed.get(origin) !== leftover) this.#transfer(origin, true)
  }

  #transfer(origin: ReplicaId, isHandOver = false): void {
    const { data, catalog, log, settings, timers, counters, leftovers } = this.cluster
    counters.transfersSent++
    const ended = (seq: number): void => {
      this.#sent = this.#sent.advance(origin, seq)
    }
    const send = (frame: Uint8Array) => this.send(frame)
    const out = new TransferOut(origin, data, catalog, log, settings, timers, send, ended, leftovers, isHandOver)
    this.#out.set(origin, out)
    out.offer()
  }

  #got(transfer: number, number: number): void {
    for (const [origin, out] of this.#out)
      if (out.got(transfer, number)) {
        if (out.leftover !== undefined) this.#peer?.handed.set(origin, out.leftover)
        this.#out.delete(origin)
        this.pump()
      }
  }

  /** An offer is passed over while one is under way; it will be repeated. */
  #offered(origin: ReplicaId): void {
    const { cluster } = this
    if (origin === cluster.identity.replica || this.#in !== undefined || cluster.isReceiving(origin)) return
    const from = this.#peer!.replica
    if (this.#declined.has(origin) || cluster.membership.partLimitOf(origin, from) === 0) return
    cluster.counters.transfersReceived++
    this.#in = new TransferIn(
      origin,
      from,
      cluster,
      (frame) => this.send(frame),
      (reason) => this.end(`refused a state transfer: ${reason}`, 'malformed'),
      () => {
        this.#in = undefined
      },
      () => {
        this.#in = undefined
        this.#declined.add(origin)
        cluster.counters.givenUpRefused++
      },
    )
  }

  get receiving(): ReplicaId | undefined {
    return this.#in?.origin
  }

  /** Once a heartbeat interval. */
  heartbeat(): void {
    const peer = this.#peer
    if (peer === undefined) return
    const { cluster } = this
    const heldMs = peer.lastWallMs === 0 ? 0 : Math.round(cluster.timers.elapsedMs() - peer.lastWallAt)
    this.send(
      encodeMessage({
        type: 'heartbeat',
        wallMs: cluster.clock.wallMs,
        echoMs: peer.lastWallMs,
        heldMs,
        durable: cluster.log.vector,
        indexed: cluster.indexed(),
        sent: this.#sent,
        links: cluster.liveReplicas(),
        catalog: cluster.catalog.document.digest(),
      }),
    )
    this.pledge()
    for (const out of this.#out.values()) out.offer()
    this.#in?.checkStall()
    this.pump()
  }

  /** Tells the peer what we shall never write any more. */
  pledge(): void {
    const { pledge } = this.cluster.purge
    if (this.#peer !== undefined && pledge !== undefined) this.send(encodeMessage({ type: 'pledge', ...pledge }))
  }

  /** What was just committed came over this or another link. */
  acknowledge(): void {
    if (this.#peer !== undefined)
      this.send(encodeMessage({ type: 'acked', resync: false, durable: this.cluster.log.vector }))
  }

  /** Ends the link and says why. */
  refuse(code: string, reason: string): void {
    this.send(encodeMessage({ type: 'refuse', code, reason }))
    this.end(reason, END_OF[code] ?? 'refused')
  }

  /** Ends the link from our side. */
  end(reason: string, end: LinkEnd = 'done'): void {
    if (this.#isOver) return
    this.link.close(reason, end)
    this.closed(reason)
  }

  /** The link is gone. */
  closed(reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#in = undefined
    for (const out of this.#out.values()) out.close()
    this.#out.clear()
    this.cluster.ended(this, reason)
  }
}
