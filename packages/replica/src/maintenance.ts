import type { CollectionUid, Log, Timers } from '@meridian/core'
import type { Counters } from './api.js'
import { PRESSING, restMs } from './cleaning-pace.js'
import type { CatalogPlane } from './catalog-plane.js'
import type { Cluster } from './cluster.js'
import type { DataPlane } from './data-plane.js'
import type { LocalClock } from './local-clock.js'
import { readable } from './repair/readable.js'
import type { Sequencer } from './sequencer.js'
import type { Settings } from './settings.js'
import type { Stage } from './stage.js'
import type { TransactionLog } from './transaction-log.js'
import type { Transactions } from './transactions.js'

/** Log entries forgotten in one step. */
const TRIM_MAX = 1000

export interface MaintenanceParts {
  readonly data: DataPlane
  readonly catalog: CatalogPlane
  readonly cluster: Cluster
  readonly log: TransactionLog
  readonly clock: LocalClock
  readonly sequencer: Sequencer
  readonly transactions: Transactions
  readonly timers: Timers
  readonly settings: Settings
  readonly counters: Counters
  readonly logger: Log
}

/** Small steps in the background: cleaning of own lanes, forgetting of old log entries and of dropped collections. */
export class Maintenance {
  #isQueued = false
  #isCleaning = false
  #isStopped = false
  #timer: Disposable | undefined
  /** The shard whose lane is looked at first: each has its turn. */
  #cleaned = 0

  constructor(readonly parts: MaintenanceParts) {}

  /** Queues one step of each kind of work that is due. */
  step(): void {
    const { sequencer } = this.parts
    if (this.#isQueued) return
    this.#isQueued = true
    sequencer.push({
      bytes: 0,
      isLast: true,
      stage: (stage) => {
        this.#isQueued = false
        this.#forget(stage)
        this.#trim(stage)
        this.#purge(stage)
        this.parts.data.cleanHeld(stage)
      },
      failed: () => {
        this.#isQueued = false
      },
    })
    this.#cleanLater(0)
  }

  /** Begins nothing more. */
  stop(): void {
    this.#isStopped = true
    this.#timer?.[Symbol.dispose]()
  }

  /** One plan of cleaning at a time, with a rest after each that depends on how much is left to do. */
  #cleanLater(waitMs: number): void {
    if (this.#isCleaning || this.#isStopped) return
    this.#isCleaning = true
    const { sequencer, timers } = this.parts
    this.#timer = timers.after(waitMs, () =>
      sequencer.push({
        bytes: 0,
        isLast: true,
        stage: (stage) => {
          const startedAt = timers.elapsedMs()
          const debt = this.#clean(stage)
          stage.durable.push(() => {
            this.#isCleaning = false
            const rest = debt === undefined ? undefined : restMs(debt, timers.elapsedMs() - startedAt)
            // Otherwise the next step of maintenance looks again.
            if (rest !== undefined) this.#cleanLater(rest)
          })
        },
        failed: () => {
          this.#isCleaning = false
        },
      }),
    )
  }

  /** Deletes that hide nothing any more are forgotten. */
  #forget(stage: Stage): void {
    const { cluster } = this.parts
    if (cluster.fence.reason === undefined)
      cluster.purge.step(stage, { isClockSound: cluster.clockGuard.fault === undefined })
  }

  /**
   * Re-appends the survivors of mostly dead blocks of our lanes, with their old stamps, and removes the blocks. Only what
   * every active member has durably is touched, so no peer that follows the log can miss what a removed block held.
   * Returns the debt, before, of the lane that has most; `undefined` when nothing was done.
   */
  #clean(stage: Stage): number | undefined {
    const { data, cluster, clock, transactions, settings, counters } = this.parts
    // With a wrong clock, stamps that are still in the future for others already win here.
    if (cluster.fence.reason !== undefined || cluster.clockGuard.fault !== undefined) return undefined
    if (cluster.membership.silence !== undefined) return undefined
    const stable = cluster.stable()
    const { amplificationMax } = settings
    const mine = cluster.identity.replica
    const lanes = data.collections.flatMap((state) =>
      state.uids.flatMap((uid, doc) => state.views.map((view, shard) => ({ uid, doc, view, shard }))),
    )
    const debt = lanes.reduce(
      (most, { view, doc }) => Math.max(most, view.cleaningDebt({ mine, doc, amplificationMax })),
      0,
    )
    // What is moved goes to every peer once more: not while one is still being sent what it missed, unless it cannot wait.
    if (debt < PRESSING && cluster.isCatchingUp) return undefined
    for (let looked = 0; looked < lanes.length; looked++) {
      const { uid, doc, view, shard } = lanes[++this.#cleaned % lanes.length]!
      // A view with a hole would take for needed, or for over, what the missing block decides.
      if (data.damage.isIn(uid, shard)) continue
      // No plan either where a block that it needs is damaged.
      const plan = readable(() => view.cleaningPlan({ mine, stable, doc, amplificationMax }))?.value
      if (plan === undefined) continue
      const store = data.store(uid, shard)!
      const removed = plan.drop.map(({ client, clock: at }) => ({ client, clock: at, length: 1 }))
      transactions.stage(stage, clock.wallMs, [{ store, entries: plan.moved, moved: true, removed }])
      counters.blocksCleaned += removed.length
      return debt
    }
    return undefined
  }

  #trim(stage: Stage): void {
    const { log, settings } = this.parts
    for (const [origin, seq] of log.vector.entries())
      if (seq > settings.logRetentionEntries)
        stage.ops.push(...log.trimOps(origin, seq - settings.logRetentionEntries, TRIM_MAX))
  }

  /** A dropped collection's documents go once every active member knows of the drop. */
  #purge(stage: Stage): void {
    const { catalog, data, cluster, log } = this.parts
    const dropped = catalog.incarnations().filter(({ isDropped }) => isDropped)
    for (const { uid } of dropped) {
      const at = this.#droppedAt.get(uid) ?? log.vector
      this.#droppedAt.set(uid, at)
      if (!cluster.stable().dominates(at)) continue
      this.#droppedAt.delete(uid)
      data.purge(stage, uid)
      catalog.stagePurged(stage, uid)
      stage.durable.push(() => cluster.frames.clear())
      return
    }
  }

  /** What we held when we first saw the drop: whoever holds that has seen the drop too. */
  readonly #droppedAt = new Map<CollectionUid, ReturnType<Cluster['stable']>>()
}
