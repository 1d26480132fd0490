import type { ReplicaId } from '@meridian/core'
import type { CatalogState } from '../state.js'
import { outcomeOf, type Proposal, sorted } from './proposal.js'

/** How a replica was retired. */
export interface Departure {
  readonly proposal: Proposal
  /** As of `Ballot.frontierOf`. */
  readonly frontier: number | undefined
}

/** The active members, as one replica sees them now. Two neighbours differ by one member. */
export interface Configuration {
  /** 0: the founders, as far as they are known. */
  readonly index: number
  /** Sorted. */
  readonly members: readonly ReplicaId[]
  /** Who was retired, and by which configuration. For ever: a replica number is not used again. */
  readonly retired: ReadonlyMap<ReplicaId, number>
  /** Of those whom a proposal retired, by replica. */
  readonly departures: ReadonlyMap<ReplicaId, Departure>
  /** What led to it, from the founders on; the last is that of `index`. */
  readonly steps: readonly Proposal[]
}

/** Follows the decisions from the founders on. Causal order of the catalog brings a decision before what was proposed on it. */
export const configurationOf = (state: CatalogState, self: ReplicaId): Configuration => {
  const { members, ballots } = state
  const founders = [...members.values()].filter(({ status }) => status === 'active').map(({ replica }) => replica)
  const retired = new Map<ReplicaId, number>()
  for (const { replica, status } of members.values()) if (status === 'retired') retired.set(replica, 0)
  const departures = new Map<ReplicaId, Departure>()
  const steps: Proposal[] = []
  let current: Configuration = { index: 0, members: sorted(founders), retired, departures, steps }
  for (;;) {
    const ballot = ballots.get(current.index + 1)
    const proposal = ballot?.decided(self)
    if (ballot === undefined || proposal === undefined) return current
    if (proposal.change === 'retire') {
      retired.set(proposal.replica, proposal.index)
      departures.set(proposal.replica, { proposal, frontier: ballot.frontierOf(proposal) })
    }
    steps.push(proposal)
    current = { index: proposal.index, members: outcomeOf(proposal), retired, departures, steps }
  }
}
