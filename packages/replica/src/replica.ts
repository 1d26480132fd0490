import {
  type Clock,
  type CollectionConfig,
  type CollectionUid,
  type ConflictPolicy,
  clientIdOf,
  type LinkHandler,
  type Log,
  type PeerLink,
  type PointId,
  type Random,
  type RegionId,
  type SpaceParams,
  type ReplicaId,
  type Storage,
  StoreError,
  type Timers,
  type VectorIndex,
  type VersionVector,
} from '@meridian/core'
import type { ShardDoc } from '@meridian/shard'
import type {
  AliasAction,
  Collection,
  Counters,
  Done,
  IndexSchema,
  RegionReceipt,
  ReplicaEvents,
  ReplicaStatus,
  ResolveOps,
  Setting,
  WriteReceipt,
  WriteRequest,
} from './api.js'
import type { Barriers } from './barriers/barriers.js'
import { formatToken, parseToken } from './barriers/token.js'
import { CatalogPlane } from './catalog-plane.js'
import { Cluster } from './cluster.js'
import type { CollectionState } from './collection-state.js'
import type { ConflictBook } from './conflicts/conflict-book.js'
import type { Resolution } from './conflicts/conflict-note.js'
import { type PolicyEffect, policyEffect } from './conflicts/policy-effect.js'
import { type Decision, decide } from './conflicts/resolve.js'
import { DataPlane } from './data-plane.js'
import type { Erasure } from './forgetting/erasure.js'
import type { FindCopies } from './forgetting/traces.js'
import { FrameSource } from './frame-source.js'
import type { Degradation } from './health/degradation.js'
import { Degradations } from './health/find.js'
import { claimIdentity, type Identity, markClean, readFence } from './identity.js'
import { Inbox } from './inbox.js'
import { LocalClock } from './local-clock.js'
import { LocalWriter } from './local-writer.js'
import { Maintenance } from './maintenance.js'
import { Register } from './register/register.js'
import type { ShardAgreement } from './repair/agreement.js'
import { Scrub } from './repair/scrub.js'
import type { Regions } from './membership/regions.js'
import { Sequencer } from './sequencer.js'
import { DEFAULT_SETTINGS, type Settings } from './settings.js'
import { TransactionLog } from './transaction-log.js'
import { Transactions } from './transactions.js'

/** Damaged blocks that a status names. */
const DAMAGED_SHOWN_MAX = 20

export interface ReplicaOptions {
  readonly region: RegionId
  readonly replica: ReplicaId
  readonly storage: Storage
  readonly index: VectorIndex
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
  readonly events?: ReplicaEvents
  /**
   * Runs `done` once everything that the index was handed so far can be found. Left out for an index that finds it at once, as
   * its port asks; `indexed` then goes on with `merged`.
   */
  readonly searchable?: (done: () => void) => void
  /** As its type says; left out where nothing outside of the engine keeps copies of points. */
  readonly copies?: FindCopies
  readonly settings?: Partial<Settings>
  /** Regions that are configured as peers: nothing is forgotten for good before each has been heard of. */
  readonly expects?: readonly RegionId[]
  /**
   * A new data directory joins an existing cluster: it takes in what there is before it serves anybody, and counts for nothing until
   * it was added. Otherwise it founds one, or is one of its founders. Of no effect later.
   */
  readonly joins?: boolean
}

/**
 * The engine of one region. Knows ports only; every method is synchronous, and what waits for the disk calls back.
 *
 *  requests ─► LocalWriter ─┐                       ┌─► DataPlane (documents, views, index)
 *  peers ─► Session ► Inbox ┼─► Sequencer ─ fsync ──┼─► CatalogPlane
 *  timers ─► Maintenance ───┘   (group commit)      └─► Cluster: acks, and frames from the log to every peer
 */
