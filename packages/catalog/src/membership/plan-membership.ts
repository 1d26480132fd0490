import { type Stamp, StoreError } from '@meridian/core'
import { ImmutableString } from '@automerge/automerge'
import type { CatalogDocument } from '../genesis.js'
import { stampedText } from '../stamped.js'
import type { CatalogState } from '../state.js'
import { INDEX_MAX, type Proposal, proposalId, proposalProblem, proposalValue } from './proposal.js'
import { proposalKey, seenKey, voteKey } from './read-ballots.js'

/** Edits of the membership. Each writes entries of its own replica alone, once. */
export type MembershipMutation =
  | { readonly type: 'proposeMember'; readonly proposal: Omit<Proposal, 'id'>; readonly nowMs: number }
  /**
   * `stamp` names the voter; the caller has asked the ballot (`next`). `held`: of a retirement, the last transaction of the one to
   * be retired that the voter holds as this becomes durable.
   */
  | {
      readonly type: 'voteMember'
      readonly proposal: Proposal
      readonly held: number | undefined
      readonly stamp: Stamp
      readonly nowMs: number
    }
  /** The writer of `stamp` has seen it take effect. */
  | { readonly type: 'sawMember'; readonly proposal: Proposal; readonly stamp: Stamp; readonly nowMs: number }

interface Planned {
  readonly message: string
  readonly write: ((document: CatalogDocument) => void) | undefined
}

const put = (document: CatalogDocument, key: string, value: Parameters<typeof stampedText>[0], stamp: Stamp): void => {
  document.extra[key] = new ImmutableString(stampedText(value, stamp))
}

/** @throws StoreError `VALIDATION` for a proposal that makes no sense. */
export const planMembership = (edit: MembershipMutation, state: CatalogState): Planned => {
  const { index, change, replica } = edit.proposal
  const what = `${change} replica ${replica} as configuration ${index}`
  if (edit.type === 'proposeMember') {
    const proposal: Proposal = { ...edit.proposal, id: proposalId(edit.proposal.stamp) }
    const problem = index > INDEX_MAX ? 'too many changes of membership' : proposalProblem(proposal)
    if (problem !== undefined) throw new StoreError('VALIDATION', problem)
    const { id, stamp } = proposal
    return {
      message: `propose: ${what}`,
      write: (document) => put(document, proposalKey(index, id), proposalValue(proposal), stamp),
    }
  }
  const { stamp } = edit
  const ballot = state.ballots.get(index)
  if (edit.type === 'voteMember') {
    const { proposal, held } = edit
    const isDone = ballot?.hasVoted(stamp.writer, proposal) === true
    return {
      message: `vote: ${what}`,
      write: isDone
        ? undefined
        : (document) => put(document, voteKey(index, stamp.writer, proposal.id), held ?? true, stamp),
    }
  }
  const { proposal } = edit
  return {
    message: `in effect: ${what}`,
    write: ballot?.seen.has(stamp.writer)
      ? undefined
      : (document) => put(document, seenKey(index, stamp.writer), proposal.id, stamp),
  }
}
