import { type Log, type RegionId, type ReplicaId, StrangerLog, type Timers } from '@meridian/core'
import type { CatalogPlane } from '../catalog-plane.js'
import type { Fence } from '../fence.js'
import { Refusals } from '../health/refusals.js'
import type { Identity } from '../identity.js'
import { type Message, PROTOCOL_VERSION } from '../message.js'
import { Peer } from '../peer.js'
import type { Peers } from '../peers.js'
import type { Session } from '../session.js'
import type { Settings } from '../settings.js'
import type { Membership } from './membership.js'

export type Hello = Extract<Message, { type: 'hello' }>

/** Why a link is not kept. The peer is told both. */
export interface Refused {
  readonly code: string
  readonly refusal: string
}

export interface AdmissionParts {
  readonly identity: Identity
  readonly catalog: CatalogPlane
  readonly membership: Membership
  readonly peers: Peers
  readonly fence: Fence
  readonly timers: Timers
  readonly settings: Settings
  readonly logger: Log
  /** Links with these regions are switched off. */
  readonly disabled: ReadonlySet<RegionId>
}

/**
 * Who is let in. A hello is held against our identity, what an operator switched off, the membership, what the catalog and
 * earlier links say of that replica number, our own history, and then the link that there is already, if any.
 */
export class Admission {
  /** In both directions, for operators. */
  readonly refusals: Refusals
  readonly #log: StrangerLog

  constructor(readonly parts: AdmissionParts) {
    this.refusals = new Refusals(parts.timers)
    this.#log = new StrangerLog(parts.logger, parts.timers)
  }

  /** Decides on a peer's hello. Nothing of ours but our own hello was sent before. */
  decide(session: Session, hello: Hello): Peer | Refused {
    const { identity, disabled, fence, peers } = this.parts
    const { region, replica, storeId } = hello
    if (region === identity.region)
      return this.#refuse('IDENTITY_CONFLICT', `region ${region} is our own name: two nodes run as one region`, region)
    if (replica === identity.replica)
      return this.#refuse(
        'IDENTITY_CONFLICT',
        `regions ${region} and ${identity.region} both have replica number ${replica}: give one of them another with --replica-number before it first starts`,
        region,
      )
    if (disabled.has(region))
      return this.#refuse('DISABLED', `the link between ${identity.region} and ${region} is switched off`, region)
    const known = peers.get(replica)
    const stranger = this.#stranger(hello) ?? this.#impostor(hello, known)
    if (stranger !== undefined) return this.#refuse(stranger.code, stranger.refusal, region)
    if (!fence.checkHistory(region, hello.durable))
      return this.#refuse(
        'IDENTITY_CONFLICT',
        `data directory of ${identity.region} is older than what ${region} has of it`,
        region,
      )
    const peer = known ?? new Peer(region, replica, storeId)
    peers.add(peer)
    return this.#excess(session, peer, hello) ?? peer
  }

  /** A peer of another protocol version. */
  refuseVersion(protocol: number): Refused {
    return this.#refuse(
      'PROTOCOL',
      `protocol version ${protocol} is not ${PROTOCOL_VERSION}: upgrade the ${protocol < PROTOCOL_VERSION ? 'other' : 'refusing'} side`,
    )
  }

  /** A peer has refused us. */
  refusedBy(code: string, reason: string): void {
    const { membership, fence } = this.parts
    membership.refused(code, reason)
    if (code === 'DUPLICATE') return
    if (code === 'TWIN') fence.foundTwin(reason)
    this.refusals.add({ region: undefined, code, reason, isOurs: false })
    this.#log.warn({ error_code: code }, `a peer refused us: ${reason}`)
  }

  /** No member, or one with writes that were given up. */
  #stranger({ region, replica, joins, durable }: Hello): Refused | undefined {
    const { membership } = this.parts
    const stranger = membership.refusal(replica, region, joins)
    if (stranger !== undefined) return stranger
    const surplus = membership.departures.surplusOf(replica, durable)
    if (surplus === undefined) return undefined
    return { code: 'SURPLUS', refusal: membership.departures.surplusReason(region, surplus) }
  }

  /** Its replica number is another region's, or another data directory's. */
  #impostor({ region, replica, storeId }: Hello, known: Peer | undefined): Refused | undefined {
    const code = 'IDENTITY_CONFLICT'
    const former = this.parts.catalog.document.members().find((member) => member.replica === replica) ?? known
    if (former === undefined) return undefined
    if (former.region !== region)
      return { code, refusal: `replica number ${replica} belongs to region ${former.region}, not to ${region}` }
    if (former.storeId === storeId) return undefined
    return {
      code,
      refusal: `region ${region} came back with another data directory: its former writes carry replica number ${replica}, so retire it (meridian region retire ${region} --replica ${replica} --force), then start it with its empty directory, --join and a fresh --replica-number`,
    }
  }

  /** There is a link already, which is kept. */
  #excess(session: Session, peer: Peer, hello: Hello): Refused | undefined {
    const other = peer.session
    if (other === undefined || other === session) return undefined
    if (peer.instance !== hello.instance) return this.#rivalry(peer, other, hello)
    if (this.#isPreferred(session, peer.replica) || this.#isStale(other)) return undefined
    return { code: 'DUPLICATE', refusal: 'there is a link already' }
  }

  /**
   * Another process says that it is a peer that we are linked with. Most likely the peer was started again and its old link is not
   * known to be dead yet: then it falls silent. If it is heard on and on, two processes run, and the second is told.
   */
  #rivalry(peer: Peer, linked: Session, { region, instance }: Hello): Refused | undefined {
    const { timers, settings } = this.parts
    if (this.#isStale(linked)) return undefined
    if (peer.rival?.instance !== instance) peer.rival = { instance, atMs: timers.elapsedMs() }
    if (linked.heardAt - peer.rival.atMs <= 2 * settings.heartbeatMs)
      return { code: 'DUPLICATE', refusal: `another process of region ${region} is still linked` }
    return this.#refuse(
      'TWIN',
      `two processes run as region ${region} (replica ${peer.replica}): stop one of them; a copy of a data directory is no second node`,
      region,
    )
  }

  /** Of two links between one pair, both ends keep the one that the lower replica number dialed. */
  #isPreferred(session: Session, replica: ReplicaId): boolean {
    return session.isDialed === this.parts.identity.replica < replica
  }

  #isStale(session: Session): boolean {
    const { timers, settings } = this.parts
    return timers.elapsedMs() - session.heardAt > 2 * settings.heartbeatMs
  }

  #refuse(code: string, refusal: string, peer?: RegionId): Refused {
    this.refusals.add({ region: peer, code, reason: refusal, isOurs: true })
    this.#log.warn({ peer, error_code: code }, `refused a peer: ${refusal}`)
    return { code, refusal }
  }
}
