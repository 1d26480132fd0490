export { Catalog, type CatalogDraft, type CatalogOptions } from './catalog.js'
export { CHANGE_BYTES_MAX, type Change, parseChange, parseChanges } from './change-bytes.js'
export { actorOf, PARKED_BYTES_MAX, replicaOfActor } from './change-ledger.js'
export { configProblem, NAME_LENGTH_MAX, nameProblem } from './config-check.js'
export type { CatalogDetails, IndexSchema, Setting } from './details.js'
export type { CatalogEvent } from './history.js'
export { Ballot } from './membership/ballot.js'
export type { Configuration, Departure } from './membership/configuration.js'
export { byPrecedence, outcomeOf, type Proposal, proposalId, sorted } from './membership/proposal.js'
export type { CatalogMutation } from './mutation.js'
export type { AliasAction } from './plan-details.js'
export {
  type CatalogConflict,
  conflictName,
  type Resolution,
  type ResolvedCollection,
  resolve,
} from './resolve.js'
export { ADDED_NAME_BYTES_MAX, type ResolvedSpace } from './spaces.js'
export type { CatalogCollection, CatalogMember, CatalogState, MemberStatus } from './state.js'
