import type { Doc } from '@automerge/automerge'
import { canonicalJson, type ReplicaId } from '@meridian/core'
import { integerOf, Unsound } from '../entry-fields.js'
import type { CatalogDocument } from '../genesis.js'
import { readStamped } from '../stamped.js'
import { Ballot } from './ballot.js'
import { INDEX_MAX, type Proposal, proposalId, proposalValue, readProposal } from './proposal.js'

/* Entries of the map `extra`. Each is written once, by one replica. */
const PREFIX = 'member/'
export const proposalKey = (index: number, id: string): string => `${PREFIX}${index}/proposal/${id}`
export const voteKey = (index: number, voter: ReplicaId, id: string): string => `${PREFIX}${index}/vote/${voter}/${id}`
export const seenKey = (index: number, replica: ReplicaId): string => `${PREFIX}${index}/seen/${replica}`

interface Found {
  readonly proposals: Proposal[]
  readonly votes: Map<ReplicaId, Set<string>>
  readonly seen: Map<ReplicaId, string>
  readonly held: Map<string, Map<ReplicaId, number>>
}

/** By index. `problem` is told of what makes no sense. */
export const readBallots = (
  document: Doc<CatalogDocument>,
  problem: (what: string, error: unknown) => void,
): ReadonlyMap<number, Ballot> => {
  const found = new Map<number, Found>()
  for (const key of Object.keys(document.extra).sort()) {
    if (!key.startsWith(PREFIX)) continue
    const what = `extra ${JSON.stringify(key.slice(0, 64))}`
    try {
      readEntry(document, key, found, (error) => problem(what, error))
    } catch (error) {
      problem(what, error)
    }
  }
  return new Map(
    [...found].map(([index, { proposals, votes, seen, held }]) => [
      index,
      new Ballot(index, proposals, votes, seen, held),
    ]),
  )
}

const readEntry = (
  document: Doc<CatalogDocument>,
  key: string,
  found: Map<number, Found>,
  skip: (error: unknown) => void,
): void => {
  const [index, kind, who, what] = key.slice(PREFIX.length).split('/')
  const number = Number(index)
  if (!/^[1-9]\d{0,6}$/.test(index ?? '') || number > INDEX_MAX) throw new Unsound('index')
  const entry = readStamped(document, 'extra', key, skip)
  if (entry === undefined) return
  const { stamp, value } = entry
  const at: Found = found.get(number) ?? { proposals: [], votes: new Map(), seen: new Map(), held: new Map() }
  found.set(number, at)
  if (kind === 'proposal' && who === proposalId(stamp) && what === undefined)
    at.proposals.push(readProposal(number, stamp, value))
  else if (kind === 'vote' && Number(who) === stamp.writer && what !== undefined) {
    // `true` is a vote that says nothing of what the voter holds: for an addition.
    if (value !== true) {
      const held = at.held.get(what) ?? new Map<ReplicaId, number>()
      at.held.set(what, held.set(stamp.writer, integerOf(value, 'what a voter holds', Number.MAX_SAFE_INTEGER)))
    }
    const votes = at.votes.get(stamp.writer) ?? new Set()
    at.votes.set(stamp.writer, votes.add(what))
  } else if (kind === 'seen' && Number(who) === stamp.writer && what === undefined && typeof value === 'string')
    at.seen.set(stamp.writer, value)
  else throw new Unsound('no word on membership')
}

/** Equal for equal ballots. */
export const ballotsText = (ballots: ReadonlyMap<number, Ballot>): string =>
  canonicalJson(
    [...ballots]
      .sort(([a], [b]) => a - b)
      .map(([index, { proposals, votes, seen, held }]) => [
        index,
        proposals.map((each) => [each.id, proposalValue(each)]),
        [...votes].sort(([a], [b]) => a - b).map(([voter, ids]) => [voter, ...[...ids].sort()]),
        [...seen].sort(([a], [b]) => a - b),
        [...held]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([id, said]) => [id, ...[...said].sort(([a], [b]) => a - b)]),
      ]),
  )
