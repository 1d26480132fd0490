import type { ForgettingOptions } from '@meridian/shard'
import { type Log, type RegionId, type ReplicaId, type Timers, VersionVector } from '@meridian/core'
import type { Counters } from '../api.js'
import type { CatalogPlane } from '../catalog-plane.js'
import type { CollectionState } from '../collection-state.js'
import type { DataPlane } from '../data-plane.js'
import type { Identity } from '../identity.js'
import type { LocalClock } from '../local-clock.js'
import type { Settings } from '../settings.js'
import type { Stage } from '../stage.js'
import type { TransactionLog } from '../transaction-log.js'
import { Blockers } from './blockers.js'
import { type Pledge, Pledges } from './pledge.js'

/** Slots looked at in one step; nearly all are passed over by one flag. */
const LOOKS_MAX = 200_000
/** Ids forgotten, or let go, in one step. */
const STEP_MAX = 4096
/** Ids that wait together to be forgotten, or let go. */
const ROUND_MAX = 16_384

/** What purging needs to know of another active member. */
export interface PurgePeer {
  readonly region: RegionId
  readonly replica: ReplicaId
  readonly acked: VersionVector
  /** Newest last. */
  readonly heardDurable: readonly { readonly atMs: number; readonly durable: VersionVector }[]
}

export interface PurgeParts {
  readonly identity: Identity
  readonly data: DataPlane
  readonly catalog: CatalogPlane
  readonly log: TransactionLog
  readonly clock: LocalClock
  readonly timers: Timers
  readonly settings: Settings
  readonly counters: Counters
  readonly logger: Log
  /** What every active member has durably. */
  stable(): VersionVector
  /** Active members but ourselves, as far as they were heard. */
  members(): readonly PurgePeer[]
  /** Regions that the configuration names as peers and that no member is of yet: what they wrote may be older than anything. */
  missing(): readonly RegionId[]
  /** Our pledge changed and is durable. */
  pledged(pledge: Pledge): void
}

interface Candidate {
  readonly state: CollectionState
  readonly shard: number
  readonly slot: number
  readonly version: string
}

/** Of `letGo`. */
interface Round {
  /** Active members but ourselves when it began. */
  readonly members: readonly ReplicaId[]
  readonly sinceMs: number
  /** What must be held first; unknown before a member was heard. */
  target: VersionVector | undefined
}

/**
 * Forgets deletes for good, and patches that stand alone, without bringing back what they hide.
 *
 *   looking ──some are forgettable──► waiting ──all hold what we held then──► forgetting, if they still are ──► looking
 *
 *  1. Only the owner of the lane that carries an entry decides (`isForgettable`), and cleaning then drops the entry as dead.
 *  2. Other replicas let go of an id when no lane names it any more and they hold all that the active members are known to hold:
 *     only while a region catches up can an id be named by no lane because what is newest of it has yet to come.
 *  3. Nothing is forgotten while a configured region was never heard of, or when a member is behind: it is named.
 */
export class Purge {
  readonly #pledges = new Pledges()
  readonly #blockers: Blockers
  #pledge: Pledge | undefined
  #waiting: { readonly held: VersionVector; readonly candidates: Candidate[] } | undefined
  /** Where the next look goes on. */
  #at = { view: 0, slot: 0 }
  #round: Round | undefined

  constructor(readonly parts: PurgeParts) {
    this.#blockers = new Blockers(parts.timers, parts.logger)
  }

  /** What peers are told; undefined before the first is durable. */
  get pledge(): Pledge | undefined {
    return this.#pledge
  }

  heard(from: ReplicaId, pledge: Pledge): void {
    this.#pledges.heard(from, pledge, this.parts.log.vector)
  }

  /** Active members that have held back forgetting for long, and configured regions that were never heard of. */
  blockers() {
    return this.#blockers.list()
  }

  /**
   * One bounded step, as the last job of a commit. With a wrong clock nothing is promised or decided by stamps; what others have
   * forgotten is let go all the same, or a record that they deleted would show here for as long as the clock is wrong.
   */
  step(stage: Stage, { isClockSound }: { readonly isClockSound: boolean }): void {
    if (isClockSound) this.#renewPledge(stage)
    this.#watch()
    // What a damaged block says of an id is not known: nothing is forgotten before it is.
    if (this.parts.missing().length > 0 || this.parts.data.damage.size > 0) return
    if (isClockSound) this.#forget()
    this.#letGo()
  }

