import { type Ballot, type Configuration, type Proposal, sorted } from '@meridian/catalog'
import { type ReplicaId, type Stamp, StoreError } from '@meridian/core'
import type { RegionMember } from './membership.js'

export interface RetireOptions {
  /** The region will not act again: its vote and its acknowledgements are done without. */
  readonly force?: boolean
  /** More regions that will not act again; their numbers. Only by force. */
  readonly lost?: readonly ReplicaId[]
}

/** What an operator asks for. */
export type MemberChange =
  | { readonly change: 'add'; readonly replica: ReplicaId }
  | ({ readonly change: 'retire'; readonly replica: ReplicaId } & RetireOptions)

/**
 * The proposal for a change, as things are. Who retires by force a member whose vote a pending addition may have got needs the
 * word of the one to be added: it may have seen that vote. Those who are joining have a say too: a part of the lost one's state may
 * be theirs alone, and has to reach all before what it would have hidden is forgotten.
 * @throws StoreError `WRONG_INPUT` with what to do instead.
 */
export const draftProposal = (
  asked: MemberChange,
  configuration: Configuration,
  ballot: Ballot | undefined,
  stamp: Stamp,
  joining: readonly ReplicaId[] = [],
): Omit<Proposal, 'id'> => {
  const { members: base } = configuration
  const index = configuration.index + 1
  const { change, replica } = asked
  if (change === 'add') return { index, stamp, change, replica, base, voters: base, lost: [] }
  const others = base.filter((each) => each !== replica)
  if (others.length === 0) throw new StoreError('WRONG_INPUT', 'the only active region cannot be retired')
  // With its own vote it writes no more, and so the others can know that they have all of it.
  if (asked.force !== true) return { index, stamp, change, replica, base, voters: sorted([...base, replica]), lost: [] }
  const lost = sorted([replica, ...(asked.lost ?? [])])
  const consulted = (ballot?.proposals ?? []).filter(
    (each) => each.change === 'add' && ballot!.missing(each).length < each.voters.length,
  )
  const voters = sorted([...base, ...joining, ...consulted.map((each) => each.replica)]).filter(
    (each) => !lost.includes(each),
  )
  if (!base.some((each) => voters.includes(each)))
    throw new StoreError('WRONG_INPUT', 'lost names every active region: at least one must be left to vote')
  return { index, stamp, change, replica, base, voters, lost }
}

/** A pending proposal that says the same, so that asking twice is asking once. */
export const sameProposal = (ballot: Ballot | undefined, wanted: Omit<Proposal, 'id'>): Proposal | undefined =>
  ballot?.proposals.find(
    (each) =>
      each.change === wanted.change &&
      each.replica === wanted.replica &&
      `${each.base}/${each.voters}/${each.lost}` === `${wanted.base}/${wanted.voters}/${wanted.lost}`,
  )

/**
 * The member that an operator means: by region name, and by number where the name has several.
 * @throws StoreError `UNKNOWN_ROUTE`, `WRONG_INPUT`.
 */
export const memberNamed = (
  members: readonly RegionMember[],
  change: MemberChange['change'],
  region: string,
  replica: number | undefined,
): RegionMember => {
  const ofName = members.filter((each) => each.region === region && (replica === undefined || each.replica === replica))
  const open = ofName.filter(({ status }) => status !== 'retired')
  const fitting = change === 'add' ? open.filter(({ status }) => status === 'joining') : open
  const [found, another] = fitting.length > 0 ? fitting : open.length > 0 ? open : ofName
  if (found === undefined)
    throw new StoreError(
      'UNKNOWN_ROUTE',
      `no region ${region}${replica === undefined ? '' : ` with replica number ${replica}`} is known here: start it with --join, and wait until it has linked`,
    )
  if (another !== undefined && found.status !== 'retired')
    throw new StoreError(
      'WRONG_INPUT',
      `region ${region} has the replica numbers ${fitting.map((each) => each.replica).join(' and ')}: say which with replica`,
    )
  if (found.status === 'retired' && change === 'add')
    throw new StoreError(
      'WRONG_INPUT',
      `region ${region} (replica ${found.replica}) was retired for good: start it with an empty data directory, --join and a fresh --replica-number`,
    )
  return found
}
