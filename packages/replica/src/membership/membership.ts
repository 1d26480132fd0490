import type { Ballot, Configuration } from '@meridian/catalog'
import { type Log, type RegionId, type ReplicaId, type Storage, StoreError, type VersionVector } from '@meridian/core'
import type { Member } from '../barriers/barriers.js'
import type { CatalogPlane } from '../catalog-plane.js'
import type { DataPlane } from '../data-plane.js'
import type { Identity } from '../identity.js'
import type { LocalClock } from '../local-clock.js'
import type { Sequencer } from '../sequencer.js'
import type { TransactionLog } from '../transaction-log.js'
import type { Leftovers } from '../leftovers.js'
import { Bootstrap, type BootstrapProgress } from './bootstrap.js'
import { Departures } from './departures.js'
import { Voter } from './voter.js'

export type Standing = 'joining' | 'active' | 'retired'

export interface MembershipParts {
  readonly identity: Identity
  readonly storage: Storage
  readonly catalog: CatalogPlane
  readonly data: DataPlane
  readonly log: TransactionLog
  readonly clock: LocalClock
  readonly sequencer: Sequencer
  readonly logger: Log
  /** Whether a data directory that is new joins an existing cluster instead of founding one. */
  readonly joins: boolean
  readonly leftovers: Leftovers
  acked(replica: ReplicaId): VersionVector | undefined
  /** Whether a replica has not taken what is here of `origin` beyond the vector. */
  lacksLeftover(replica: ReplicaId, origin: ReplicaId): boolean
  /** Live links, with what their hello said. */
  links(): readonly { readonly replica: ReplicaId; readonly joins: boolean }[]
  /** This replica was retired: it never writes again. */
  fence(reason: string): void
  /** The configuration changed: links with who was retired end. */
  changed(): void
}

/** A member as the configuration in effect here sees it. */
export interface RegionMember extends Member {
  readonly storeId: string
  readonly status: Standing
  readonly sinceMs: number
}

/** Who counts, by the catalog alone. What is taken of who leaves is in `Departures`, what this replica says to it in `Voter`. */
export class Membership {
  readonly bootstrap: Bootstrap
  readonly departures: Departures
  readonly voter: Voter
  #configuration: Configuration | undefined
  #version = 0
  #index = 0
  /** By a peer that refused us. */
  #toldSurplus: string | undefined

  constructor(readonly parts: MembershipParts) {
    this.bootstrap = new Bootstrap(parts.storage)
    this.departures = new Departures(this)
    this.voter = new Voter(this)
    this.#index = this.configuration.index
  }

  get self(): ReplicaId {
    return this.parts.identity.replica
  }

  /** In effect here. */
  get configuration(): Configuration {
    const { document } = this.parts.catalog
    if (this.#configuration === undefined || this.#version !== document.version) {
      this.#configuration = document.configuration(this.self)
      this.#version = document.version
    }
    return this.#configuration
  }

  /** Whether this replica is no founder: as its own entry says, or as it was started. */
  get joins(): boolean {
    const own = this.parts.catalog.document.members().find(({ replica }) => replica === this.self)
    return own === undefined ? this.parts.joins : own.status === 'joining'
  }

  get standing(): Standing {
    const { retired, members, index } = this.configuration
    if (retired.has(this.self)) return 'retired'
    if (members.includes(this.self)) return 'active'
    return this.joins || index > 0 ? 'joining' : 'active'
  }

  /** Whether reads and writes are served; the reason if not. */
  get unready(): StoreError | undefined {
    if (this.standing !== 'joining' || this.bootstrap.isDone) return undefined
    const { identity, log, data } = this.parts
    return this.bootstrap.reason(identity.region, log.vector, data.blockBytes)
  }

  get progress(): BootstrapProgress | undefined {
    if (this.standing !== 'joining') return undefined
    return this.bootstrap.progress(this.parts.log.vector, this.parts.data.blockBytes)
  }

  statusOf(replica: ReplicaId): Standing {
    const { retired, members } = this.configuration
    return retired.has(replica) ? 'retired' : members.includes(replica) ? 'active' : 'joining'
  }

  /** All that the catalog names, by number. */
  all(): readonly RegionMember[] {
    return this.parts.catalog.document.members().map(({ replica, region, storeId, sinceMs }) => ({
      replica,
      region,
      storeId,
      status: this.statusOf(replica),
      sinceMs,
    }))
  }

  /** The configuration in effect here, for counting; this replica always, though it may not be in it (yet). */
  counted(): readonly Member[] {
    const { replica, region } = this.parts.identity
    const active = this.all().filter(({ status }) => status === 'active')
    return active.some((member) => member.replica === replica) ? active : [{ replica, region }, ...active]
  }

  /** Those that what may be forgotten has to wait for: joining ones too. */
  remembering(): readonly Member[] {
    return this.all().filter(({ status }) => status !== 'retired')
  }

  /** Those who have announced themselves and are not added yet. */
  joining(): readonly ReplicaId[] {
    return this.all().flatMap(({ replica, status }) => (status === 'joining' ? [replica] : []))
  }