  #renewPledge(stage: Stage): void {
    const { clock, identity } = this.parts
    const ms = clock.settle()
    if (this.#pledge !== undefined && ms <= this.#pledge.ms) return
    const pledge = { seq: stage.vector.get(identity.replica), ms }
    clock.stage(stage)
    stage.durable.push(() => {
      this.#pledge = pledge
      this.parts.pledged(pledge)
    })
  }

  #watch(): void {
    const { data, log } = this.parts
    const tombstones = data.collections.reduce((sum, { tombstoneCount }) => sum + tombstoneCount, 0)
    this.#blockers.step({
      isNeeded: tombstones > 0,
      held: log.vector,
      newestMs: data.newestMs,
      members: this.parts.members().map((member) => ({
        region: member.region,
        replica: member.replica,
        acked: member.acked,
        floorMs: this.#pledges.floorMs(member.replica, log.vector),
      })),
      missing: this.parts.missing(),
    })
  }

  /** All that any member stamped up to here is held. */
  upToMs(): number {
    const { log } = this.parts
    const members = this.parts.members()
    // Of a member that is none any more, everything that an active one has must be here.
    const active = new Set([this.parts.identity.replica, ...members.map(({ replica }) => replica)])
    for (const { acked } of members)
      for (const [origin, seq] of acked.entries()) if (!active.has(origin) && seq > log.vector.get(origin)) return 0
    return Math.min(this.#pledge?.ms ?? 0, ...members.map(({ replica }) => this.#pledges.floorMs(replica, log.vector)))
  }

  /** Whether what we held when something became forgettable is held by all. */
  isHeldByAll(held: VersionVector): boolean {
    return this.parts.stable().dominates(held)
  }

  #forget(): void {
    const options = { mine: this.parts.identity.replica, stable: this.parts.stable(), upToMs: this.upToMs() }
    if (this.#waiting === undefined) {
      const candidates = this.#look(options)
      if (candidates.length > 0) this.#waiting = { held: this.parts.log.vector, candidates }
    }
    if (this.#waiting === undefined || !this.isHeldByAll(this.#waiting.held)) return
    const { candidates } = this.#waiting
    for (const { state, shard, slot, version } of candidates.splice(0, STEP_MAX)) {
      const view = state.views[shard]!
      if (!this.parts.data.isCurrent(state) || !view.isForgettable(slot, options)) continue
      if (view.stateVersion(slot) !== version) continue
      view.forget(slot)
      this.parts.counters.tombstonesPurged++
    }
    if (candidates.length === 0) this.#waiting = undefined
  }

  /** Goes on from where the last look ended, over all views in turn, each at most once. */
  #look(options: ForgettingOptions): Candidate[] {
    const views = this.parts.data.collections.flatMap((state) =>
      state.views.map((view, shard) => ({ state, shard, view })),
    )
    const found: Candidate[] = []
    let looksLeft = LOOKS_MAX
    for (let turn = 0; turn <= views.length; turn++) {
      const next = views[this.#at.view % views.length]
      if (next === undefined) return found
      const { state, shard, view } = next
      for (; this.#at.slot < view.slotCount; this.#at.slot++) {
        if (looksLeft-- === 0 || found.length === STEP_MAX) return found
        if (view.isForgettable(this.#at.slot, options))
          found.push({ state, shard, slot: this.#at.slot, version: view.stateVersion(this.#at.slot) })
      }
      this.#at = { view: (this.#at.view + 1) % views.length, slot: 0 }
    }
    return found
  }

  #letGo(): void {
    const { data, log, timers } = this.parts
    const members = this.parts.members().map(({ replica }) => replica)
    // What one had that has left since may never come: it was given up with it.
    if (this.#round?.members.some((replica) => !members.includes(replica)) === true) this.#round = undefined
    if (this.#round === undefined) {
      if (!data.collections.some(({ looseCount }) => looseCount > 0)) return
      for (const state of data.collections) state.collectLoose(ROUND_MAX)
      this.#round = { members, sinceMs: timers.elapsedMs(), target: undefined }
    }
    this.#round.target ??= this.#heldSince(this.#round.sinceMs)
    if (this.#round.target === undefined || !log.vector.dominates(this.#round.target)) return
    let left = STEP_MAX
    for (const state of data.collections) left -= state.letGo(left)
    if (left > 0) this.#round = undefined
  }

  /** All that active members are known to hold, once one of them was heard after `sinceMs`. */
  #heldSince(sinceMs: number): VersionVector | undefined {
    const members = this.parts.members()
    if (members.length > 0 && !members.some((each) => each.heardDurable.some(({ atMs }) => atMs >= sinceMs)))
      return undefined
    return members.reduce((all, { acked }) => all.join(acked), VersionVector.ZERO)
  }
}