export class Replica {
  readonly identity: Identity
  readonly #options: ReplicaOptions
  readonly #settings: Settings
  readonly #clock: LocalClock
  readonly #log: TransactionLog
  readonly #sequencer: Sequencer
  readonly #data: DataPlane
  readonly #catalog: CatalogPlane
  readonly #writer: LocalWriter
  readonly #inbox: Inbox
  readonly #cluster: Cluster
  readonly #maintenance: Maintenance
  readonly #degradations: Degradations
  readonly #scrub: Scrub
  /** Points as linearizable registers. */
  readonly register: Register
  readonly #counters: Counters
  #timers: Disposable[] = []
  #indexed: VersionVector
  #token: { readonly vector: VersionVector; readonly version: number; readonly text: string } | undefined
  #hasRemote = false
  #isReleasing = false
  #isWritingConflicts = false
  #isJoining = false
  #state: 'open' | 'closing' | 'stopped' = 'open'
  #whenStopped: (() => void)[] = []

  /**
   * Loads everything that is durable and claims the identity; the replica is ready for reads, writes and links on return.
   * @throws StoreError `IDENTITY_CONFLICT`, `STORAGE_CORRUPT`.
   */
  static open(options: ReplicaOptions): Replica {
    return new Replica(options)
  }

  private constructor(options: ReplicaOptions) {
    const { storage, index, timers, random, log: logger } = options
    this.#options = options
    const settings = { ...DEFAULT_SETTINGS, ...options.settings }
    this.#settings = settings
    const { identity, ops } = claimIdentity(storage, random, options.region, options.replica)
    this.identity = identity
    const client = clientIdOf(identity.replica, identity.boot)
    this.#counters = {
      writes: 0,
      transactions: 0,
      framesIn: 0,
      framesOut: 0,
      bytesIn: 0,
      bytesOut: 0,
      framesRefused: 0,
      framesDropped: 0,
      resyncs: 0,
      transfersSent: 0,
      transfersReceived: 0,
      givenUpRefused: 0,
      blocksCleaned: 0,
      tombstonesPurged: 0,
      digestsUnequal: 0,
      recordsRepaired: 0,
    }
    const counters = this.#counters
    this.#clock = new LocalClock(identity.replica, options.clock, storage, settings.clockGuardMs)
    this.#log = new TransactionLog(storage, (what) =>
      logger.error({ error_code: 'STORAGE_CORRUPT' }, `damaged log entry ${what}`),
    )
    this.#indexed = this.#log.vector
    const { searchable } = options
    this.#data = new DataPlane(storage, index, client, settings, logger, () => this.#clock.horizonMs, searchable)
    this.#sequencer = new Sequencer(
      storage,
      timers,
      () => this.#log.vector,
      (applyMs) => this.#committed(applyMs),
      ops,
    )
    const transactions = new Transactions(identity.replica, client, this.#log, this.#data)
    const shared = {
      data: this.#data,
      log: this.#log,
      clock: this.#clock,
      sequencer: this.#sequencer,
      timers,
      settings,
      counters,
      logger,
    }
    this.#catalog = new CatalogPlane(
      storage,
      identity,
      this.#clock,
      this.#sequencer,
      transactions,
      logger,
      () => this.#follow(),
      () => this.#cluster.membership.silence,
    )
    this.#inbox = new Inbox(
      identity.replica,
      this.#data,
      this.#catalog,
      this.#log,
      this.#clock,
      this.#sequencer,
      settings,
      counters,
      logger,
      (origin, atMs) => this.#applied(origin, atMs),
      (origin, from, hasRecords) => this.#cluster.membership.limitOf(origin, from, hasRecords),
    )
    const frames = new FrameSource(this.#log, this.#data, settings.frameCacheBytes)
    this.#cluster = new Cluster({
      ...shared,
      identity,
      fenced: readFence(storage),
      catalog: this.#catalog,
      inbox: this.#inbox,
      frames,
      random,
      expects: options.expects ?? [],
      storage,
      transactions,
      joins: options.joins ?? false,
      copies: options.copies,
      indexed: () => this.#indexed,
    })
    this.#writer = new LocalWriter(
      identity.replica,
      this.#data,
      this.#clock,
      this.#sequencer,
      transactions,
      settings,
      (records) => {
        counters.writes += records
      },
      () => this.#cluster.membership.silence,
    )
    this.#degradations = new Degradations({
      timers,
      settings,
      expects: options.expects ?? [],
      status: () => this.status(),
    })
    this.#maintenance = new Maintenance({ ...shared, catalog: this.#catalog, cluster: this.#cluster, transactions })
    this.#scrub = new Scrub(this.#data, settings)
    this.register = new Register({
      timers,
      barriers: this.#cluster.barriers,
      collection: (name) => {
        const state = this.#data.lookUp(name)
        return state === undefined || this.#data.hole(state) !== undefined ? undefined : state
      },
      isLinked: ({ region }) => this.#cluster.isLinked(region),
      write: (request, done) => {
        this.#checkWhole(request.collection)
        this.write(request, done)
      },
    })
    this.#follow()
    index.sweep?.()
    this.#cluster.repair.checkTails()
    // Even if nothing is written: the name of the directory is told to peers.
    this.#sequencer.push({
      bytes: 0,
      stage: (stage) => {
        this.#clock.stage(stage)
      },
      failed: (error) => logger.error({ error_code: error.code }, `could not claim the identity: ${error.message}`),
    })
    this.#join()
    this.#every(settings.heartbeatMs, () => this.#cluster.beat())
    this.#every(settings.maintenanceMs, () => {
      this.#join()
      if (this.#cluster.fenced === undefined) this.#cluster.membership.step()
      this.#scrub.step()
      this.#cluster.repair.step()
      this.#cluster.handOver()
      this.#cluster.antiEntropy.step()
      this.#maintenance.step()
      this.#data.expireConflicts(this.#clock.wallMs)
      this.#writeConflicts()
    })
    this.#every(Math.min(settings.heartbeatMs, 200), () => this.#release())
  }

  get region(): RegionId {
    return this.identity.region
  }

  /** Brings the data in line with the catalog. Views that are built anew show what has become due since. */
  #follow(): void {
    this.#data.reconcile(this.#catalog)
    this.#clock.observe(this.#data.newestMs)
  }

  /** Stamps whose time has come become visible; the clock is durably past them first. */
  #release(): void {
    if (this.#isReleasing || this.#data.newestDueMs(this.#clock.horizonMs) === 0) return
    this.#isReleasing = true
    this.#sequencer.push({
      bytes: 0,
      stage: (stage) => {
        const dueMs = this.#data.newestDueMs(this.#clock.horizonMs)
        this.#clock.observe(dueMs)
        this.#clock.stage(stage)
        stage.durable.push(() => {
          this.#isReleasing = false
          this.#data.release(dueMs)
          this.#options.events?.released?.()
        })
      },
      failed: () => {
        this.#isReleasing = false
      },
    })
  }

  #every(intervalMs: number, run: () => void): void {
    const at = this.#timers.length
    const arm = (): void => {
      this.#timers[at] = this.#options.timers.after(intervalMs, () => {
        if (this.#state === 'stopped') return
        arm()
        run()
      })
    }
    this.#timers.push({ [Symbol.dispose]() {} })
    arm()
  }

  /** Enters the membership on the first start of a data directory; asked again until it is in, since a disk may be full. */
  #join(): void {
    if (this.#isJoining || this.#state !== 'open') return
    const { replica, region, storeId } = this.identity
    if (this.#catalog.document.members().some((member) => member.replica === replica && member.storeId === storeId))
      return
    this.#isJoining = true
    this.#catalog.edit(
      () => {
        const nowMs = this.#clock.wallMs
        const status = this.#options.joins === true ? 'joining' : 'active'
        return { type: 'putMember', member: { replica, region, storeId, status, sinceMs: nowMs }, nowMs }
      },
      (outcome) => {
        this.#isJoining = false
        if (!outcome.ok)
          this.#options.log.error({ error_code: outcome.error.code }, `could not join: ${outcome.error.message}`)
      },
    )
  }

  #applied(origin: ReplicaId, atMs: number): void {
    this.#hasRemote = true
    this.#counters.transactions++
    const member = this.#catalog.document.members().find((each) => each.replica === origin)
    if (member !== undefined)
      this.#options.events?.replicated?.(member.region, Math.max(0, this.#clock.wallMs - atMs) / 1000)
  }

  /** After every commit, when memory has caught up with the disk. */
  #committed(applyMs: number): void {
    this.#options.events?.indexed?.(applyMs / 1000)
    const hasRemote = this.#hasRemote
    this.#hasRemote = false
    this.#cluster.advanced(hasRemote)
    this.#writeConflicts()
    const merged = this.#log.vector
    const found = (): void => {
      this.#indexed = this.#indexed.join(merged)
      this.#cluster.barriers.changed()
    }
    if (this.#options.searchable === undefined) found()
    else this.#options.searchable(found)
  }

  /** What was found while the commit was folded becomes durable in the next one. */
  #writeConflicts(): void {
    const { conflictRows } = this.#data
    if (!conflictRows.hasPending || this.#isWritingConflicts) return
    this.#isWritingConflicts = true
    const isOver = (): void => {
      this.#isWritingConflicts = false
    }
    this.#sequencer.push({
      bytes: 0,
      stage: (stage) => {
        conflictRows.stage(stage)
        stage.durable.push(isOver)
      },
      failed: isOver,
    })
  }

  /** Durable here, folded into the views, and found by searches: each covers the next. */
  get vectors(): ReplicaStatus['vectors'] {
    const merged = this.#log.vector
    return { acked: merged, merged, indexed: this.#indexed }
  }

  /** Waiting for vectors of this and other regions. */
  get barriers(): Barriers {
    return this.#cluster.barriers
  }

  /** A session's token of a vector: opaque text of some 40 characters. */
  token(vector: VersionVector): string {
    const { version } = this.#catalog.document
    // Every answer has one, and most have the same as the one before.
    if (this.#token?.vector !== vector || this.#token.version !== version)
      this.#token = { vector, version, text: formatToken(vector, (replica) => this.#storeOf(replica)) }
    return this.#token.text
  }

  /** @throws StoreError `BAD_REQUEST`: damaged, of another cluster, or of a future that cannot be. */
  parseToken(text: string): VersionVector {
    const { replica } = this.identity
    return parseToken(text, {
      self: replica,
      own: this.#log.vector.get(replica),
      storeOf: (each) => this.#storeOf(each),
      others: this.#catalog.document.members().filter((member) => member.replica !== replica).length,
    })
  }

  #storeOf(replica: ReplicaId): string | undefined {
    if (replica === this.identity.replica) return this.identity.storeId
    return this.#catalog.document.members().find((member) => member.replica === replica)?.storeId
  }

  /** Where, as far as is known here, everything that `vector` covers has got to. */
  receipt(vector: VersionVector): RegionReceipt[] {
    return this.#cluster.receipt(vector)
  }

  /** Visible collections by name. */
  collections(): Collection[] {
    return this.#data.collections
  }

  /** By visible name or alias. @throws StoreError `COLLECTION_NOT_FOUND`; `STORAGE_CORRUPT` while blocks of it are missing here. */
  collection(name: string): Collection {
    return this.#checkWhole(name)
  }

  #checkWhole(name: string): CollectionState {
    const state = this.#data.collection(name)
    const hole = this.#data.hole(state)
    if (hole !== undefined) throw hole
    return state
  }

  /** All incarnations that are folded into a collection, eldest first. */
  incarnationsOf(name: string): readonly CollectionUid[] {
    return this.#data.collection(name).uids
  }

  /** Collections of one name that two regions made with different configurations; both are kept. */
  catalogConflicts() {
    return this.#catalog.document.conflicts()
  }

  /** Why writes are refused now; `undefined` when they are taken. */
  readOnlyReason(): StoreError | undefined {
    if (this.#state !== 'open') return new StoreError('SHUTTING_DOWN', 'the store is shutting down')
    if (this.#sequencer.failure !== undefined) return this.#sequencer.failure
    if (this.#cluster.fenced !== undefined) return new StoreError('IDENTITY_CONFLICT', this.#cluster.fenced)
    const { unready, leaving } = this.#cluster.membership
    if (unready !== undefined) return unready
    if (leaving !== undefined) return new StoreError('NOT_READY', leaving)
    const clock = this.#cluster.clockFault()
    return clock === undefined ? undefined : new StoreError('CLOCK_SKEW', clock)
  }

  /** Why nothing is read or written here yet: it is joining, and has not caught up. */
  unservable(): StoreError | undefined {
    return this.#cluster.membership.unready
  }

  /** Who is in the cluster, and changes of that. */
  get regions(): Regions {
    return this.#cluster.regions
  }

  #checkWritable(): void {
    const reason = this.readOnlyReason()
    if (reason !== undefined) throw reason
  }

  /** @throws StoreError why writes are refused; `COLLECTION_EXISTS`, `VALIDATION` and disk errors come through `done`. */
  createCollection(
    name: string,
    config: CollectionConfig,
    done: Done<WriteReceipt>,
    settings: readonly Setting[] = [],
  ): void {
    this.#checkWritable()
    if (this.#data.find(name) !== undefined)
      throw new StoreError('COLLECTION_EXISTS', `Collection \`${name}\` already exists!`)
    const { random } = this.#options
    const uid = [random.uint32(), random.uint32()]
      .map((word) => word.toString(16).padStart(8, '0'))
      .join('') as CollectionUid
    this.#catalog.edit(
      () => ({
        type: 'createCollection',
        uid,
        name,
        config,
        settings,
        stamp: this.#clock.next(),
        region: this.region,
        nowMs: this.#clock.wallMs,
      }),
      done,
    )
  }

  /**
   * All actions, in order and as one change, or none. Collections are named by visible names.
   * @throws StoreError why writes are refused; `COLLECTION_NOT_FOUND`, `COLLECTION_EXISTS`, `VALIDATION` come through `done`.
   */
  changeAliases(actions: readonly AliasAction[], done: Done<WriteReceipt>): void {
    this.#checkWritable()
    this.#catalog.edit(
      () => ({ type: 'changeAliases', actions, stamp: this.#clock.next(), nowMs: this.#clock.wallMs }),
      done,
    )
  }

  /** Declares a payload index, or takes it away. `collection` may be an alias. @throws StoreError also `COLLECTION_NOT_FOUND`. */
  changeIndex(collection: string, field: string, schema: IndexSchema | undefined, done: Done<WriteReceipt>): void {
    this.#checkWritable()
    const found = this.#data.collection(collection)
    this.#catalog.edit(
      () => ({
        type: 'changeIndex',
        collection: found.name,
        field,
        schema,
        stamp: this.#clock.next(),
        nowMs: this.#clock.wallMs,
      }),
      done,
    )
  }

  /**
   * Merges settings, leaf by leaf, in one change. `settings` is asked when the change is built, from what is there then.
   * `collection` may be an alias. @throws StoreError also `COLLECTION_NOT_FOUND`.
   */
  changeSettings(
    collection: string,
    settings: (now: Collection) => readonly Setting[],
    done: Done<WriteReceipt>,
  ): void {
    this.#checkWritable()
    const found = this.#data.collection(collection)
    this.#catalog.edit(
      () => ({
        type: 'changeSettings',
        collection: found.name,
        settings: settings(this.#data.collection(found.name)),
        stamp: this.#clock.next(),
        nowMs: this.#clock.wallMs,
      }),
      done,
    )
  }

  /**
   * Adds a vector space; one that is there alike is no error. `collection` may be an alias.
   * @throws StoreError why writes are refused, `COLLECTION_NOT_FOUND`; `WRONG_INPUT`, `VALIDATION` come through `done`.
   */
  addSpace(collection: string, name: string, params: SpaceParams, done: Done<WriteReceipt>): void {
    this.#editSpace(collection, { type: 'addSpace', name, params }, done)
  }

  /** Drops a vector space with all of its vectors; one that is not there is no error. Errors as `addSpace`. */
  dropSpace(collection: string, name: string, done: Done<WriteReceipt>): void {
    this.#editSpace(collection, { type: 'dropSpace', name }, done)
  }

  #editSpace(
    collection: string,
    edit: { type: 'addSpace'; name: string; params: SpaceParams } | { type: 'dropSpace'; name: string },
    done: Done<WriteReceipt>,
  ): void {
    this.#checkWritable()
    const found = this.#data.collection(collection)
    this.#catalog.edit(
      () => ({ ...edit, collection: found.name, stamp: this.#clock.next(), nowMs: this.#clock.wallMs }),
      done,
    )
  }

  /** `false` when there is none of that name. */
  dropCollection(name: string, done: Done<boolean>): void {
    this.#checkWritable()
    const found = this.#data.find(name)
    if (found === undefined) {
      done({ ok: true, value: false })
      return
    }
    this.#catalog.edit(
      () => ({ type: 'dropCollections', uids: found.uids, region: this.region, nowMs: this.#clock.wallMs }),
      (outcome) => {
        if (outcome.ok) done({ ok: true, value: true })
        else if (outcome.error.code === 'COLLECTION_NOT_FOUND') done({ ok: true, value: false })
        else done(outcome)
      },
    )
  }

  /**
   * @throws StoreError before anything is staged: unknown collection or vector name, wrong dimension, writes refused. For ops
   * that are resolved when the commit is built, all but the first and the last come through `done`.
   */
  write(request: WriteRequest, done: Done<WriteReceipt>): void {
    this.#checkWritable()
    this.#writer.write(request, done)
  }

  /** The listed conflicts of a collection, by visible name or alias. @throws StoreError `COLLECTION_NOT_FOUND`. */
  conflicts(collection: string): ConflictBook {
    return this.#data.collection(collection).conflicts
  }

  /**
   * Carries out a decision as an ordinary write, which every region gets. @throws StoreError as `write`; through `done` also
   * `POINT_NOT_FOUND` when the conflict is not listed any more, and `VALIDATION`.
   */
  resolveConflict(collection: string, id: string, decision: Decision, done: Done<WriteReceipt>): void {
    let resolution: Resolution | undefined
    const { name } = this.#data.collection(collection)
    const ops: ResolveOps = (now) => {
      const decided = decide(this.conflicts(name), id, decision, now, this.#data.collection(name).keys)
      resolution = decided.resolution
      return decided.ops
    }
    this.write({ collection: name, ops }, (outcome) => {
      const state = this.#data.lookUp(name)
      if (outcome.ok && resolution !== undefined) state?.conflicts.resolved(id, resolution)
      done(outcome)
    })
  }

  /**
   * Where a point that was deleted still is, in all regions, as they say themselves.
   * @throws StoreError `COLLECTION_NOT_FOUND`, `OVERLOADED`.
   */
  erasure(collection: string, id: PointId, timeoutMs: number, done: Done<Erasure>): void {
    this.#cluster.erasures.find(this.#data.collection(collection).uid, id, timeoutMs, done)
  }

  /** What shows under which write wins: see `policyEffect`. To be run in steps. @throws StoreError `COLLECTION_NOT_FOUND`. */
  policyEffect(collection: string, policy: ConflictPolicy): Generator<undefined, PolicyEffect> {
    return policyEffect(this.#data.collection(collection), policy, this.#clock.horizonMs)
  }

  /** Takes over a fresh link to any peer; the handshake follows. */
  attach(link: PeerLink, how: { readonly dialed: boolean }): LinkHandler {
    return this.#cluster.attach(link, how.dialed)
  }

  /** Whether a live link to that region exists: a dialer then need not dial. */
  isLinked(region: RegionId): boolean {
    return this.#cluster.isLinked(region)
  }

  /** Cuts, or allows again, links with a region; in memory only. */
  setLinkEnabled(region: RegionId, isEnabled: boolean): void {
    this.#cluster.setEnabled(region, isEnabled)
  }

  isLinkEnabled(region: RegionId): boolean {
    return this.#cluster.isEnabled(region)
  }

  /** The document of a collection's shard, to be followed by stock clients: never written to by callers. */
  shardDocument(collection: string, shard: number): ShardDoc | undefined {
    const state = this.#data.lookUp(collection)
    return state === undefined ? undefined : this.#data.store(state.uid, shard)?.doc
  }

  /** The index lost a space (its worker died): everything of it is handed over again. */
  resyncSpace(collection: string, vector: string): void {
    this.#data.resync(collection as CollectionUid, vector)
  }

  /** By shard of a collection: whether each other region shows the same. @throws StoreError `COLLECTION_NOT_FOUND`. */
  agreements(collection: string): ShardAgreement[] {
    return this.#cluster.antiEntropy.agreements(this.#data.collection(collection))
  }

  /** What is wrong now, as far as the engine knows. */
  degradations(): Degradation[] {
    return this.#degradations.find()
  }

  status(): ReplicaStatus {
    const { region, replica, storeId, boot } = this.identity
    const vector = this.#log.vector
    const logBytes = vector.entries().reduce((sum, [origin, seq]) => sum + this.#log.totalAt(origin, seq), 0)
    const logEntries = vector
      .entries()
      .reduce((sum, [origin, seq]) => sum + seq + 1 - (this.#log.oldest(origin) ?? seq + 1), 0)
    return {
      region,
      replica,
      storeId,
      boot,
      client: clientIdOf(replica, boot),
      vectors: this.vectors,
      members: this.#cluster.membership.all(),
      standing: this.#cluster.membership.standing,
      configuration: this.#cluster.membership.configuration.index,
      bootstrap: this.#cluster.membership.progress,
      peers: this.#cluster.report.statuses(),
      onlyHere: this.#cluster.report.onlyHere(),
      refusals: this.#cluster.refusals.recent(),
      clock: { ownOffsetMs: this.#cluster.ownOffsetMs(), fault: this.#cluster.clockFault() },
      disk: {
        failure: this.#sequencer.failure?.message,
        full: this.#sequencer.full?.message,
        flushingMs: this.#sequencer.flushingMs,
      },
      fenced: this.#cluster.fenced,
      leaving: this.#cluster.membership.leaving,
      counters: this.#counters,
      readOnly: this.readOnlyReason()?.message,
      storage: { blockBytes: this.#data.blockBytes, logEntries, logBytes },
      damage: this.#damage(),
      divergent: this.#cluster.antiEntropy.divergences(),
      deferred: this.#data.deferred,
      orphans: this.#data.collections.reduce((sum, { orphanCount }) => sum + orphanCount, 0),
      purgeBlockedBy: this.#cluster.purge.blockers(),
    }
  }

  #damage(): ReplicaStatus['damage'] {
    const { damage } = this.#data
    const nameOf = (uid: CollectionUid) => this.#data.collections.find(({ uids }) => uids.includes(uid))?.name
    const blocks = [...damage.list()].slice(0, DAMAGED_SHOWN_MAX)
    return {
      blocks: damage.size,
      found: damage.found,
      repaired: damage.repaired,
      scrubs: this.#scrub.passes,
      unreadable: this.#data.collections
        .filter((state) => this.#data.hole(state) !== undefined)
        .map(({ name }) => name),
      first: blocks.map((block) => ({ collection: nameOf(block.uid), ...block })),
    }
  }

  /** As `close`, for callers that live without promises. `done` runs once per call. */
  shutDown(done: () => void): void {
    this.#whenStopped.push(done)
    if (this.#state === 'stopped') this.#stopped()
    if (this.#state !== 'open') return
    this.#state = 'closing'
    // No new work from timers or peers, or the queue might never run dry.
    this.#disposeTimers()
    this.#cluster.barriers.close()
    this.#inbox.close()
    this.#sequencer.whenIdle(() => {
      this.#cluster.close('shutting down')
      if (this.#sequencer.failure !== undefined) this.stop()
      else this.#options.storage.commit([markClean(this.identity)], () => this.stop())
    })
  }

  /** Stops taking writes, makes durable what was taken, ends links, marks a clean stop. Safe to call twice. */
  close(): Promise<void> {
    return new Promise((resolve) => this.shutDown(resolve))
  }

  #stopped(): void {
    const waiting = this.#whenStopped
    this.#whenStopped = []
    for (const done of waiting) done()
  }

  /** Ends at once, as a crash would: nothing more is written, sent or called back. */
  stop(): void {
    this.#state = 'stopped'
    this.#sequencer.stop()
    this.#cluster.barriers.stop()
    this.#cluster.close('stopped')
    this.#disposeTimers()
    this.#stopped()
  }

  #disposeTimers(): void {
    this.#maintenance.stop()
    for (const timer of this.#timers) timer[Symbol.dispose]()
    this.#timers = []
  }
}
