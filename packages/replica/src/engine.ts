import { clientIdOf, type Log, type Random, type ReplicaId, type Timers, type VersionVector } from '@meridian/core'
import type { ReplicaEvents, ReplicaStatus } from './api.js'
import { CatalogPlane } from './catalog-plane.js'
import { Cluster } from './cluster.js'
import { ConflictWriter } from './conflicts/conflict-writer.js'
import { newCounters } from './counters.js'
import { DataPlane } from './data-plane.js'
import { DueStamps } from './due-stamps.js'
import { FrameSource } from './frame-source.js'
import { claimIdentity, type Identity, markClean, readFence } from './identity.js'
import { Inbox } from './inbox.js'
import { IndexedVector } from './indexed-vector.js'
import { LocalClock } from './local-clock.js'
import { LocalWriter } from './local-writer.js'
import { Maintenance } from './maintenance.js'
import { Entry } from './membership/entry.js'
import { Periodic } from './periodic.js'
import { Scrub } from './repair/scrub.js'
import type { ReplicaOptions } from './replica-options.js'
import { Sequencer } from './sequencer.js'
import { DEFAULT_SETTINGS, type Settings } from './settings.js'
import { TransactionLog } from './transaction-log.js'
import { Transactions } from './transactions.js'
import { WriteGate } from './write-gate.js'

/** At least this often it is looked whether stamps of the future have come due. */
const RELEASE_EVERY_MAX_MS = 200

/**
 * The parts of one replica, how they hang together, and what drives them: timers, and the end of each commit.
 *
 *  requests ─► LocalWriter ─┐                       ┌─► DataPlane (documents, views, index)
 *  peers ─► Session ► Inbox ┼─► Sequencer ─ fsync ──┼─► CatalogPlane
 *  timers ─► Maintenance ───┘   (group commit)      └─► Cluster: acks, and frames from the log to every peer
 */
export class Engine {
  readonly identity: Identity
  readonly settings: Settings
  readonly timers: Timers
  readonly random: Random
  readonly logger: Log
  readonly counters = newCounters()
  readonly clock: LocalClock
  readonly log: TransactionLog
  readonly data: DataPlane
  readonly sequencer: Sequencer
  readonly catalog: CatalogPlane
  readonly cluster: Cluster
  readonly writer: LocalWriter
  readonly gate: WriteGate
  readonly scrub: Scrub
  readonly #options: ReplicaOptions
  readonly #events: ReplicaEvents
  readonly #inbox: Inbox
  readonly #indexed: IndexedVector
  readonly #maintenance: Maintenance
  readonly #conflicts: ConflictWriter
  readonly #dueStamps: DueStamps
  readonly #entry: Entry
  readonly #periodic: Periodic
  /** Of the commit under way: it has transactions of others. */
  #hasRemote = false
  #state: 'open' | 'closing' | 'stopped' = 'open'
  #whenStopped: (() => void)[] = []

  /** As `Replica.open`. */
  constructor(options: ReplicaOptions) {
    const { storage, index, timers, random, log: logger, searchable, expects = [], joins = false } = options
    this.#options = options
    this.#events = options.events ?? {}
    this.timers = timers
    this.random = random
    this.logger = logger
    const settings = { ...DEFAULT_SETTINGS, ...options.settings }
    this.settings = settings
    const { identity, ops } = claimIdentity(storage, random, options.region, options.replica)
    this.identity = identity
    const client = clientIdOf(identity.replica, identity.boot)
    const { counters } = this

    const clock = new LocalClock(identity.replica, options.clock, storage, settings.clockGuardMs)
    this.clock = clock
    const log = new TransactionLog(storage, (what) =>
      logger.error({ error_code: 'STORAGE_CORRUPT' }, `damaged log entry ${what}`),
    )
    this.log = log
    this.#indexed = new IndexedVector(log.vector, searchable, () => this.cluster.barriers.changed())
    const data = new DataPlane(storage, index, client, settings, logger, () => clock.horizonMs, searchable)
    this.data = data
    const sequencer = new Sequencer(
      storage,
      timers,
      () => log.vector,
      (applyMs) => this.#committed(applyMs),
      ops,
    )
    this.sequencer = sequencer
    const transactions = new Transactions(identity.replica, client, log, data)
    const catalog = new CatalogPlane(
      storage,
      identity,
      clock,
      sequencer,
      transactions,
      logger,
      () => this.#follow(),
      () => this.cluster.membership.silence,
    )
    this.catalog = catalog
    const inbox = new Inbox(
      identity.replica,
      data,
      catalog,
      log,
      clock,
      sequencer,
      settings,
      counters,
      logger,
      (origin, atMs) => this.#applied(origin, atMs),
      (origin, from, hasRecords) => this.cluster.membership.departures.limitOf(origin, from, hasRecords),
    )
    this.#inbox = inbox
    const shared = { data, catalog, log, clock, sequencer, transactions, timers, settings, counters, logger }
    const cluster = new Cluster({
      ...shared,
      ...{ identity, inbox, random, expects, storage, joins },
      fenced: readFence(storage),
      frames: new FrameSource(log, data, settings.frameCacheBytes),
      copies: options.copies,
      indexed: () => this.#indexed.vector,
    })
    this.cluster = cluster
    this.writer = new LocalWriter(
      identity.replica,
      data,
      clock,
      sequencer,
      transactions,
      settings,
      (records) => {
        counters.writes += records
      },
      () => cluster.membership.silence,
    )
    this.gate = new WriteGate(sequencer, cluster)
    this.scrub = new Scrub(data, settings)
    this.#maintenance = new Maintenance({ ...shared, cluster })
    this.#conflicts = new ConflictWriter(data.conflictRows, sequencer)
    this.#dueStamps = new DueStamps(data, clock, sequencer, () => this.#events.released?.())
    this.#entry = new Entry(identity, catalog, clock, logger, joins)
    this.#periodic = new Periodic(timers)
    this.#start()
  }

