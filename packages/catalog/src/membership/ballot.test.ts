import { parseReplicaId, type ReplicaId } from '@meridian/core'
import { expect, test } from 'vitest'
import { Ballot } from './ballot.js'
import { byPrecedence, outcomeOf, type Proposal, proposalProblem, sorted } from './proposal.js'

const ids = (...numbers: number[]): ReplicaId[] => numbers.map(parseReplicaId)

const proposal = (
  ms: number,
  change: Proposal['change'],
  replica: number,
  base: number[],
  more: { voters?: number[]; lost?: number[] } = {},
): Proposal => ({
  id: `${ms}-0-1`,
  index: 1,
  stamp: { ms, counter: 0, writer: parseReplicaId(1) },
  change,
  replica: parseReplicaId(replica),
  base: ids(...base),
  voters: ids(...(more.voters ?? base.filter((each) => change === 'add' || each !== replica))),
  lost: ids(...(more.lost ?? [])),
})

const ballot = (
  proposals: Proposal[],
  votes: Record<number, Proposal[]>,
  seen: Record<number, Proposal> = {},
): Ballot =>
  new Ballot(
    1,
    proposals,
    new Map(
      Object.entries(votes).map(([voter, cast]) => [parseReplicaId(Number(voter)), new Set(cast.map((p) => p.id))]),
    ),
    new Map(Object.entries(seen).map(([voter, each]) => [parseReplicaId(Number(voter)), each.id])),
  )

const always = () => true
const [A, B, C] = ids(1, 2, 3) as [ReplicaId, ReplicaId, ReplicaId]

test('[MB1] a change is in effect with the votes of all its voters, not of a majority', () => {
  const add = proposal(1, 'add', 4, [1, 2, 3])
  expect(ballot([add], { 1: [add], 2: [add] }).decided(A)).toBeUndefined()
  expect(ballot([add], { 1: [add], 2: [add], 3: [add] }).decided(A)).toBe(add)
  expect(outcomeOf(add)).toEqual([1, 2, 3, 4])
})

test('[MB2] who is retired votes on it too, unless by force', () => {
  const retire = proposal(1, 'retire', 3, [1, 2, 3], { voters: [1, 2, 3] })
  expect(ballot([retire], { 1: [retire], 2: [retire] }).decided(C)).toBeUndefined()
  expect(ballot([retire], { 1: [retire], 2: [retire], 3: [retire] }).decided(C)).toBe(retire)
  const forced = proposal(1, 'retire', 3, [1, 2, 3], { lost: [3] })
  expect(ballot([forced], { 1: [forced], 2: [forced] }).decided(A)).toBe(forced)
  expect(proposalProblem(proposal(1, 'retire', 2, [1, 2]))).toMatch(/of two members none is retired without/)
  expect(proposalProblem(proposal(1, 'retire', 2, [1, 2], { voters: [1, 2] }))).toBeUndefined()
  expect(proposalProblem(proposal(1, 'retire', 2, [1, 2], { voters: [1], lost: [2] }))).toBeUndefined()
  expect(proposalProblem(proposal(1, 'retire', 1, [1]))).toMatch(/only member/)
})

test('[MB9] what a voter may hold of the one to be retired is the most that any of them said; unknown before all have', () => {
  const forced = proposal(1, 'retire', 3, [1, 2, 3], { lost: [3] })
  const said = (...held: [ReplicaId, number][]) =>
    new Ballot(1, [forced], new Map(), new Map(), new Map([[forced.id, new Map(held)]])).frontierOf(forced)
  expect(said([A, 7])).toBeUndefined()
  expect(said([A, 7], [B, 9])).toBe(9)
  expect(said([A, 7], [B, 0])).toBe(7)
})

test('[MB3] of concurrent proposals one comes first everywhere: retire before add, then the earlier', () => {
  const late = proposal(5, 'retire', 3, [1, 2, 3])
  const early = proposal(2, 'add', 4, [1, 2, 3])
  const earlier = proposal(1, 'add', 5, [1, 2, 3])
  const forced = proposal(9, 'retire', 2, [1, 2, 3], { voters: [1, 3], lost: [2] })
  expect([early, late, forced, earlier].sort(byPrecedence)).toEqual([forced, late, earlier, early])
})

