import { type Catalog, type Configuration, type Proposal, sorted } from '@meridian/catalog'
import { type ReplicaId, VersionVector } from '@meridian/core'

/** What a voter knows of the others. */
export interface Knowledge {
  readonly self: ReplicaId
  readonly document: Catalog
  readonly configuration: Configuration
  /** Durable here. */
  readonly durable: VersionVector
  /** Durable there, as last acknowledged; undefined if never heard since our start. */
  acked(replica: ReplicaId): VersionVector | undefined
  /** What we held when we first saw the proposal. */
  frontier(proposal: Proposal): VersionVector
  /** Whether a replica has not taken what is here of `origin` beyond the vector: a part of a state that came to no end. */
  lacksLeftover(replica: ReplicaId, origin: ReplicaId): boolean
  /** Founders that are linked and that the catalog does not name yet. */
  readonly newcomers: readonly ReplicaId[]
  nameOf(replica: ReplicaId): string
}

/**
 * What keeps this replica from voting for a proposal; undefined when nothing does.
 *
 *  1. The base is the configuration as it is here; of founders, all that are known here.
 *  2. Who is added holds what we held when we first saw the proposal: so what a quorum of the old configuration has, a quorum
 *     of the new one has. It has also taken what is here of retired ones in part: no vector tells of that, and it may be all that
 *     is left when the next ones go.
 *  3. For a retirement all that stay hold it: a later one may take away the next of those who had it. In either case also
 *     all that we hold of those who were retired before.
 *  4. Who is retired has voted, and so uses the configuration as it is here and writes no more, and we hold all that it wrote.
 *     Not when it is said to be lost.
 *  5. All that stay, and those that vote, have what is here of the retired one in part. Nobody brings it later: what it would
 *     have hidden may be forgotten by then.
 */
export const obstacle = (proposal: Proposal, known: Knowledge): string | undefined => {
  const { self, document, configuration, durable, nameOf } = known
  const { change, replica, base, voters, lost } = proposal
  const isSameBase =
    configuration.index === 0
      ? [...configuration.members, ...known.newcomers].every((each) => base.includes(each))
      : base.length === configuration.members.length && base.every((each) => configuration.members.includes(each))
  if (!isSameBase) return 'it was made before all members were known: propose again'
  if (configuration.retired.has(replica)) return `${nameOf(replica)} is retired already`
  // What others left behind comes from nobody else once this one is gone.
  const bequeathed = durable.entries().filter(([origin]) => configuration.retired.has(origin))
  const frontier = known.frontier(proposal).join(VersionVector.of(bequeathed))
  const lacks = (each: ReplicaId): boolean => {
    if (each === self) return false
    return !(known.acked(each) ?? VersionVector.ZERO).dominates(frontier)
  }
  if (change === 'add') {
    const member = document.members().find((each) => each.replica === replica)
    if (member === undefined) return `${nameOf(replica)} has not announced itself: start it with --join`
    if (lacks(replica)) return `${nameOf(replica)} has not caught up yet`
    const untaken = sorted(configuration.retired.keys()).find((each) => known.lacksLeftover(replica, each))
    return untaken === undefined ? undefined : notTaken(replica, untaken, nameOf)
  }
  const behind = voters.find((each) => each !== replica && lacks(each))
  if (behind !== undefined) return `${nameOf(behind)} has not caught up yet`
  const unequal = sorted([...voters, ...base]).find(
    (each) => each !== self && each !== replica && !lost.includes(each) && known.lacksLeftover(each, replica),
  )
  if (unequal !== undefined) return notTaken(unequal, replica, nameOf)
  if (lost.includes(replica) || replica === self) return undefined
  if (!voters.includes(replica)) return `it was made without the vote of ${nameOf(replica)}: propose again`
  const ballot = document.ballot(proposal.index)
  const last = ballot?.held.get(proposal.id)?.get(replica)
  // Votes are never cast twice, so it will not say it later either.
  if (last === undefined && ballot?.hasVoted(replica, proposal))
    return `${nameOf(replica)} has voted under an earlier version, which did not say what it had written: stop it, then retire it with --force`
  if (last === undefined) return `${nameOf(replica)} has not voted and may still write: wait for it, or force`
  const missing = last - durable.get(replica)
  return missing > 0 ? `${missing} writes of ${nameOf(replica)} have not come yet: wait for them` : undefined
}

const notTaken = (who: ReplicaId, origin: ReplicaId, nameOf: Knowledge['nameOf']): string =>
  `${nameOf(who)} has not taken what is here of ${nameOf(origin)} in part`
