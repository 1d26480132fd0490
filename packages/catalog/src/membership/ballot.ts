import type { ReplicaId } from '@meridian/core'
import { byPrecedence, type Proposal } from './proposal.js'

/**
 * Everything that was proposed and voted for one index. Votes are only ever added: a replica may vote for several proposals, each
 * of higher precedence than the one before.
 *
 *  1. A proposal takes effect for whoever sees the votes of all its voters. Any two unforced proposals of one index have a
 *     voter in common.
 *  2. A voter leaves P for a higher Q only when P cannot have taken effect and never will: somebody whose vote P needs has
 *     voted higher. The first who left P so never voted for P, by induction, and votes never go down.
 *  3. Or by force: when P lacks, in the voter's eyes, only votes of those whom Q says to be lost. From then on it disregards
 *     the lost ones' votes for P, unless another voter of Q says that it has seen P take effect: that one will never vote for Q.
 */
export class Ballot {
  /** Highest precedence first. */
  readonly proposals: readonly Proposal[]

  constructor(
    readonly index: number,
    proposals: Iterable<Proposal>,
    /** Ids of the proposals that a replica has voted for. */
    readonly votes: ReadonlyMap<ReplicaId, ReadonlySet<string>>,
    /** The id of the proposal that a replica says to have seen in effect. */
    readonly seen: ReadonlyMap<ReplicaId, string>,
    /** By id of a proposal to retire somebody: up to which of its transactions each voter held when it voted. */
    readonly held: ReadonlyMap<string, ReadonlyMap<ReplicaId, number>> = new Map(),
  ) {
    this.proposals = [...proposals].sort(byPrecedence)
  }

  hasVoted(voter: ReplicaId, { id }: Proposal): boolean {
    return this.votes.get(voter)?.has(id) === true
  }

  missing(proposal: Proposal): readonly ReplicaId[] {
    return proposal.voters.filter((voter) => !this.hasVoted(voter, proposal))
  }

  isComplete(proposal: Proposal): boolean {
    return this.missing(proposal).length === 0
  }

  /**
   * The last transaction with records of the one to be retired that anybody takes once the proposal is in effect: no voter holds
   * a later one, for after its vote each takes them from other voters alone, and with its own vote it stops writing.
   * `undefined` where a vote is missing or says nothing of it.
   */
  frontierOf(proposal: Proposal): number | undefined {
    const { id, voters } = proposal
    const said = voters.map((voter) => this.held.get(id)?.get(voter))
    if (said.some((seq) => seq === undefined)) return undefined
    return Math.max(...said.map((seq) => seq!))
  }

  /** The proposal in effect as `self` sees it. */
  decided(self: ReplicaId): Proposal | undefined {
    const forced = this.proposals.find((each) => each.lost.length > 0 && this.hasVoted(self, each))
    return this.proposals.find(
      (each) => this.isComplete(each) && (forced === undefined || !this.#isDisregarded(each, forced)),
    )
  }

  #isDisregarded(proposal: Proposal, forced: Proposal): boolean {
    if (byPrecedence(proposal, forced) <= 0 || !proposal.voters.some((each) => forced.lost.includes(each))) return false
    return !forced.voters.some((each) => this.seen.get(each) === proposal.id)
  }

  /** The highest proposal that `voter` has voted for. */
  currentOf(voter: ReplicaId): Proposal | undefined {
    return this.proposals.find((each) => this.hasVoted(voter, each))
  }

  /** What `self` is to vote for now, if for anything. */
  next(self: ReplicaId, isEligible: (proposal: Proposal) => boolean): Proposal | undefined {
    const current = this.currentOf(self)
    for (const each of this.proposals) {
      if (current !== undefined && byPrecedence(each, current) >= 0) return undefined
      if (!each.voters.includes(self) || !isEligible(each)) continue
      if (current === undefined || this.mayMove(current, each)) return each
    }
    return undefined
  }

  mayMove(from: Proposal, to: Proposal): boolean {
    const hasLeft = from.voters.some((voter) => {
      const vote = this.currentOf(voter)
      return vote !== undefined && byPrecedence(vote, from) < 0
    })
    if (hasLeft) return true
    if (!from.voters.some((voter) => to.lost.includes(voter) && !this.hasVoted(voter, from))) return false
    // The one to be added may have seen the votes of the lost ones: it must have its say.
    return from.change !== 'add' || to.lost.includes(from.replica) || to.voters.includes(from.replica)
  }
}
