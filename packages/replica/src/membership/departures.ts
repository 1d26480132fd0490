import type { Proposal } from '@meridian/catalog'
import type { RegionId, ReplicaId, VersionVector } from '@meridian/core'
import type { Membership } from './membership.js'

/** Retirements, proposed and in effect: what is still taken of who leaves, from whom, and who has taken too much. */
export class Departures {
  constructor(readonly membership: Membership) {}

  /**
   * The last transaction of `origin` that is taken over a link with `from`. Who has voted to retire it takes its writes from the
   * other voters alone: whatever these hold, one of them will have said in its vote. Once it is retired nobody takes more than that,
   * but what one that voted on it itself says of the membership afterwards: others may wait for that.
   */
  limitOf(origin: ReplicaId, from: ReplicaId, hasRecords = true): number {
    const departure = this.membership.configuration.departures.get(origin)
    if (departure !== undefined) {
      const hasWord = departure.proposal.voters.includes(origin)
      return hasWord && !hasRecords ? Number.POSITIVE_INFINITY : (departure.frontier ?? Number.POSITIVE_INFINITY)
    }
    const isBarred = this.proposed(origin).some(
      (each) => this.membership.ballot!.hasVoted(this.membership.self, each) && !each.voters.includes(from),
    )
    return isBarred ? 0 : Number.POSITIVE_INFINITY
  }

  /** As `limitOf`, for parts of its state: what the voters have in part beyond the limit was handed to all of them. */
  partLimitOf(origin: ReplicaId, from: ReplicaId): number {
    return this.#isHandedOnBy(origin, from) ? Number.POSITIVE_INFINITY : this.limitOf(origin, from)
  }

  #isHandedOnBy(origin: ReplicaId, from: ReplicaId): boolean {
    const departure = this.membership.configuration.departures.get(origin)
    return (
      departure !== undefined &&
      (departure.proposal.voters.includes(from) || this.membership.configuration.members.includes(from))
    )
  }

  /** Whether a part of the state of `origin` that `from` sends is one that all will have who vote on its retirement. */
  isVouched(origin: ReplicaId, from: ReplicaId): boolean {
    return this.#isHandedOnBy(origin, from) || this.proposed(origin).some(({ voters }) => voters.includes(from))
  }

  /**
   * Whose writes that were given up by force somebody with this vector has who had no vote on it: a joining region that heard
   * of them from the lost one alone. The others may have forgotten what they need.
   */
  surplusOf(
    replica: ReplicaId,
    durable: VersionVector,
    highestOf?: (origin: ReplicaId) => number,
  ): ReplicaId | undefined {
    for (const [origin, { proposal, frontier }] of this.membership.configuration.departures) {
      if (frontier === undefined || proposal.voters.includes(replica) || proposal.voters.includes(origin)) continue
      if (origin === replica) continue
      if (Math.max(durable.get(origin), highestOf?.(origin) ?? 0) > frontier) return origin
    }
    return undefined
  }

  /** What one that must start over for it is told. */
  surplusReason(region: RegionId, origin: ReplicaId): string {
    return `region ${region} took writes of ${this.membership.nameOf(origin)}, which was retired by force, that no voter had: start it with an empty data directory, --join and a fresh --replica-number`
  }

  /** What is asked for and not in effect: retirements of one replica. */
  proposed(origin: ReplicaId): readonly Proposal[] {
    const { ballot } = this.membership
    return ballot?.proposals.filter((each) => each.change === 'retire' && each.replica === origin) ?? []
  }
}
