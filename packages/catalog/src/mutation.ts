import { ImmutableString } from '@automerge/automerge'
import {
  type CollectionConfig,
  type CollectionUid,
  canonicalJson,
  COUNTER_MAX,
  type JsonValue,
  MS_MAX,
  parseCollectionUid,
  parseRegionId,
  parseReplicaId,
  type RegionId,
  type Stamp,
  StoreError,
  unreachable,
} from '@meridian/core'
import { configProblem, nameProblem } from './config-check.js'
import type { Setting } from './details.js'
import type { CatalogDocument } from './genesis.js'
import { type MembershipMutation, planMembership } from './membership/plan-membership.js'
import { type DetailMutation, planAliases, planIndex, planSettings, writeSettings } from './plan-details.js'
import { planAddSpace, planDropSpace, type SpaceMutation } from './plan-spaces.js'
import type { Resolution } from './resolve.js'
import { type CatalogMember, type CatalogState, MEMBER_STATUSES, STORE_ID_LENGTH_MAX, URL_LENGTH_MAX } from './state.js'

/** An edit of the catalog. `region` is the one that makes it, `nowMs` its wall time. */
export type CatalogMutation =
  | DetailMutation
  | MembershipMutation
  | SpaceMutation
  | {
      readonly type: 'createCollection'
      /** Random; never used before. */
      readonly uid: CollectionUid
      readonly name: string
      readonly config: CollectionConfig
      /** Told apart from `config`: they do not say which collections are the same. */
      readonly settings?: readonly Setting[]
      /** From the region's HLC: of two collections of one name, the elder keeps it. */
      readonly stamp: Stamp
      readonly region: RegionId
      readonly nowMs: number
    }
  | {
      readonly type: 'dropCollections'
      /** All of a resolved collection's uids: one left out would bring the collection back. */
      readonly uids: readonly CollectionUid[]
      readonly region: RegionId
      readonly nowMs: number
    }
  | { readonly type: 'putMember'; readonly member: CatalogMember; readonly nowMs: number }

/** A checked edit. `write` undefined: the catalog already says so. */
export interface PlannedEdit {
  readonly message: string
  readonly write: ((document: CatalogDocument) => void) | undefined
}

// A plain string would become a text that merges by the character.
const scalar = (text: string): ImmutableString => new ImmutableString(text)

/**
 * Checks an edit against what is visible now.
 * @throws StoreError `VALIDATION`, `COLLECTION_EXISTS`, `WRONG_INPUT` (a collection named as an alias), `COLLECTION_NOT_FOUND`, `IDENTITY_CONFLICT` (a member's number
 * belongs to another region, or this incarnation was retired and must bootstrap as a new one).
 */
export const planEdit = (mutation: CatalogMutation, state: CatalogState, resolution: Resolution): PlannedEdit => {
  checkTime(mutation.nowMs)
  switch (mutation.type) {
    case 'createCollection':
      return planCreate(mutation, state, resolution)
    case 'dropCollections':
      return planDrop(mutation, state)
    case 'putMember':
      return planMember(mutation.member, state)
    case 'changeAliases':
      return planAliases(mutation.actions, checkStamp(mutation.stamp), resolution)
    case 'addSpace':
      checkStamp(mutation.stamp)
      return planAddSpace(mutation, resolution, state.details.spaces)
    case 'dropSpace':
      checkStamp(mutation.stamp)
      return planDropSpace(mutation, resolution)
    case 'changeIndex':
      checkStamp(mutation.stamp)
      return planIndex(mutation, resolution)
    case 'changeSettings':
      return planSettings(mutation.collection, mutation.settings, checkStamp(mutation.stamp), resolution)
    case 'proposeMember':
      checkStamp(mutation.proposal.stamp)
      return planMembership(mutation, state)
    case 'voteMember':
    case 'sawMember':
      checkStamp(mutation.stamp)
      return planMembership(mutation, state)
    default:
      return unreachable(mutation)
  }
}

type Edit<T extends CatalogMutation['type']> = Extract<CatalogMutation, { type: T }>

