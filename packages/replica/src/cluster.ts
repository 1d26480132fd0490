import {
  type Log,
  type Random,
  type RegionId,
  type ReplicaId,
  type Storage,
  StoreError,
  type Timers,
  type VersionVector,
} from '@meridian/core'
import type { Counters, RegionReceipt } from './api.js'
import { Barriers } from './barriers/barriers.js'
import { receiptsOf } from './barriers/receipts.js'
import type { CatalogPlane } from './catalog-plane.js'
import { ClockGuard } from './clock-guard.js'
import type { DataPlane } from './data-plane.js'
import { Fence } from './fence.js'
import { Erasures } from './forgetting/erasure.js'
import { type FindCopies, Traces } from './forgetting/traces.js'
import { Purge, type PurgePeer } from './forgetting/purge.js'
import type { FrameSource } from './frame-source.js'
import { PeerReport } from './health/peer-status.js'
import type { Identity } from './identity.js'
import type { Inbox } from './inbox.js'
import { Leftovers } from './leftovers.js'
import { Links } from './links.js'
import type { LocalClock } from './local-clock.js'
import { Admission } from './membership/admission.js'
import { Membership } from './membership/membership.js'
import { Regions } from './membership/regions.js'
import { encodeMessage } from './message.js'
import { Peers } from './peers.js'
import { AntiEntropy } from './repair/anti-entropy.js'
import { Repair, type RepairPeer } from './repair/repair.js'
import type { Sequencer } from './sequencer.js'
import type { Settings } from './settings.js'
import type { TransactionLog } from './transaction-log.js'
import type { Transactions } from './transactions.js'

/** More than is under way to a peer that keeps up, at any pace of writes that one region can take. */
const CATCHING_UP_BYTES = 1 << 20

export interface ClusterParts {
  readonly identity: Identity
  /** From an earlier run. */
  readonly fenced: string | undefined
  readonly data: DataPlane
  readonly catalog: CatalogPlane
  readonly log: TransactionLog
  readonly inbox: Inbox
  readonly sequencer: Sequencer
  readonly frames: FrameSource
  readonly clock: LocalClock
  readonly timers: Timers
  readonly random: Random
  readonly settings: Settings
  readonly counters: Counters
  readonly logger: Log
  /** Regions that the configuration names as peers. */
  readonly expects: readonly RegionId[]
  readonly storage: Storage
  readonly transactions: Transactions
  /** As of `ReplicaOptions`. */
  readonly joins: boolean
  readonly copies: FindCopies | undefined
  /** What a search of this replica finds. */
  indexed(): VersionVector
}

/**
 * What no single link can decide, composed: the links themselves are in `Links`, who is at their other ends in `Peers`, who is let
 * in in `Admission`, who counts in `Membership`.
 */
export class Cluster implements Omit<ClusterParts, 'storage' | 'transactions' | 'joins' | 'copies' | 'fenced'> {
  readonly identity
  readonly data
  readonly catalog
  readonly log
  readonly inbox
  readonly sequencer
  readonly frames
  readonly clock
  readonly timers
  readonly random
  readonly settings
  readonly counters
  readonly logger
  readonly indexed
  readonly expects
  readonly leftovers: Leftovers
  readonly purge: Purge
  readonly erasures: Erasures
  readonly repair: Repair
  readonly antiEntropy: AntiEntropy
  readonly barriers: Barriers
  readonly membership: Membership
  readonly regions: Regions
  readonly report: PeerReport
  readonly admission: Admission
  readonly fence: Fence
  readonly clockGuard: ClockGuard
  readonly peers: Peers
  readonly links: Links
  /** Random, for the life of the process. */
  readonly instance: number

