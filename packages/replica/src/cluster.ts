import {
  type LinkHandler,
  type Log,
  type PeerLink,
  type Random,
  type RegionId,
  type ReplicaId,
  type Storage,
  StoreError,
  StrangerLog,
  type Timers,
  VersionVector,
} from '@meridian/core'
import type { Counters, RegionReceipt } from './api.js'
import { Barriers, type Member } from './barriers/barriers.js'
import type { CatalogPlane } from './catalog-plane.js'
import { ownOffsetMs } from './clock-estimate.js'
import type { DataPlane } from './data-plane.js'
import { Erasures } from './forgetting/erasure.js'
import { type FindCopies, Traces } from './forgetting/traces.js'
import { Purge, type PurgePeer } from './forgetting/purge.js'
import type { FrameSource } from './frame-source.js'
import { PeerReport } from './health/peer-status.js'
import { Refusals } from './health/refusals.js'
import { type Identity, stageFence } from './identity.js'
import type { Inbox } from './inbox.js'
import { Leftovers } from './leftovers.js'
import type { LocalClock } from './local-clock.js'
import { Membership } from './membership/membership.js'
import { Regions } from './membership/regions.js'
import { encodeMessage, type Message, PROTOCOL_VERSION } from './message.js'
import { Peer } from './peer.js'
import { AntiEntropy } from './repair/anti-entropy.js'
import { Repair, type RepairPeer } from './repair/repair.js'
import type { Sequencer } from './sequencer.js'
import { Session } from './session.js'
import type { Settings } from './settings.js'
import type { TransactionLog } from './transaction-log.js'
import type { Transactions } from './transactions.js'

/** More than is under way to a peer that keeps up, at any pace of writes that one region can take. */
const CATCHING_UP_BYTES = 1 << 20

type Hello = Extract<Message, { type: 'hello' }>
type Heartbeat = Extract<Message, { type: 'heartbeat' }>

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

/** All peers and the links to them; what no single link can decide. */
export class Cluster implements Omit<ClusterParts, 'storage' | 'transactions' | 'joins' | 'copies'> {
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
  readonly refusals: Refusals
  readonly #peers = new Map<ReplicaId, Peer>()
  readonly #sessions = new Set<Session>()
  readonly #disabled = new Set<RegionId>()
  readonly #strangers: StrangerLog
  /** Random, for the life of the process. */
  readonly instance: number
  /** Own transactions that were durable when this process began. */
  readonly #ownAtStart: number
  /** Why this replica must not write: somebody else has its identity, or it has lost history. */
  fenced: string | undefined
  #isClosed = false

  constructor(parts: ClusterParts) {
    this.identity = parts.identity
    this.fenced = parts.fenced
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
    this.#strangers = new StrangerLog(parts.logger, parts.timers)
    this.instance = parts.random.uint32()
    this.#ownAtStart = parts.log.vector.get(parts.identity.replica)
    this.leftovers = new Leftovers(parts.storage, parts.log)
    this.membership = new Membership({
      ...parts,
      leftovers: this.leftovers,
      lacksLeftover: (replica, origin) => this.#lacksLeftover(replica, origin),
      acked: (replica) => this.#peers.get(replica)?.acked,
      links: () =>
        [...this.#peers.values()].flatMap(({ replica, session }) =>
          session === undefined ? [] : [{ replica, joins: session.joins }],
        ),
      fence: (reason) => this.#fence(reason),
      changed: () => this.#endRetired(),
    })
    this.refusals = new Refusals(parts.timers)
    this.report = new PeerReport({
      self: parts.identity.replica,
      log: parts.log,
      timers: parts.timers,
      wallMs: () => parts.clock.wallMs,
      met: () => this.#peers.values(),
      remembering: () => this.membership.remembering(),
    })
    this.regions = new Regions(this.membership, (replica) => this.#peers.get(replica)?.session !== undefined)
    this.barriers = new Barriers({
      self: parts.identity.replica,
      timers: parts.timers,
      members: () => this.activeMembers(),
      uncounted: () => this.#uncounted(),
      durable: () => this.log.vector,
      indexed: parts.indexed,
      peer: (replica) => this.#peers.get(replica),
      ask: (replica, nonce) => this.#peers.get(replica)?.session?.ask(nonce),
      need: (replica, vector) => this.#peers.get(replica)?.session?.need(vector),
      carry: (replica, vector) => this.#peers.get(replica)?.session?.carry(vector),
    })
    const peers = (): RepairPeer[] =>
      [...this.#peers.values()].flatMap(({ region, replica, session }) =>
        session === undefined ? [] : [{ region, replica, send: (message) => session.send(encodeMessage(message)) }],
      )
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
        this.fenced === undefined &&
        this.clockFault() === undefined &&
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
      pledged: () => {
        for (const session of this.#sessions) session.pledge()
      },
    })
  }