test('[MB4] a vote moves up only once a voter of the former proposal has voted higher', () => {
  const add = proposal(1, 'add', 4, [1, 2, 3])
  const retire = proposal(2, 'retire', 3, [1, 2, 3])
  expect(ballot([add, retire], {}).next(A, always)).toBe(retire)
  // Two may have voted for it that are not heard of here.
  expect(ballot([add, retire], { 1: [add] }).next(A, always)).toBeUndefined()
  expect(ballot([add, retire], { 1: [add], 3: [add] }).next(A, always)).toBeUndefined()
  expect(ballot([add, retire], { 1: [add], 2: [retire] }).next(A, always)).toBe(retire)
  // Never down.
  expect(ballot([add, retire], { 1: [retire], 2: [add] }).next(A, always)).toBeUndefined()
})

test('[MB5] force moves a vote from what lacks the lost ones alone, unless the one to be added has no say', () => {
  const add = proposal(1, 'add', 4, [1, 2, 3])
  const votes = { 1: [add], 2: [add] }
  const deaf = proposal(2, 'retire', 3, [1, 2, 3], { voters: [1, 2], lost: [3] })
  const fair = proposal(3, 'retire', 3, [1, 2, 3], { voters: [1, 2, 4], lost: [3] })
  expect(ballot([add, deaf], votes).next(A, always)).toBeUndefined()
  expect(ballot([add, fair], votes).next(A, always)).toBe(fair)
  // What is in effect here already is not left any more.
  expect(ballot([add, fair], { ...votes, 3: [add] }).next(A, always)).toBeUndefined()
})

test('[MB6] after a vote by force, late votes of the lost ones count only with the word of another voter', () => {
  const add = proposal(1, 'add', 4, [1, 2, 3])
  const fair = proposal(3, 'retire', 3, [1, 2, 3], { voters: [1, 2, 4], lost: [3] })
  const votes = { 1: [add, fair], 2: [add], 3: [add] }
  expect(ballot([add, fair], votes).decided(A)).toBeUndefined()
  expect(ballot([add, fair], votes).decided(B)).toBe(add)
  expect(ballot([add, fair], votes, { 2: add }).decided(A)).toBe(add)
  expect(ballot([add, fair], votes, { 3: add }).decided(A)).toBeUndefined()
})

/** Each sees a prefix of what every other wrote, in order, and the log of each other's is its own; nothing is ever unseen. */
class Voter {
  readonly known: { readonly voter: ReplicaId; readonly vote: Proposal }[][] = []
  constructor(
    readonly self: ReplicaId,
    readonly all: number,
  ) {
    for (let i = 0; i <= all; i++) this.known.push([])
  }

  ballot(proposals: readonly Proposal[]): Ballot {
    const votes = new Map<ReplicaId, Set<string>>()
    for (const { voter, vote } of this.known.flat())
      votes.set(voter, (votes.get(voter) ?? new Set<string>()).add(vote.id))
    return new Ballot(1, proposals, votes, new Map())
  }
}

test('[MB7] in 500 random elections no two see different outcomes, and all come to one', () => {
  let state = 7
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  for (let election = 0; election < 500; election++) {
    const size = 3 + random(3)
    const base = Array.from({ length: size }, (_, i) => i + 1)
    const proposals = Array.from({ length: 2 + random(3) }, (_, i) =>
      random(2) === 0
        ? proposal(i + 1, 'add', 10 + random(2), base)
        : proposal(i + 1, 'retire', 1 + random(size), base),
    )
    const voters = base.map((each) => new Voter(parseReplicaId(each), size))
    const decided = new Set<string>()
    const step = (isFair: boolean): void => {
      const voter = voters[random(size)]!
      if (random(2) === 0) {
        const from = voters[random(size)]!
        const origin = random(size) + 1
        const [mine, theirs] = [voter.known[origin]!, from.known[origin]!]
        if (theirs.length > mine.length) mine.push(theirs[mine.length]!)
        return
      }
      const seen = voter.ballot(proposals)
      const outcome = seen.decided(voter.self)
      if (outcome !== undefined) {
        decided.add(outcome.id)
        return
      }
      const vote = seen.next(voter.self, () => isFair || random(3) > 0)
      if (vote !== undefined) voter.known[voter.self]!.push({ voter: voter.self, vote })
    }
    for (let i = 0; i < 60; i++) step(false)
    for (let i = 0; i < 400 * size && decided.size === 0; i++) step(true)
    expect([election, decided.size]).toEqual([election, 1])
    for (let i = 0; i < 200; i++) step(true)
    expect(decided.size).toBe(1)
  }
})

test('[MB8] sorted lists name nobody twice', () => {
  expect(sorted(ids(3, 1, 3, 2))).toEqual([1, 2, 3])
})