  constructor(parts: ClusterParts) {
    this.identity = parts.identity
    this.data = parts.data
    this.catalog = parts.catalog
    this.log = parts.log
    this.inbox = parts.inbox
    this.sequencer = parts.sequencer
    this.frames = parts.frames
    this.clock = parts.clock
    this.timers = parts.timers
    this.random = parts.random
    this.settings = parts.settings
    this.counters = parts.counters
    this.logger = parts.logger
    this.indexed = parts.indexed
    this.expects = parts.expects
    this.instance = parts.random.uint32()
    this.fence = new Fence(parts.identity, parts.log, parts.sequencer, parts.logger, parts.fenced)
    this.peers = new Peers(parts.timers, parts.settings)
    this.links = new Links(this)
    this.clockGuard = new ClockGuard(this.peers, parts.clock, parts.settings)
    this.leftovers = new Leftovers(parts.storage, parts.log)
    this.membership = new Membership({
      ...parts,
      leftovers: this.leftovers,
      lacksLeftover: (replica, origin) => this.#lacksLeftover(replica, origin),
      acked: (replica) => this.peers.get(replica)?.acked,
      links: () => this.peers.linked().map(({ replica, session }) => ({ replica, joins: session.joins })),
      fence: (reason) => this.fence.raise(reason),
      changed: () => this.links.endRetired(),
    })
    this.admission = new Admission({
      ...parts,
      membership: this.membership,
      peers: this.peers,
      fence: this.fence,
      disabled: this.links.disabled,
    })
    this.report = new PeerReport({
      self: parts.identity.replica,
      log: parts.log,
      timers: parts.timers,
      wallMs: () => parts.clock.wallMs,
      met: () => this.peers.all(),
      remembering: () => this.membership.remembering(),
    })
    this.regions = new Regions(this.membership, (replica) => this.peers.session(replica) !== undefined)
    this.barriers = new Barriers({
      self: parts.identity.replica,
      timers: parts.timers,
      members: () => this.membership.counted(),
      uncounted: () => this.#uncounted(),
      durable: () => this.log.vector,
      indexed: parts.indexed,
      peer: (replica) => this.peers.get(replica),
      ask: (replica, nonce) => this.peers.live(replica)?.ask(nonce),
      need: (replica, vector) => this.peers.live(replica)?.need(vector),
      carry: (replica, vector) => this.peers.live(replica)?.sender.carry(vector),
    })
    const peers = (): RepairPeer[] =>
      this.peers.linked().map(({ region, replica, session }) => ({
        region,
        replica,
        send: (message) => session.send(encodeMessage(message)),
      }))
    this.repair = new Repair({
      ...parts,
      peers,
      isDropped: (uid) => this.catalog.incarnations().some((each) => each.uid === uid && each.isDropped),
    })
    this.antiEntropy = new AntiEntropy({
      ...parts,
      self: this.identity.replica,
      peers,
      members: () => this.membership.remembering().filter(({ replica }) => replica !== this.identity.replica),
      mayWrite: () =>
        this.fence.reason === undefined &&
        this.clockGuard.fault === undefined &&
        this.membership.standing === 'active' &&
        this.membership.silence === undefined,
      isRetired: (replica) => this.membership.configuration.retired.has(replica),
      isPartial: () =>
        this.membership.cutOff !== undefined ||
        this.leftovers.origins().some((origin) => !this.membership.configuration.retired.has(origin)),
      lacksPart: (replica) => this.leftovers.origins().some((origin) => this.#lacksLeftover(replica, origin)),
    })
    this.erasures = this.#erasures(parts)
    this.purge = new Purge({
      identity: this.identity,
      data: this.data,
      catalog: this.catalog,
      log: this.log,
      clock: this.clock,
      timers: this.timers,
      settings: this.settings,
      counters: this.counters,
      logger: this.logger,
      stable: () => this.stable(),
      members: () => this.#purgePeers(),
      missing: () => this.#missingRegions(),
      pledged: () => this.links.pledge(),
    })
  }

  #erasures({ data, log, copies, identity, timers }: ClusterParts): Erasures {
    const members = () => this.#purgePeers()
    const traces = new Traces({
      ...{ data, log, copies, members },
      nameOf: (replica) => this.membership.nameOf(replica),
      isClosed: () => this.links.isClosed,
    })
    return new Erasures({
      ...{ self: identity.replica, timers, traces },
      members: () => this.membership.remembering(),
      missing: () => this.#missingRegions(),
      retired: () => this.membership.all().flatMap(({ region, status }) => (status === 'retired' ? [region] : [])),
      send: (replica, message) => {
        const session = this.peers.session(replica)
        session?.send(encodeMessage(message))
        return session !== undefined
      },
    })
  }

  #lacksLeftover(replica: ReplicaId, origin: ReplicaId): boolean {
    const leftover = this.leftovers.version(origin)
    return leftover !== undefined && this.peers.get(replica)?.handed.get(origin) !== leftover
  }

  /** Every now and then: what is here in part, of an origin that will not bring the rest, goes to all who stay. */
  handOver(): void {
    for (const origin of this.leftovers.origins()) {
      if (!this.membership.isLeaving(origin)) continue
      for (const { replica } of this.membership.remembering())
        if (replica !== origin) this.peers.live(replica)?.sender.handOver(origin)
    }
  }

  #purgePeers(): PurgePeer[] {
    // Joining ones too: they hold what they have acknowledged and no more.
    return this.membership
      .remembering()
      .filter(({ replica }) => replica !== this.identity.replica)
      .map(({ region, replica }) => {
        const heardDurable = this.peers.get(replica)?.heardDurable ?? []
        return { region, replica, acked: this.peers.acked(replica), heardDurable }
      })
  }

  #missingRegions(): RegionId[] {
    const known = new Set<string>(this.catalog.document.members().map(({ region }) => region))
    return this.expects.filter((region) => region !== this.identity.region && !known.has(region))
  }

  /** Why levels beyond this region cannot be counted here. */
  #uncounted(): StoreError | undefined {
    const { standing } = this.membership
    if (standing === 'active') return undefined
    return new StoreError(
      'NOT_READY',
      `region ${this.identity.region} is ${standing} and no active member: ask an active region, or for what is local`,
    )
  }

  /** What every active or joining member, ourselves included, has durably. A member that was never heard holds nothing. */
  stable(): VersionVector {
    let stable = this.log.vector
    for (const member of this.membership.remembering()) {
      if (member.replica === this.identity.replica) continue
      stable = stable.meet(this.peers.acked(member.replica))
    }
    return stable
  }

  /** As `receiptsOf`. */
  receipt(vector: VersionVector): RegionReceipt[] {
    return receiptsOf(vector, this)
  }

  /** Whether a linked peer lacks so much of what was written here that it is being told of a time when it was away. */
  get isCatchingUp(): boolean {
    const { log } = this
    const own = this.identity.replica
    const written = log.totalAt(own, log.vector.get(own))
    return this.peers.linked().some(({ acked }) => written - log.totalAt(own, acked.get(own)) > CATCHING_UP_BYTES)
  }
}