  /** Whether a replica was retired, or is asked to be. */
  isLeaving(replica: ReplicaId): boolean {
    if (this.configuration.retired.has(replica)) return true
    return this.ballot?.proposals.some((each) => each.change === 'retire' && each.replica === replica) === true
  }

  nameOf = (replica: ReplicaId): string => {
    const region = this.parts.catalog.document.members().find((each) => each.replica === replica)?.region
    return region === undefined ? `replica ${replica}` : `region ${region} (replica ${replica})`
  }

  /** What is proposed for the next configuration. */
  get ballot(): Ballot | undefined {
    return this.parts.catalog.document.ballot(this.configuration.index + 1)
  }

  /**
   * Why a peer may not link, if it may not. Founders are taken in until the first vote: from then on who counts is decided by
   * votes, and an unknown region that counts itself would be a second cluster. One that is joining does not say `RETIRED`, which is
   * for good: of two changes for one index it may see the one that is given up until it hears of the other's votes.
   */
  refusal(replica: ReplicaId, region: RegionId, joins: boolean): { code: string; refusal: string } | undefined {
    const isRetired = this.configuration.retired.has(replica)
    if (isRetired && this.standing === 'joining')
      return {
        code: 'LEAVING',
        refusal: `region ${region} (replica ${replica}) is retired as far as is known here: a member will say`,
      }
    if (isRetired)
      return {
        code: 'RETIRED',
        refusal: `region ${region} (replica ${replica}) was retired: start it with an empty data directory, --join and a fresh --replica-number`,
      }
    const isListed = this.parts.catalog.document.members().some((each) => each.replica === replica)
    const hasVoted = this.ballot?.currentOf(this.self) !== undefined
    if (joins || isListed || (this.configuration.index === 0 && !hasVoted && !this.voter.isVoting)) return undefined
    return {
      code: 'NOT_A_MEMBER',
      refusal: `region ${region} is no member, and this cluster's membership has changed since it was founded: start it with an empty data directory and --join`,
    }
  }

  /** What a replica that must start over is told by others. */
  refused(code: string, reason: string): void {
    if (code === 'SURPLUS') this.#toldSurplus ??= reason
    if (code === 'RETIRED' || code === 'SURPLUS') this.parts.fence(reason)
  }

  /** Why this replica must start over though nobody retired it. */
  get cutOff(): string | undefined {
    const { log, leftovers } = this.parts
    if (this.#toldSurplus !== undefined || this.configuration.departures.size === 0) return this.#toldSurplus
    const origin = this.departures.surplusOf(this.self, log.vector, (of) => leftovers.unvouched(of))
    return origin === undefined ? undefined : this.departures.surplusReason(this.parts.identity.region, origin)
  }

  /** Why writes are refused: a pending retirement of this replica has votes, and waits for its last writes to be everywhere. */
  get leaving(): string | undefined {
    const { ballot } = this
    if (ballot === undefined || this.standing === 'retired') return undefined
    const leaves = this.departures.proposed(this.self).some((each) => ballot.missing(each).length < each.voters.length)
    return leaves ? `region ${this.parts.identity.region} is being retired: write to another region` : undefined
  }

  /**
   * Why this replica makes no transaction any more: it has voted for its own retirement, which says that there will be none but
   * its words on the membership. For as long as that may come into effect.
   */
  get silence(): StoreError | undefined {
    const { region } = this.parts.identity
    if (this.standing === 'retired') return new StoreError('IDENTITY_CONFLICT', `region ${region} was retired`)
    const hasVoted = this.departures.proposed(this.self).some((each) => this.ballot!.hasVoted(this.self, each))
    return hasVoted
      ? new StoreError('NOT_READY', `region ${region} is being retired: write to another region`)
      : undefined
  }

  /** Every now and then, and cheap when there is nothing to do. */
  step(): void {
    this.#notice()
    if (this.bootstrap.isDue(this.parts.log.vector)) this.#bootstrapped()
    this.voter.step()
  }

  /** Another configuration is in effect. */
  #notice(): void {
    const { index, retired, steps } = this.configuration
    const proposal = steps.at(-1)
    if (index !== this.#index) {
      this.#index = index
      this.voter.startOver()
      this.parts.logger.info(
        { index },
        `configuration ${index} is in effect: ${proposal?.change} ${proposal === undefined ? '' : this.nameOf(proposal.replica)}`,
      )
      this.parts.changed()
    }
    const { cutOff } = this
    if (cutOff !== undefined) this.parts.fence(cutOff)
    // Its own word on the configuration comes first: others may wait for it.
    if (retired.has(this.self) && !this.voter.isVoting && steps.every((each) => this.voter.hasSaid(each)))
      this.parts.fence(
        `this replica was retired by configuration ${retired.get(this.self)}: start with an empty data directory, --join and a fresh --replica-number`,
      )
  }

  #bootstrapped(): void {
    this.parts.sequencer.push({ bytes: 0, stage: (stage) => this.bootstrap.stage(stage), failed() {} })
  }
}