  #start(): void {
    const { settings, cluster, sequencer } = this
    this.#follow()
    this.#options.index.sweep?.()
    cluster.repair.checkTails()
    // Even if nothing is written: the name of the directory is told to peers.
    sequencer.push({
      bytes: 0,
      stage: (stage) => {
        this.clock.stage(stage)
      },
      failed: (error) =>
        this.logger.error({ error_code: error.code }, `could not claim the identity: ${error.message}`),
    })
    this.#entry.step()
    this.#periodic.every(settings.heartbeatMs, () => cluster.links.beat())
    this.#periodic.every(settings.maintenanceMs, () => this.#maintain())
    this.#periodic.every(Math.min(settings.heartbeatMs, RELEASE_EVERY_MAX_MS), () => this.#dueStamps.step())
  }

  /** A small step of everything that is done in the background. */
  #maintain(): void {
    const { cluster, data } = this
    this.#entry.step()
    if (cluster.fence.reason === undefined) cluster.membership.step()
    this.scrub.step()
    cluster.repair.step()
    cluster.handOver()
    cluster.antiEntropy.step()
    this.#maintenance.step()
    data.expireConflicts(this.clock.wallMs)
    this.#conflicts.step()
  }

  /** Brings the data in line with the catalog. Views that are built anew show what has become due since. */
  #follow(): void {
    this.data.reconcile(this.catalog)
    this.clock.observe(this.data.newestMs)
  }

  /** For each transaction of another replica that a commit made durable. */
  #applied(origin: ReplicaId, atMs: number): void {
    this.#hasRemote = true
    this.counters.transactions++
    const member = this.catalog.document.members().find((each) => each.replica === origin)
    if (member !== undefined) this.#events.replicated?.(member.region, Math.max(0, this.clock.wallMs - atMs) / 1000)
  }

  /** After every commit, when memory has caught up with the disk. */
  #committed(applyMs: number): void {
    this.#events.indexed?.(applyMs / 1000)
    const hasRemote = this.#hasRemote
    this.#hasRemote = false
    this.cluster.links.advanced(hasRemote)
    this.#conflicts.step()
    this.#indexed.advance(this.log.vector)
  }

  /** Durable here, folded into the views, and found by searches: each covers the next. */
  get vectors(): ReplicaStatus['vectors'] {
    const merged: VersionVector = this.log.vector
    return { acked: merged, merged, indexed: this.#indexed.vector }
  }

  /** Makes durable what was taken, ends links, marks a clean stop. `done` runs once per call. */
  shutDown(done: () => void): void {
    this.#whenStopped.push(done)
    if (this.#state === 'stopped') this.#stopped()
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.gate.shut()
    // No new work from timers or peers, or the queue might never run dry.
    this.#stopTimers()
    this.cluster.barriers.close()
    this.#inbox.close()
    this.sequencer.whenIdle(() => {
      this.cluster.links.close('shutting down')
      if (this.sequencer.failure !== undefined) this.stop()
      else this.#options.storage.commit([markClean(this.identity)], () => this.stop())
    })
  }

  /** Ends at once, as a crash would: nothing more is written, sent or called back. */
  stop(): void {
    this.#state = 'stopped'
    this.gate.shut()
    this.sequencer.stop()
    this.cluster.barriers.stop()
    this.cluster.links.close('stopped')
    this.#stopTimers()
    this.#stopped()
  }

  #stopTimers(): void {
    this.#maintenance.stop()
    this.#periodic.stop()
  }

  #stopped(): void {
    const waiting = this.#whenStopped
    this.#whenStopped = []
    for (const done of waiting) done()
  }
}
