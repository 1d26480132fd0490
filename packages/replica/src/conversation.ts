import type { VersionVector } from '@meridian/core'
import { CatalogExchange } from './catalog-exchange.js'
import type { Cluster } from './cluster.js'
import type { Line } from './line.js'
import { encodeMessage, type Message } from './message.js'
import type { Peer } from './peer.js'
import { Receiver } from './receiver.js'
import { Sender } from './sender.js'

/**
 * What two replicas that are linked say to each other over one link: that they live, where they are, and what the rest of the
 * engine has for the other. What the peer lacks goes out by the `Sender`, what is lacking here comes in by the `Receiver`.
 */
export class Conversation {
  readonly sender: Sender
  readonly receiver: Receiver
  readonly #exchange: CatalogExchange

  constructor(
    readonly cluster: Cluster,
    readonly peer: Peer,
    readonly line: Line,
    /** What the peer has. */
    has: VersionVector,
  ) {
    this.sender = new Sender(cluster, peer, line, has)
    this.receiver = new Receiver(cluster, peer, line)
    this.#exchange = new CatalogExchange(
      cluster,
      (frame) => line.send(frame),
      (reason) => line.end(`refused a catalog: ${reason}`),
    )
  }

  /** Whole-state transfer under way over this link. */
  get transfer(): 'none' | 'sending' | 'receiving' {
    if (this.receiver.receiving !== undefined) return 'receiving'
    return this.sender.isTransferring ? 'sending' : 'none'
  }

  /** A message in a frame of `bytes`. */
  heard(message: Message, bytes: number): void {
    const { cluster, peer, line, sender, receiver } = this
    switch (message.type) {
      case 'hello':
      case 'stranger':
        break
      case 'refuse':
        cluster.admission.refusedBy(message.code, message.reason)
        line.end(`the peer refused us: ${message.reason}`)
        break
      case 'update':
        receiver.update(message, bytes)
        break
      case 'acked':
        // What a resync names may still be on its way to the disk: it says where to go on, not what is safe.
        if (message.resync) sender.rewind(message.durable)
        else this.#acked(message.durable)
        sender.pump()
        break
      case 'heartbeat':
        peer.heard(message, cluster.clock, cluster.timers)
        this.#exchange.heard(message.catalog)
        this.#acked(message.durable)
        receiver.noticeLostTail(message.sent)
        sender.pump()
        break
      case 'offer':
        receiver.offered(message.origin)
        break
      case 'want':
        sender.want(message)
        break
      case 'catalog':
      case 'chunk':
      case 'end':
        receiver.take(message)
        break
      case 'got':
        sender.got(message)
        break
      case 'need':
        sender.carry(message.vector)
        break
      case 'ask':
        line.send(
          encodeMessage({
            type: 'answer',
            nonce: message.nonce,
            durable: cluster.log.vector,
            indexed: cluster.indexed(),
          }),
        )
        break
      case 'answer':
        this.#acked(message.durable)
        peer.indexed = peer.indexed.join(message.indexed)
        cluster.barriers.answered(peer, message.nonce, message.durable)
        break
      case 'pledge':
        cluster.purge.heard(peer.replica, message)
        break
      case 'digests':
      case 'leaves':
      case 'states':
      case 'differ':
        cluster.antiEntropy.heard(
          { region: peer.region, replica: peer.replica, send: (answer) => line.send(encodeMessage(answer)) },
          message,
        )
        break
      case 'trace':
      case 'traced':
        cluster.erasures.heard(peer.replica, message)
        break
      case 'fetch':
        line.send(encodeMessage(cluster.repair.answer(message)))
        break
      case 'block':
        cluster.repair.take(peer.region, message)
        break
      case 'changes':
        this.#exchange.take(message.saved)
        break
    }
  }

  #acked(durable: VersionVector): void {
    const { cluster, peer } = this
    peer.acked = peer.acked.join(durable)
    this.sender.acknowledged(durable)
    cluster.fence.checkHistory(peer.region, durable)
    cluster.barriers.changed()
  }

  /** Asks what the peer has. */
  ask(nonce: number): void {
    this.line.send(encodeMessage({ type: 'ask', nonce }))
  }

  /** Asks for what the peer has, whoever wrote it. */
  need(vector: VersionVector): void {
    this.line.send(encodeMessage({ type: 'need', vector }))
  }

  /** Tells the peer what we shall never write any more. */
  pledge(): void {
    const { pledge } = this.cluster.purge
    if (pledge !== undefined) this.line.send(encodeMessage({ type: 'pledge', ...pledge }))
  }

  /** Once a heartbeat interval. */
  heartbeat(): void {
    const { cluster, peer, line, sender, receiver } = this
    const heldMs = peer.lastWallMs === 0 ? 0 : Math.round(cluster.timers.elapsedMs() - peer.lastWallAt)
    line.send(
      encodeMessage({
        type: 'heartbeat',
        wallMs: cluster.clock.wallMs,
        echoMs: peer.lastWallMs,
        heldMs,
        durable: cluster.log.vector,
        indexed: cluster.indexed(),
        sent: sender.position,
        links: cluster.peers.linked().map(({ replica }) => replica),
        catalog: cluster.catalog.document.digest(),
      }),
    )
    this.pledge()
    sender.offer()
    receiver.checkStall()
    sender.pump()
  }

  /** The link is gone. */
  close(): void {
    this.receiver.close()
    this.sender.close()
  }
}
