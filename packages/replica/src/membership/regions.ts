import type { Proposal } from '@meridian/catalog'
import { type ReplicaId, StoreError } from '@meridian/core'
import type { Done } from '../api.js'
import type { Membership, RegionMember } from './membership.js'
import { draftProposal, type MemberChange, memberNamed, type RetireOptions, sameProposal } from './propose.js'

/** A change that is asked for and not in effect yet. */
export interface PendingChange {
  readonly id: string
  readonly index: number
  readonly change: 'add' | 'retire'
  readonly region: string
  readonly replica: ReplicaId
  readonly forced: boolean
  /** Who asked for it. */
  readonly by: string
  readonly voted: readonly string[]
  readonly missing: readonly string[]
  /** What keeps this region from voting for it, and by force whose vote will not come unless somebody acts. */
  readonly obstacle: string | undefined
}

export interface RegionsStatus {
  /** Index of the configuration in effect here; 0 is the founders'. */
  readonly configuration: number
  readonly members: readonly RegionMember[]
  readonly pending: readonly PendingChange[]
}

/** How a change stands right after it was asked for. */
export interface ChangeAnswer {
  readonly state: 'in effect' | 'pending'
  readonly region: string
  readonly replica: ReplicaId
}

/** Membership as operators see it, and what they may ask for. */
export class Regions {
  constructor(
    readonly membership: Membership,
    /** A live link with that replica exists. */
    readonly isLinked: (replica: ReplicaId) => boolean,
  ) {}

  status(): RegionsStatus {
    const { membership } = this
    return {
      configuration: membership.configuration.index,
      members: membership.all(),
      pending: (membership.ballot?.proposals ?? []).map((each) => this.#pending(each)),
    }
  }

  #pending(proposal: Proposal): PendingChange {
    const { membership } = this
    const ballot = membership.ballot!
    const { id, index, change, replica, lost, voters, stamp } = proposal
    const missing = ballot.missing(proposal)
    return {
      id,
      index,
      change,
      region: this.#regionOf(replica),
      replica,
      forced: lost.length > 0,
      by: this.#regionOf(stamp.writer),
      voted: voters.filter((each) => !missing.includes(each)).map((each) => this.#regionOf(each)),
      missing: missing.map((each) => this.#regionOf(each)),
      obstacle: this.#obstacle(proposal, missing),
    }
  }

  #obstacle(proposal: Proposal, missing: readonly ReplicaId[]): string | undefined {
    const { membership } = this
    const own = missing.includes(membership.self) ? membership.voter.obstacle(proposal) : undefined
    const away =
      proposal.lost.length === 0 ? [] : missing.filter((each) => each !== membership.self && !this.isLinked(each))
    // Two that are gone have a vote each on the other: without this word both would be asked for, and wait for ever.
    const awaited = away.map(
      (each) =>
        `${membership.nameOf(each)} has a vote and is not linked here: bring it back, or if it will never act again ask once more and name it with lost`,
    )
    const all = [...(own === undefined ? [] : [own]), ...awaited]
    return all.length === 0 ? undefined : all.join('; ')
  }

  #regionOf(replica: ReplicaId): string {
    return this.membership.all().find((each) => each.replica === replica)?.region ?? `replica ${replica}`
  }

  /** @throws StoreError `NOT_READY` here, and as `memberNamed`. */
  add(region: string, replica: number | undefined, done: Done<ChangeAnswer>): void {
    const { membership } = this
    this.#checkActive()
    const member = memberNamed(membership.all(), 'add', region, replica)
    if (member.status === 'active') this.#answer(member, 'in effect', done)
    else this.#propose({ change: 'add', replica: member.replica }, member, done)
  }

  /**
   * @throws StoreError `NOT_READY` here, `WRONG_INPUT` for force against a region that is there and for a number in `lost` that
   * nobody has, and as `memberNamed`.
   */
  retire(region: string, replica: number | undefined, options: RetireOptions, done: Done<ChangeAnswer>): void {
    const { membership } = this
    this.#checkActive()
    const member = memberNamed(membership.all(), 'retire', region, replica)
    for (const each of options.lost ?? []) this.#checkKnown(each)
    const alive = [member.replica, ...(options.lost ?? [])].find(
      (each) => each === membership.self || this.isLinked(each),
    )
    if (options.force === true && alive !== undefined && member.status !== 'retired')
      throw new StoreError(
        'WRONG_INPUT',
        `${membership.nameOf(alive)} is there, and force is for regions that will never act again: retire it without force, or stop it for good first`,
      )
    if (member.status === 'retired') this.#answer(member, 'in effect', done)
    else this.#propose({ change: 'retire', replica: member.replica, ...options }, member, done)
  }

  #checkActive(): void {
    const { membership } = this
    if (membership.standing === 'active') return
    throw new StoreError('NOT_READY', `this region is ${membership.standing}: ask an active region`)
  }

  /** A mistyped number would leave the one that was meant with its vote, and the change waiting for it. */
  #checkKnown(lost: ReplicaId): void {
    const members = this.membership.all()
    if (members.some(({ replica }) => replica === lost)) return
    const known = members.map(({ replica, region }) => `${replica} (${region})`)
    throw new StoreError(
      'WRONG_INPUT',
      `lost: no region has the replica number ${lost}; those of this cluster are ${known.join(', ')}`,
    )
  }

  #answer({ region, replica }: RegionMember, state: ChangeAnswer['state'], done: Done<ChangeAnswer>): void {
    done({ ok: true, value: { state, region, replica } })
  }

  #propose(asked: MemberChange, member: RegionMember, done: Done<ChangeAnswer>): void {
    const { membership } = this
    const { catalog, clock } = membership.parts
    const draft = () =>
      draftProposal(asked, membership.configuration, membership.ballot, clock.next(), membership.joining())
    if (sameProposal(membership.ballot, draft()) !== undefined) {
      this.#answer(member, 'pending', done)
      return
    }
    catalog.edit(
      () => ({ type: 'proposeMember', proposal: draft(), nowMs: clock.wallMs }),
      (outcome) => {
        if (!outcome.ok) done(outcome)
        else {
          membership.step()
          this.#answer(member, 'pending', done)
        }
      },
    )
  }
}
