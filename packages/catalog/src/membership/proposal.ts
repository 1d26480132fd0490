import { type JsonValue, parseReplicaId, type ReplicaId, type Stamp } from '@meridian/core'
import { integerOf, objectOf, Unsound } from '../entry-fields.js'

/** Changes of membership that a cluster can see in its life. */
export const INDEX_MAX = 1_000_000

/** One step from configuration `index - 1` to `index`. Written once by its proposer, never changed. */
export interface Proposal {
  /** `<ms>-<counter>-<writer>` of its stamp. */
  readonly id: string
  readonly index: number
  readonly stamp: Stamp
  readonly change: 'add' | 'retire'
  /** Whom it is about. */
  readonly replica: ReplicaId
  /** Members of configuration `index - 1` as the proposer had them, sorted. */
  readonly base: readonly ReplicaId[]
  /** Whose votes it needs, all of them; sorted. */
  readonly voters: readonly ReplicaId[]
  /** Said by an operator to never act again; sorted. Not empty only where a change is forced. */
  readonly lost: readonly ReplicaId[]
}

export const proposalId = ({ ms, counter, writer }: Stamp): string => `${ms}-${counter}-${writer}`

/** The members once it has taken effect; sorted. */
export const outcomeOf = ({ base, change, replica }: Proposal): readonly ReplicaId[] =>
  change === 'add' ? sorted([...base, replica]) : base.filter((each) => each !== replica)

export const sorted = (replicas: Iterable<ReplicaId>): readonly ReplicaId[] =>
  [...new Set(replicas)].sort((a, b) => a - b)

/**
 * Total order of the proposals of one index; negative when `a` comes first. The one that knows of more founders, the forced one,
 * retire before add, the earlier stamp.
 */
export const byPrecedence = (a: Proposal, b: Proposal): number =>
  b.base.length - a.base.length ||
  b.lost.length - a.lost.length ||
  Number(b.change === 'retire') - Number(a.change === 'retire') ||
  a.stamp.ms - b.stamp.ms ||
  a.stamp.counter - b.stamp.counter ||
  a.stamp.writer - b.stamp.writer

/** Why a proposal makes no sense; `undefined` if it does. */
export const proposalProblem = ({ change, replica, base, voters, lost }: Omit<Proposal, 'id'>): string | undefined => {
  if (base.length === 0) return 'base is empty'
  // One that is still joining can be retired too: it holds back what may be forgotten.
  if (change === 'add' && base.includes(replica)) return `replica ${replica} is a member already`
  if (change === 'retire' && base.length === 1 && base[0] === replica) return 'the only member cannot be retired'
  if (voters.length === 0) return 'nobody votes'
  if (lost.some((each) => voters.includes(each))) return 'who is lost cannot vote'
  if (lost.length > 0 && change === 'add') return 'an addition is not forced'
  const excused = new Set(change === 'retire' ? [replica, ...lost] : [])
  const missing = base.find((each) => !voters.includes(each) && !excused.has(each))
  if (missing !== undefined) return `replica ${missing} has no vote`
  // Of two of them each could retire the other alone.
  if (
    change === 'retire' &&
    lost.length === 0 &&
    base.length === 2 &&
    !voters.includes(replica) &&
    base.includes(replica)
  )
    return 'of two members none is retired without its own vote, but by force'
  return undefined
}

export const proposalValue = ({ change, replica, base, voters, lost }: Proposal): JsonValue => ({
  change,
  replica,
  base: [...base],
  voters: [...voters],
  lost: [...lost],
})

/** @throws Unsound */
export const readProposal = (index: number, stamp: Stamp, value: JsonValue): Proposal => {
  const entry = objectOf(value, 'proposal')
  const { change } = entry
  if (change !== 'add' && change !== 'retire') throw new Unsound('change is neither add nor retire')
  const proposal = {
    id: proposalId(stamp),
    index,
    stamp,
    change,
    replica: replicaOf(entry.replica),
    base: replicasOf(entry.base),
    voters: replicasOf(entry.voters),
    lost: replicasOf(entry.lost),
  } as const
  const problem = proposalProblem(proposal)
  if (problem !== undefined) throw new Unsound(problem)
  return proposal
}

const replicaOf = (value: unknown): ReplicaId => parseReplicaId(integerOf(value, 'replica', 255))

const replicasOf = (value: unknown): readonly ReplicaId[] => {
  if (!Array.isArray(value) || value.length > 255) throw new Unsound('replicas are no list of at most 255')
  const replicas = value.map(replicaOf)
  if (replicas.some((each, i) => i > 0 && each <= replicas[i - 1]!)) throw new Unsound('replicas are not in order')
  return replicas
}
