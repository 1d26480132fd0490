import { type RegionId, type ReplicaId, type Timers, VersionVector } from '@meridian/core'
import type { Member } from '../barriers/barriers.js'
import type { Peer } from '../peer.js'
import type { TransactionLog } from '../transaction-log.js'
import { type Behind, behindOf } from './behind.js'

/** What this replica knows of another. */
export interface PeerStatus {
  readonly region: RegionId
  readonly replica: ReplicaId
  readonly state: 'linked' | 'down'
  /** Milliseconds since the last frame; undefined if never heard in this run. */
  readonly heardMsAgo: number | undefined
  /** Whether it says that it has a link with us; undefined before it has said so on this link. */
  readonly hearsUs: boolean | undefined
  /** Regions that are linked with both, so that writes go that way. */
  readonly via: readonly RegionId[]
  /** Durable there, as last acknowledged. Nothing before it was heard in this run. */
  readonly acked: VersionVector
  /** Held here and not yet durable there. */
  readonly behind: Behind
  /** Sent and not yet acknowledged. */
  readonly inFlight: { readonly frames: number; readonly bytes: number }
  /** Peer's wall clock minus ours in ms, as heartbeats show it (without the link's delay); undefined if never heard. */
  readonly clockOffsetMs: number | undefined
  /** Whole-state transfer under way towards the peer, or from it. */
  readonly transfer: 'none' | 'sending' | 'receiving'
  /** Why the last link ended or was refused. */
  readonly lastError: string | undefined
}

/** What would be lost if this region's disk were gone now: what no other region is known to have durably. */
export interface OnlyHere extends Behind {
  /** Regions that were not heard since this process started: what they have counts as nothing, so the figures are upper bounds. */
  readonly unheard: readonly RegionId[]
}

export interface PeerReportParts {
  readonly self: ReplicaId
  readonly log: TransactionLog
  readonly timers: Timers
  wallMs(): number
  /** Met in this run. */
  met(): Iterable<Peer>
  /** Active and joining ones, ourselves included. */
  remembering(): readonly Member[]
}

/** The other regions as this one sees them: those it has met and those that the catalog names. */
export class PeerReport {
  constructor(readonly parts: PeerReportParts) {}

  statuses(): PeerStatus[] {
    const { self } = this.parts
    const peers = new Map([...this.parts.met()].map((peer) => [peer.replica, peer]))
    const remembered = this.parts.remembering().filter(({ replica }) => replica !== self)
    const counted = new Set(remembered.map(({ replica }) => replica))
    const shown: (Member & { readonly peer: Peer | undefined })[] = remembered.map(({ region, replica }) => ({
      ...{ region, replica },
      peer: peers.get(replica),
    }))
    // A retired one is of no interest any more; one that the catalog does not name yet is.
    for (const peer of peers.values())
      if (!counted.has(peer.replica) && peer.session !== undefined)
        shown.push({ region: peer.region, replica: peer.replica, peer })
    return shown.sort((a, b) => a.replica - b.replica).map((each) => this.#status(each, [...peers.values()]))
  }

  #status({ region, replica, peer }: Member & { readonly peer: Peer | undefined }, peers: readonly Peer[]): PeerStatus {
    const { self, timers } = this.parts
    const isLinked = peer?.session !== undefined
    return {
      region,
      replica,
      state: isLinked ? 'linked' : 'down',
      heardMsAgo: peer?.heardAt === undefined ? undefined : Math.round(timers.elapsedMs() - peer.heardAt),
      hearsUs: isLinked && peer.lastLinksAt !== undefined ? peer.links.has(self) : undefined,
      via: peers.filter((each) => each.session !== undefined && each.links.has(replica)).map((each) => each.region),
      acked: peer?.acked ?? VersionVector.ZERO,
      behind: this.#behind((origin) =>
        // What it wrote itself was durable there before anybody heard of it.
        origin === replica ? Number.POSITIVE_INFINITY : (peer?.acked.get(origin) ?? 0),
      ),
      inFlight: peer?.session?.live?.sender.inFlight ?? { frames: 0, bytes: 0 },
      clockOffsetMs: peer?.clock.offsetMs,
      transfer: peer?.session?.live?.transfer ?? 'none',
      lastError: peer?.lastError,
    }
  }

  onlyHere(): OnlyHere {
    const { self } = this.parts
    const others = this.parts.remembering().filter(({ replica }) => replica !== self)
    const heard = [...this.parts.met()].filter((peer) => peer.heardAt !== undefined)
    const members = new Set(others.map(({ replica }) => replica))
    const holders = heard.filter(({ replica }) => members.has(replica))
    const behind = this.#behind((origin) =>
      members.has(origin) ? Number.POSITIVE_INFINITY : Math.max(0, ...holders.map(({ acked }) => acked.get(origin))),
    )
    const unheard = others.filter((each) => !heard.some(({ replica }) => replica === each.replica))
    return { ...behind, unheard: unheard.map(({ region }) => region) }
  }

  #behind(has: (origin: ReplicaId) => number): Behind {
    const offsets = new Map([...this.parts.met()].map(({ replica, clock }) => [replica, clock.offsetMs ?? 0]))
    return behindOf(this.parts.log, {
      has,
      offsetMs: (origin) => offsets.get(origin) ?? 0,
      wallMs: this.parts.wallMs(),
    })
  }
}
