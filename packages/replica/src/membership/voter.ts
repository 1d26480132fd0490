import { type CatalogMutation, outcomeOf, type Proposal } from '@meridian/catalog'
import { StoreError, type VersionVector } from '@meridian/core'
import type { Stage } from '../stage.js'
import { obstacle } from './eligible.js'
import type { Membership } from './membership.js'

/**
 * What this replica says to changes of the membership. It votes by itself for what it may vote for; what must not change while it
 * looks is the catalog alone.
 */
export class Voter {
  #isVoting = false
  /** What was durable here when a vote for a proposal was first thought of, by its id. */
  readonly #frontiers = new Map<string, VersionVector>()

  constructor(readonly membership: Membership) {}

  /** Whether a word of ours is on its way to the disk. */
  get isVoting(): boolean {
    return this.#isVoting
  }

  /** Another configuration is in effect: proposals for it are no more. */
  startOver(): void {
    this.#frontiers.clear()
  }

  /** Every now and then, and cheap when there is nothing to do. */
  step(): void {
    if (this.#isVoting) return
    const next = this.#next()
    if (next === undefined) return
    this.#isVoting = true
    this.membership.parts.catalog.edit(
      (stage) => {
        // Looked at again, from what is durable now: a vote that was right a moment ago need not be.
        const mutation = this.#next(stage)
        if (mutation === undefined) throw new StoreError('OVERLOADED', 'nothing is left to vote for')
        return mutation
      },
      (outcome) => {
        this.#isVoting = false
        if (!outcome.ok && outcome.error.code !== 'OVERLOADED')
          this.membership.parts.logger.warn(
            { error_code: outcome.error.code },
            `could not vote: ${outcome.error.message}`,
          )
      },
    )
  }

  /** What this replica has to say: that it has seen a configuration, before all else; then a vote. */
  #next(stage?: Stage): CatalogMutation | undefined {
    const { clock, log } = this.membership.parts
    const nowMs = clock.wallMs
    const unsaid = this.membership.configuration.steps.find((each) => !this.hasSaid(each))
    if (unsaid !== undefined) return { type: 'sawMember', proposal: unsaid, stamp: clock.next(), nowMs }
    const vote = this.membership.ballot?.next(this.membership.self, (each) => this.#isEligible(each))
    if (vote === undefined || this.membership.standing === 'retired') return undefined
    const { replica, change } = vote
    const held = (stage?.vector ?? log.vector).get(replica) + (replica === this.membership.self ? 1 : 0)
    return {
      type: 'voteMember',
      proposal: vote,
      held: change === 'retire' ? held : undefined,
      stamp: clock.next(),
      nowMs,
    }
  }

  /**
   * Whether this replica has said that it saw a change in effect, or need not. Whoever has a vote on any proposal for the index says
   * it, also one on another that came later: those who vote to force that one may not know of all votes for this one, and wait for
   * the word of each of its voters.
   */
  hasSaid(step: Proposal): boolean {
    const { self, parts } = this.membership
    const ballot = parts.catalog.document.ballot(step.index)
    if (ballot === undefined || ballot.seen.has(self)) return true
    return !outcomeOf(step).includes(self) && !ballot.proposals.some(({ voters }) => voters.includes(self))
  }

  #isEligible(proposal: Proposal): boolean {
    this.#frontiers.set(proposal.id, this.#frontier(proposal))
    return this.obstacle(proposal) === undefined
  }

  /** Why this replica does not vote for a proposal; undefined if it does or did. Asking changes nothing. */
  obstacle(proposal: Proposal): string | undefined {
    const { catalog, log, acked, links, lacksLeftover } = this.membership.parts
    const listed = new Set(catalog.document.members().map(({ replica }) => replica))
    return obstacle(proposal, {
      self: this.membership.self,
      document: catalog.document,
      configuration: this.membership.configuration,
      durable: log.vector,
      acked,
      frontier: (of) => this.#frontier(of),
      lacksLeftover,
      newcomers: links()
        .filter(({ replica, joins }) => !joins && !listed.has(replica))
        .map(({ replica }) => replica),
      nameOf: this.membership.nameOf,
    })
  }

  #frontier({ id }: Proposal): VersionVector {
    return this.#frontiers.get(id) ?? this.membership.parts.log.vector
  }
}