const planCreate = (edit: Edit<'createCollection'>, state: CatalogState, resolution: Resolution): PlannedEdit => {
  const uid = parseCollectionUid(edit.uid)
  const problem = nameProblem(edit.name) ?? configProblem(edit.config)
  if (problem !== undefined) throw new StoreError('VALIDATION', problem)
  if (resolution.collections.has(edit.name)) {
    throw new StoreError('COLLECTION_EXISTS', `collection ${JSON.stringify(edit.name)} already exists`)
  }
  if (resolution.aliases.has(edit.name)) {
    throw new StoreError(
      'WRONG_INPUT',
      `Can't create collection with name ${edit.name}. Alias with the same name already exists`,
    )
  }
  if (state.collections.has(uid)) throw new StoreError('VALIDATION', `collection uid ${uid} was used before`)
  const stamp = checkStamp(edit.stamp)
  const createdBy = parseRegionId(edit.region)
  const config = canonicalJson(edit.config as unknown as JsonValue)
  return {
    message: `create collection ${edit.name}`,
    write: (document) => {
      document.collections[uid] = {
        name: scalar(edit.name),
        config: scalar(config),
        createdAtMs: edit.nowMs,
        createdBy: scalar(createdBy),
        stamp,
      }
      writeSettings(document, uid, edit.settings ?? [], stamp)
    },
  }
}

const planDrop = (edit: Edit<'dropCollections'>, state: CatalogState): PlannedEdit => {
  const by = parseRegionId(edit.region)
  const names = new Set<string>()
  for (const uid of edit.uids) {
    const collection = state.collections.get(uid)
    if (collection === undefined || collection.dropped !== undefined) {
      throw new StoreError('COLLECTION_NOT_FOUND', `no live collection has the uid ${JSON.stringify(uid)}`)
    }
    names.add(collection.name)
  }
  if (names.size === 0) throw new StoreError('COLLECTION_NOT_FOUND', 'no collection was named')
  return {
    message: `drop collection ${[...names].join(', ')}`,
    write: (document) => {
      for (const uid of new Set(edit.uids)) {
        const entry = document.collections[uid] as Record<string, unknown>
        entry.dropped = { atMs: edit.nowMs, by: scalar(by) }
      }
    },
  }
}

const planMember = (member: CatalogMember, state: CatalogState): PlannedEdit => {
  const replica = parseReplicaId(member.replica)
  const region = parseRegionId(member.region)
  checkTime(member.sinceMs)
  const { storeId, status, sinceMs, url } = member
  if (storeId.length === 0 || storeId.length > STORE_ID_LENGTH_MAX) {
    throw new StoreError('VALIDATION', `a store id is 1 to ${STORE_ID_LENGTH_MAX} characters`)
  }
  if (url !== undefined && url.length > URL_LENGTH_MAX)
    throw new StoreError('VALIDATION', 'the url of a member is too long')
  if (!MEMBER_STATUSES.includes(status)) throw new StoreError('VALIDATION', `member status ${String(status)}`)
  const message = `member ${region} (${replica}) ${status}`
  const before = state.members.get(replica)
  if (before !== undefined) {
    if (before.region !== region) {
      throw new StoreError(
        'IDENTITY_CONFLICT',
        `replica number ${replica} belongs to region ${before.region}, not ${region}`,
      )
    }
    if (before.storeId === storeId) {
      const unchanged = before.status === status && before.sinceMs === sinceMs && before.url === url
      if (unchanged) return { message, write: undefined }
      if (before.status === 'retired' && status !== 'retired') {
        throw new StoreError(
          'IDENTITY_CONFLICT',
          `store ${storeId} of region ${region} was retired: it must bootstrap again`,
        )
      }
      if (MEMBER_STATUSES.indexOf(status) < MEMBER_STATUSES.indexOf(before.status)) {
        throw new StoreError('VALIDATION', `a member that is ${before.status} cannot become ${status}`)
      }
    }
  }
  return {
    message,
    write: (document) => {
      document.members[replica] = {
        region: scalar(region),
        storeId: scalar(storeId),
        status: scalar(status),
        sinceMs,
        ...(url === undefined ? {} : { url: scalar(url) }),
      }
    },
  }
}

const checkStamp = ({ ms, counter, writer }: Stamp): Stamp => {
  checkTime(ms)
  if (!Number.isInteger(counter) || counter < 0 || counter > COUNTER_MAX)
    throw new StoreError('VALIDATION', 'bad stamp')
  return { ms, counter, writer: parseReplicaId(writer) }
}

const checkTime = (ms: number): void => {
  if (!Number.isInteger(ms) || ms < 0 || ms > MS_MAX)
    throw new StoreError('VALIDATION', `time ${ms} is not in milliseconds since 1970`)
}