  #erasures({ data, log, copies, identity, timers }: ClusterParts): Erasures {
    const members = () => this.#purgePeers()
    const traces = new Traces({
      ...{ data, log, copies, members },
      nameOf: (replica) => this.membership.nameOf(replica),
      isClosed: () => this.#isClosed,
    })
    return new Erasures({
      ...{ self: identity.replica, timers, traces },
      members: () => this.membership.remembering(),
      missing: () => this.#missingRegions(),
      retired: () => this.membership.all().flatMap(({ region, status }) => (status === 'retired' ? [region] : [])),
      send: (replica, message) => {
        const session = this.#peers.get(replica)?.session
        session?.send(encodeMessage(message))
        return session !== undefined
      },
    })
  }

  #lacksLeftover(replica: ReplicaId, origin: ReplicaId): boolean {
    const leftover = this.leftovers.version(origin)
    return leftover !== undefined && this.#peers.get(replica)?.handed.get(origin) !== leftover
  }

  /** Every now and then: what is here in part, of an origin that will not bring the rest, goes to all who stay. */
  handOver(): void {
    for (const origin of this.leftovers.origins()) {
      if (!this.membership.isLeaving(origin)) continue
      for (const { replica } of this.membership.remembering())
        if (replica !== origin) this.#peers.get(replica)?.session?.handOver(origin)
    }
  }

  #purgePeers(): PurgePeer[] {
    // Joining ones too: they hold what they have acknowledged and no more.
    return this.membership
      .remembering()
      .filter(({ replica }) => replica !== this.identity.replica)
      .map(({ region, replica }) => {
        const peer = this.#peers.get(replica)
        const acked = peer?.acked ?? VersionVector.ZERO
        return { region, replica, acked, heardDurable: peer?.heardDurable ?? [] }
      })
  }

  #missingRegions(): RegionId[] {
    const known = new Set<string>(this.catalog.document.members().map(({ region }) => region))
    return this.expects.filter((region) => region !== this.identity.region && !known.has(region))
  }

  attach(link: PeerLink, isDialed: boolean): LinkHandler {
    const session = new Session(this, link, isDialed)
    this.#sessions.add(session)
    const { cutOff } = this.membership
    if (this.#isClosed) session.end('shutting down')
    else if (cutOff !== undefined) session.end(cutOff)
    return { frame: (bytes) => session.frame(bytes), closed: (reason) => session.closed(reason) }
  }

  /**
   * Decides on a peer's hello. Nothing of ours but our own hello was sent before. The hello is as old as its link: where the link
   * takes the place of another, `has` is what the peer acknowledged on that one meanwhile; good for going on, not for stability.
   */
  admit(session: Session, hello: Hello): { peer: Peer; has: VersionVector } | { refusal: string; code: string } {
    const { region, replica, storeId } = hello
    const refuse = (code: string, refusal: string) => this.#refusal(code, refusal, region)
    if (region === this.identity.region)
      return refuse('IDENTITY_CONFLICT', `region ${region} is our own name: two nodes run as one region`)
    if (replica === this.identity.replica)
      return refuse(
        'IDENTITY_CONFLICT',
        `regions ${region} and ${this.identity.region} both have replica number ${replica}: give one of them another with --replica-number before it first starts`,
      )
    if (this.#disabled.has(region))
      return refuse('DISABLED', `the link between ${this.identity.region} and ${region} is switched off`)
    const stranger = this.membership.refusal(replica, region, hello.joins)
    if (stranger !== undefined) return refuse(stranger.code, stranger.refusal)
    const surplus = this.membership.surplusOf(replica, hello.durable)
    if (surplus !== undefined) return refuse('SURPLUS', this.membership.surplusReason(region, surplus))
    const member = this.catalog.document.members().find((known) => known.replica === replica)
    const known = this.#peers.get(replica)
    const formerStore = member?.storeId ?? known?.storeId
    const formerRegion = member?.region ?? known?.region
    if (formerRegion !== undefined && formerRegion !== region)
      return refuse(
        'IDENTITY_CONFLICT',
        `replica number ${replica} belongs to region ${formerRegion}, not to ${region}`,
      )
    if (formerStore !== undefined && formerStore !== storeId)
      return refuse(
        'IDENTITY_CONFLICT',
        `region ${region} came back with another data directory: its former writes carry replica number ${replica}, so retire it (meridian region retire ${region} --replica ${replica} --force), then start it with its empty directory, --join and a fresh --replica-number`,
      )
    if (!this.checkHistory(region, hello.durable))
      return refuse(
        'IDENTITY_CONFLICT',
        `data directory of ${this.identity.region} is older than what ${region} has of it`,
      )
    const peer = known ?? new Peer(region, replica, storeId)
    this.#peers.set(replica, peer)
    const other = peer.session
    if (other !== undefined && other !== session) {
      if (peer.instance !== hello.instance) {
        const rival = this.#rivalry(peer, other, hello)
        if (rival !== undefined) return rival
      } else if (!this.#isPreferred(session, replica) && !this.#isStale(other))
        return { code: 'DUPLICATE', refusal: 'there is a link already' }
      other.end('replaced by another link')
    }
    this.#noticeReturn(peer)
    peer.session = session
    peer.instance = hello.instance
    peer.rival = undefined
    peer.lastError = undefined
    peer.lastWallMs = 0
    peer.lastLinksAt = undefined
    const has = other === undefined ? hello.durable : hello.durable.join(peer.acked)
    // Not joined: one that was restored from a copy has less than it once had.
    peer.acked = hello.durable
    peer.heardDurable = []
    if (hello.isActive) this.membership.bootstrap.sponsored(hello.durable, hello.blockBytes)
    this.logger.info({ peer: region, replica, dialed: session.isDialed }, `linked with ${region}`)
    this.#announce()
    return { peer, has }
  }

  /**
   * Another process says that it is a peer that we are linked with. Most likely the peer was started again and its old link is not
   * known to be dead yet: then it falls silent. If it is heard on and on, two processes run, and the second is told.
   */
  #rivalry(peer: Peer, linked: Session, { region, instance }: Hello): { refusal: string; code: string } | undefined {
    if (this.#isStale(linked)) return undefined
    if (peer.rival?.instance !== instance) peer.rival = { instance, atMs: this.timers.elapsedMs() }
    if (linked.heardAt - peer.rival.atMs <= 2 * this.settings.heartbeatMs)
      return { code: 'DUPLICATE', refusal: `another process of region ${region} is still linked` }
    return this.#refusal(
      'TWIN',
      `two processes run as region ${region} (replica ${peer.replica}): stop one of them; a copy of a data directory is no second node`,
      region,
    )
  }

  refuseVersion(protocol: number): { refusal: string; code: string } {
    return this.#refusal(
      'PROTOCOL',
      `protocol version ${protocol} is not ${PROTOCOL_VERSION}: upgrade the ${protocol < PROTOCOL_VERSION ? 'other' : 'refusing'} side`,
    )
  }

  #refusal(code: string, refusal: string, peer?: RegionId): { refusal: string; code: string } {
    this.refusals.add({ region: peer, code, reason: refusal, isOurs: true })
    this.#strangers.warn({ peer, error_code: code }, `refused a peer: ${refusal}`)
    return { code, refusal }
  }

  /** Whether a peer's vector is one that our own history can explain. If not, this replica never writes again. */
  checkHistory(region: RegionId, durable: VersionVector): boolean {
    const own = this.identity.replica
    if (durable.get(own) <= this.log.vector.get(own)) return true
    if (this.fenced === undefined) {
      const reason = `region ${region} has newer transactions of ours than this data directory: it was restored from an old copy; retire it, then start with an empty directory, --join and a fresh --replica-number`
      this.#fence(reason)
    }
    return false
  }

  #fence(reason: string): void {
    if (this.fenced !== undefined) return
    this.fenced = reason
    this.logger.error({ error_code: 'IDENTITY_CONFLICT' }, reason)
    this.sequencer.push({ bytes: 0, stage: (stage) => stageFence(stage, reason), failed() {} })
  }

  /** Links with members that were retired end, and they are told. */
  #endRetired(): void {
    const { cutOff } = this.membership
    for (const session of [...this.#sessions]) {
      if (cutOff !== undefined) session.end(cutOff)
      const { peer } = session
      const stranger = peer && this.membership.refusal(peer.replica, peer.region, true)
      if (stranger !== undefined) session.refuse(stranger.code, stranger.refusal)
    }
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

  /**
   * A peer that was away is likely on its way to the others too: they get their time to link with it before anything is
   * relayed. Not so after a short loss, or links that break again and again would keep relaying off for ever.
   */
  #noticeReturn(peer: Peer): void {
    const now = this.timers.elapsedMs()
    if (peer.heardAt !== undefined && now - peer.heardAt < this.settings.relayAfterMs) return
    peer.unlinkedSince.clear()
    for (const other of this.#peers.values()) other.unlinkedSince.delete(peer.replica)
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

  /** Of two links between one pair, both ends keep the one that the lower replica number dialed. */
  #isPreferred(session: Session, replica: ReplicaId): boolean {
    return session.isDialed === this.identity.replica < replica
  }

  #isStale(session: Session): boolean {
    return this.timers.elapsedMs() - session.heardAt > 2 * this.settings.heartbeatMs
  }

  ended(session: Session, reason: string): void {
    this.#sessions.delete(session)
    const peer = session.peer
    if (peer === undefined || peer.session !== session) return
    peer.session = undefined
    peer.lastError = reason
    this.logger.info({ peer: peer.region, reason }, `lost the link with ${peer.region}`)
    this.#announce()
  }

  refusedBy(code: string, reason: string): void {
    this.membership.refused(code, reason)
    if (code === 'DUPLICATE') return
    if (code === 'TWIN') this.#foundTwin(reason)
    this.refusals.add({ region: undefined, code, reason, isOurs: false })
    this.#strangers.warn({ error_code: code }, `a peer refused us: ${reason}`)
  }

  /**
   * A peer is linked with another process of our identity. Until a restart nothing is written here; and what was written since the
   * start may carry the numbers of what the other writes, so then the directory must not be used again.
   */
  #foundTwin(reason: string): void {
    if (this.log.vector.get(this.identity.replica) > this.#ownAtStart)
      this.#fence(
        `${reason}; what was written here meanwhile is numbered as the other's, so this directory is given up`,
      )
    else this.fenced ??= reason
  }

  heard(peer: Peer, message: Heartbeat): void {
    const nowMs = this.clock.wallMs
    peer.clock.add(message, nowMs)
    // It answers a heartbeat of ours, held for `heldMs`: it was sent no earlier than this.
    const roundTripMs = nowMs - message.echoMs - message.heldMs
    if (message.echoMs !== 0 && roundTripMs >= 0)
      peer.heardDurableAt(this.timers.elapsedMs() - roundTripMs, message.durable)
    peer.lastWallMs = message.wallMs
    peer.lastWallAt = this.timers.elapsedMs()
    peer.indexed = message.indexed
    peer.heardLinks(message.links, this.timers)
  }

  /** The configuration in effect here; this replica counts though the catalog does not list it yet. */
  activeMembers(): readonly Member[] {
    return this.membership.counted()
  }

  isReceiving(origin: ReplicaId): boolean {
    return [...this.#sessions].some((session) => session.receiving === origin)
  }

  liveReplicas(): ReplicaId[] {
    return [...this.#peers.values()].filter((peer) => peer.session !== undefined).map((peer) => peer.replica)
  }

  isLinked(region: RegionId): boolean {
    return [...this.#peers.values()].some((peer) => peer.region === region && peer.session !== undefined)
  }

  isEnabled(region: RegionId): boolean {
    return !this.#disabled.has(region)
  }

  /** Cuts, or allows again, links with a region; kept in memory only. */
  setEnabled(region: RegionId, isEnabled: boolean): void {
    if (isEnabled) this.#disabled.delete(region)
    else {
      this.#disabled.add(region)
      for (const peer of this.#peers.values())
        if (peer.region === region) peer.session?.end('switched off by an operator')
    }
  }

  /** What is durable or on its way to the disk without a gap. */
  acceptedVector(): VersionVector {
    const origins = new Set<ReplicaId>([...this.log.vector.entries().map(([origin]) => origin), ...this.#peers.keys()])
    return VersionVector.of([...origins].map((origin) => [origin, this.inbox.accepted(origin)] as const))
  }

  /** After each commit. */
  advanced(hasRemote: boolean): void {
    for (const session of [...this.#sessions]) {
      if (hasRemote) session.acknowledge()
      session.pump()
    }
  }

  /** Peers learn at once whom we are linked with: they relay, or stop relaying. */
  #announce(): void {
    for (const session of [...this.#sessions]) session.heartbeat()
  }

  /** Once a heartbeat interval: beats, and ends links that have gone silent. */
  beat(): void {
    const now = this.timers.elapsedMs()
    for (const session of [...this.#sessions])
      if (now - session.heardAt > this.settings.silenceMs)
        session.end(`nothing heard for ${this.settings.silenceMs} ms`, 'silent')
      else if (session.peer === undefined && now - session.openedAt > this.settings.silenceMs)
        session.end(`no hello for ${this.settings.silenceMs} ms`, 'silent')
      else session.heartbeat()
  }

  /** What every active or joining member, ourselves included, has durably. A member that was never heard holds nothing. */
  stable(): VersionVector {
    let stable = this.log.vector
    for (const member of this.membership.remembering()) {
      if (member.replica === this.identity.replica) continue
      stable = stable.meet(this.#peers.get(member.replica)?.acked ?? VersionVector.ZERO)
    }
    return stable
  }

  /** Our wall clock minus the median of the linked peers'; 0 when there is no telling. */
  ownOffsetMs(): number {
    const offsets = [...this.#peers.values()]
      .filter((peer) => peer.session !== undefined)
      .map((peer) => peer.clock.offsetMs)
    return ownOffsetMs(offsets.filter((offset) => offset !== undefined))
  }

  /** Why the clock forbids writing now; `undefined` if it does not. */
  clockFault(): string | undefined {
    const guard = this.settings.clockGuardMs
    const own = this.ownOffsetMs()
    if (Math.abs(own) > guard)
      return `this region's clock is ${Math.round(own)} ms off the median of its peers (limit ${guard}): correct it`
    const ahead = this.clock.aheadMs
    if (ahead > guard)
      return `this region's clock went back: its newest stamp is ${Math.round(ahead)} ms ahead (limit ${guard}); wait until its time has come, or replace the region`
    return undefined
  }

  /** By active member. */
  receipt(vector: VersionVector): RegionReceipt[] {
    const now = this.timers.elapsedMs()
    return this.activeMembers().map(({ region, replica }) => {
      if (replica === this.identity.replica) {
        const isHere = this.log.vector.dominates(vector)
        const searchable = this.indexed().dominates(vector)
        return { region, replica, logged: isHere, merged: isHere, searchable, heardMsAgo: 0 }
      }
      const peer = this.#peers.get(replica)
      const logged = (peer?.acked ?? VersionVector.ZERO).dominates(vector)
      const searchable = (peer?.indexed ?? VersionVector.ZERO).dominates(vector)
      const heardMsAgo = peer?.heardAt === undefined ? undefined : Math.round(now - peer.heardAt)
      return { region, replica, logged, merged: logged, searchable, heardMsAgo }
    })
  }

  /** Whether a linked peer lacks so much of what was written here that it is being told of a time when it was away. */
  get isCatchingUp(): boolean {
    const { log } = this
    const own = this.identity.replica
    const written = log.totalAt(own, log.vector.get(own))
    return [...this.#peers.values()].some(
      ({ session, acked }) => session !== undefined && written - log.totalAt(own, acked.get(own)) > CATCHING_UP_BYTES,
    )
  }

  /** Ends all links: the engine stops. */
  close(reason: string): void {
    this.#isClosed = true
    for (const session of [...this.#sessions]) session.end(reason)
  }
}
