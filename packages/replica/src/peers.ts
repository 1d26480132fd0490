import { type RegionId, type ReplicaId, type Timers, VersionVector } from '@meridian/core'
import type { Conversation } from './conversation.js'
import type { Peer } from './peer.js'
import type { Session } from './session.js'
import type { Settings } from './settings.js'

/** One with a live link. */
export type LinkedPeer = Peer & { readonly session: Session }

/** The other replicas that were met in this run, linked or not. */
export class Peers {
  readonly #peers = new Map<ReplicaId, Peer>()

  constructor(
    readonly timers: Timers,
    readonly settings: Pick<Settings, 'relayAfterMs'>,
  ) {}

  add(peer: Peer): void {
    this.#peers.set(peer.replica, peer)
  }

  get(replica: ReplicaId): Peer | undefined {
    return this.#peers.get(replica)
  }

  all(): Iterable<Peer> {
    return this.#peers.values()
  }

  linked(): LinkedPeer[] {
    return [...this.#peers.values()].filter((peer): peer is LinkedPeer => peer.session !== undefined)
  }

  /** The live link with a replica. */
  session(replica: ReplicaId): Session | undefined {
    return this.#peers.get(replica)?.session
  }

  /** What is said over it. */
  live(replica: ReplicaId): Conversation | undefined {
    return this.session(replica)?.live
  }

  isLinked(region: RegionId): boolean {
    return this.linked().some((peer) => peer.region === region)
  }

  /** What it is known to have durably; of one that was never heard, nothing. */
  acked(replica: ReplicaId): VersionVector {
    return this.#peers.get(replica)?.acked ?? VersionVector.ZERO
  }

  /**
   * Whether transactions of `origin` should reach `peer` through us. Either end of a link between them speaks for it: the word of
   * one may be stuck behind what is being sent.
   */
  isRelay(peer: Peer, origin: ReplicaId): boolean {
    const source = this.#peers.get(origin)
    if (source?.session !== undefined && source.links.has(peer.replica)) return false
    return peer.needsRelay(origin, this.timers.elapsedMs(), this.settings.relayAfterMs)
  }

  /**
   * A peer that was away is likely on its way to the others too: they get their time to link with it before anything is
   * relayed. Not so after a short loss, or links that break again and again would keep relaying off for ever.
   */
  noticeReturn(peer: Peer): void {
    const now = this.timers.elapsedMs()
    if (peer.heardAt !== undefined && now - peer.heardAt < this.settings.relayAfterMs) return
    peer.unlinkedSince.clear()
    for (const other of this.#peers.values()) other.unlinkedSince.delete(peer.replica)
  }
}
