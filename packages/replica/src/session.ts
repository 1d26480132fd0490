import { type LinkEnd, type PeerLink, StoreError } from '@meridian/core'
import type { Cluster } from './cluster.js'
import { Conversation } from './conversation.js'
import type { Line } from './line.js'
import { decodeMessage, encodeMessage, type Message, PROTOCOL_VERSION } from './message.js'
import type { Peer } from './peer.js'

/** How a refusal ends a link, by its code; any other is of one who is no member. */
const END_OF: Readonly<Record<string, LinkEnd>> = {
  DUPLICATE: 'done',
  PROTOCOL: 'protocol',
  IDENTITY_CONFLICT: 'identity',
  TWIN: 'identity',
}

/**
 * One link to one peer, from its first frame to its last: who is at the other end, and how it begins and ends. What is said in
 * between is the `Conversation`.
 *
 *   greeting ──sound hello──► live ──closed, silent, refused──► over
 */
export class Session implements Line {
  #live: Conversation | undefined
  #isOver = false
  #heardAt: number
  readonly openedAt: number
  #joins = false

  constructor(
    readonly cluster: Cluster,
    readonly link: PeerLink,
    readonly isDialed: boolean,
  ) {
    this.#heardAt = cluster.timers.elapsedMs()
    this.openedAt = this.#heardAt
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

  /** Once the peer was let in; it stays when the link is over. */
  get live(): Conversation | undefined {
    return this.#live
  }

  get peer(): Peer | undefined {
    return this.#live?.peer
  }

  /** Whether the peer said that it was started to join. */
  get joins(): boolean {
    return this.#joins
  }

  get heardAt(): number {
    return this.#heardAt
  }

  get bufferedBytes(): number {
    return this.link.bufferedBytes
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
    if (this.#live === undefined) {
      this.#greet(message)
      return
    }
    this.#live.peer.heardAt = this.#heardAt
    this.#live.heard(message, bytes.length)
  }

  #greet(message: Message): void {
    if (message.type === 'refuse') {
      this.cluster.admission.refusedBy(message.code, message.reason)
      this.end(`the peer refused us: ${message.reason}`)
      return
    }
    if (message.type === 'stranger') {
      const { code, refusal } = this.cluster.admission.refuseVersion(message.protocol)
      this.refuse(code, refusal)
      return
    }
    // Frames can overtake the hello on a bad network only; the peer will send them again.
    if (message.type !== 'hello') {
      this.cluster.counters.framesDropped++
      return
    }
    const verdict = this.cluster.links.admit(this, message)
    if ('refusal' in verdict) {
      this.refuse(verdict.code, verdict.refusal)
      return
    }
    this.#joins = message.joins
    verdict.peer.heardAt = this.#heardAt
    this.#live = new Conversation(this.cluster, verdict.peer, this, verdict.has)
    this.#live.heartbeat()
    this.#live.sender.pump()
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
    this.#live?.close()
    this.cluster.links.ended(this, reason)
  }
}
