import type { LinkHandler, PeerLink, RegionId, ReplicaId, VersionVector } from '@meridian/core'
import type { Cluster } from './cluster.js'
import type { Hello, Refused } from './membership/admission.js'
import type { Peer } from './peer.js'
import { Session } from './session.js'

/** All links of this replica: at most one with each peer is live. */
export class Links {
  readonly #sessions = new Set<Session>()
  readonly #disabled = new Set<RegionId>()
  #isClosed = false

  constructor(readonly cluster: Cluster) {}

  /** Whether the engine has stopped. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** A link that is open: the hello goes out. */
  attach(link: PeerLink, isDialed: boolean): LinkHandler {
    const session = new Session(this.cluster, link, isDialed)
    this.#sessions.add(session)
    const { cutOff } = this.cluster.membership
    if (this.#isClosed) session.end('shutting down')
    else if (cutOff !== undefined) session.end(cutOff)
    return { frame: (bytes) => session.frame(bytes), closed: (reason) => session.closed(reason) }
  }

  /**
   * Decides on a peer's hello, and links with who is let in. The hello is as old as its link: where the link takes the place of
   * another, `has` is what the peer acknowledged on that one meanwhile; good for going on, not for stability.
   */
  admit(session: Session, hello: Hello): { peer: Peer; has: VersionVector } | Refused {
    const peer = this.cluster.admission.decide(session, hello)
    if ('refusal' in peer) return peer
    const other = peer.session
    if (other !== session) other?.end('replaced by another link')
    this.cluster.peers.noticeReturn(peer)
    const has = other === undefined ? hello.durable : hello.durable.join(peer.acked)
    peer.linked(session, hello)
    if (hello.isActive) this.cluster.membership.bootstrap.sponsored(hello.durable, hello.blockBytes)
    const { region, replica } = hello
    this.cluster.logger.info({ peer: region, replica, dialed: session.isDialed }, `linked with ${region}`)
    this.#announce()
    return { peer, has }
  }

  /** Links with members that were retired end, and they are told. */
  endRetired(): void {
    const { cutOff } = this.cluster.membership
    for (const session of [...this.#sessions]) {
      if (cutOff !== undefined) session.end(cutOff)
      const { peer } = session
      const stranger = peer && this.cluster.membership.refusal(peer.replica, peer.region, true)
      if (stranger !== undefined) session.refuse(stranger.code, stranger.refusal)
    }
  }

  /** A link is over. */
  ended(session: Session, reason: string): void {
    this.#sessions.delete(session)
    const peer = session.peer
    if (peer === undefined || peer.session !== session) return
    peer.session = undefined
    peer.lastError = reason
    this.cluster.logger.info({ peer: peer.region, reason }, `lost the link with ${peer.region}`)
    this.#announce()
  }

  /** Whether a state of `origin` is arriving over any link. */
  isReceiving(origin: ReplicaId): boolean {
    return [...this.#sessions].some((session) => session.live?.receiver.receiving === origin)
  }

  /** Links with these regions are switched off. */
  get disabled(): ReadonlySet<RegionId> {
    return this.#disabled
  }

  isEnabled(region: RegionId): boolean {
    return !this.#disabled.has(region)
  }

  /** Cuts, or allows again, links with a region; kept in memory only. */
  setEnabled(region: RegionId, isEnabled: boolean): void {
    if (isEnabled) this.#disabled.delete(region)
    else {
      this.#disabled.add(region)
      for (const peer of this.cluster.peers.all())
        if (peer.region === region) peer.session?.end('switched off by an operator')
    }
  }

  /** After each commit. */
  advanced(hasRemote: boolean): void {
    for (const session of [...this.#sessions]) {
      if (hasRemote) session.live?.receiver.acknowledge()
      session.live?.sender.pump()
    }
  }

  /** Tells all what we shall never write any more. */
  pledge(): void {
    for (const session of this.#sessions) session.live?.pledge()
  }

  /** Peers learn at once whom we are linked with: they relay, or stop relaying. */
  #announce(): void {
    for (const session of [...this.#sessions]) session.live?.heartbeat()
  }

  /** Once a heartbeat interval: beats, and ends links that have gone silent. */
  beat(): void {
    const now = this.cluster.timers.elapsedMs()
    for (const session of [...this.#sessions])
      if (now - session.heardAt > this.cluster.settings.silenceMs)
        session.end(`nothing heard for ${this.cluster.settings.silenceMs} ms`, 'silent')
      else if (session.peer === undefined && now - session.openedAt > this.cluster.settings.silenceMs)
        session.end(`no hello for ${this.cluster.settings.silenceMs} ms`, 'silent')
      else session.live?.heartbeat()
  }

  /** Ends all links: the engine stops. */
  close(reason: string): void {
    this.#isClosed = true
    for (const session of [...this.#sessions]) session.end(reason)
  }
}
