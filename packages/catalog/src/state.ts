import { type Doc, getBackend } from '@automerge/automerge'
import {
  type CollectionConfig,
  type CollectionUid,
  canonicalJson,
  COUNTER_MAX,
  compareStamps,
  type JsonValue,
  MS_MAX,
  parseCollectionUid,
  parseRegionId,
  parseReplicaId,
  type RegionId,
  type ReplicaId,
  type Stamp,
} from '@meridian/core'
import { asConfig, configProblem, nameProblem } from './config-check.js'
import { type CatalogDetails, detailsText, readDetails } from './details.js'
import { integerOf, objectOf, parseJson, textOf, Unsound } from './entry-fields.js'
import type { CatalogDocument } from './genesis.js'
import type { Ballot } from './membership/ballot.js'
import { ballotsText, readBallots } from './membership/read-ballots.js'

/** One incarnation of a collection, as it was created. */
export interface CatalogCollection {
  readonly uid: CollectionUid
  readonly name: string
  readonly config: CollectionConfig
  /** Canonical JSON of `config`: two incarnations are the same collection when these are equal. */
  readonly configText: string
  readonly createdAtMs: number
  readonly createdBy: RegionId
  /** Says which of two incarnations is the elder. */
  readonly stamp: Stamp
  /** Set once and for ever; the uid is not used again. */
  readonly dropped?: { readonly atMs: number; readonly by: RegionId }
}

export const MEMBER_STATUSES = ['joining', 'active', 'retired'] as const
export type MemberStatus = (typeof MEMBER_STATUSES)[number]

export interface CatalogMember {
  readonly replica: ReplicaId
  readonly region: RegionId
  /** Names one incarnation of the replica's storage. 1-64 characters. */
  readonly storeId: string
  /** As it wrote itself at its first start; who counts is for `configurationOf` to say. */
  readonly status: MemberStatus
  readonly sinceMs: number
  /** Where peers can dial it. At most 2,048 characters. */
  readonly url?: string
}

const PROBLEMS_MAX = 100
export const STORE_ID_LENGTH_MAX = 64
export const URL_LENGTH_MAX = 2048

/** Plain values read from the document; never changed in place. */
export interface CatalogState {
  /** By uid; dropped ones included. */
  readonly collections: ReadonlyMap<CollectionUid, CatalogCollection>
  /** By replica number. */
  readonly members: ReadonlyMap<ReplicaId, CatalogMember>
  readonly details: CatalogDetails
  /** Changes of membership, by the index of the configuration that they lead to. */
  readonly ballots: ReadonlyMap<number, Ballot>
  /** Entries that were skipped or are contested, in words, sorted. */
  readonly problems: readonly string[]
}

/** Reads what is sound and names what is not: a peer's nonsense must cost that entry, never the catalog. */
export const readState = (document: Doc<CatalogDocument>): CatalogState => {
  const problems: string[] = []
  const problem = (what: string, error: unknown): void => {
    problems.push(`${what}: ${error instanceof Error ? error.message : 'unreadable'}`)
  }
  const reading = <T>(what: string, read: () => T): T | undefined => {
    try {
      return read()
    } catch (error) {
      problem(what, error)
      return undefined
    }
  }
  const collections = new Map<CollectionUid, CatalogCollection>()
  for (const key of Object.keys(document.collections).sort()) {
    const collection = reading(`collection ${quote(key)}`, () => readCollection(key, document.collections[key]))
    if (collection !== undefined) collections.set(collection.uid, collection)
  }
  const members = new Map<ReplicaId, CatalogMember>()
  for (const key of Object.keys(document.members)) {
    const what = `member ${quote(key)}`
    const siblings: CatalogMember[] = []
    for (const value of memberSiblings(document, key)) {
      const member = reading(what, () => readMember(key, value))
      if (member !== undefined) siblings.push(member)
    }
    const winner = pickMember(siblings)
    if (winner === undefined) continue
    members.set(winner.replica, winner)
    const regions = [...new Set(siblings.map((member) => member.region))].sort()
    if (regions.length > 1) problems.push(`${what}: claimed by the regions ${regions.join(', ')}`)
  }
  const details = readDetails(document, problem)
  const ballots = readBallots(document, problem)
  return {
    collections,
    members: new Map([...members].sort(([a], [b]) => a - b)),
    details,
    ballots,
    problems: problems.sort().slice(0, PROBLEMS_MAX),
  }
}

const quote = (text: string): string => JSON.stringify(text.slice(0, 64))

/**
 * All concurrent values of a member. Asked of the document's own handle: a copy's unchanged parts remember the handle of the
 * document it was copied from, which `getConflicts` would ask even after that has been freed.
 */
const memberSiblings = (document: Doc<CatalogDocument>, key: string): unknown[] => {
  const handle = getBackend(document)
  const all = handle.getAll('/members', key)
  // One alone is what the document shows.
  if (all.length === 1 && all[0]![0] === 'map') return [document.members[key]]
  return all.map((value) => (value[0] === 'map' ? handle.materialize(value[1]) : undefined))
}

/**
 * Of a member's concurrent entries: the newest incarnation counts, and of that the furthest status, so that retiring it is
 * never undone by a heartbeat of its own. Depends on the set alone.
 */
const pickMember = (siblings: readonly CatalogMember[]): CatalogMember | undefined => {
  const newest = siblings.reduce<CatalogMember | undefined>(
    (best, each) =>
      best === undefined ||
      each.sinceMs - best.sinceMs > 0 ||
      (each.sinceMs === best.sinceMs && each.storeId > best.storeId)
        ? each
        : best,
    undefined,
  )
  const rank = (member: CatalogMember): number => MEMBER_STATUSES.indexOf(member.status)
  return siblings
    .filter((each) => each.storeId === newest?.storeId)
    .sort((a, b) => rank(b) - rank(a) || b.sinceMs - a.sinceMs || (memberText(a) < memberText(b) ? -1 : 1))[0]
}

const memberText = (member: CatalogMember): string => canonicalJson({ ...member })

/** Elder first. */
export const byAge = (a: CatalogCollection, b: CatalogCollection): number =>
  compareStamps(a.stamp, b.stamp) || (a.uid < b.uid ? -1 : a.uid > b.uid ? 1 : 0)

/** Equal for equal states, whatever the order of arrival was. Problems are included. */
export const stateText = (state: CatalogState): string => {
  const collections = [...state.collections.values()].map(textOfCollection)
  const members = [...state.members.values()].map(memberText)
  const ballots = state.ballots.size === 0 ? '' : `,"ballots":${ballotsText(state.ballots)}`
  return `{"collections":[${collections.join()}],"members":[${members.join()}],"details":${detailsText(state.details)}${ballots},"problems":${canonicalJson([...state.problems])}}`
}

// Automerge hands out the same object for as long as nothing in it changes, so most of a large catalog is read once.
const readBefore = new WeakMap<object, CatalogCollection>()
const textBefore = new WeakMap<CatalogCollection, string>()

const textOfCollection = (collection: CatalogCollection): string => {
  const known = textBefore.get(collection)
  if (known !== undefined) return known
  const text = canonicalJson(collection as unknown as JsonValue)
  textBefore.set(collection, text)
  return text
}

const readCollection = (key: string, value: unknown): CatalogCollection => {
  const entry = objectOf(value, 'entry')
  const known = readBefore.get(entry)
  if (known?.uid === key) return known
  const collection = parseCollection(key, entry)
  readBefore.set(entry, collection)
  return collection
}

const parseCollection = (key: string, entry: Readonly<Record<string, unknown>>): CatalogCollection => {
  const name = textOf(entry.name, 'name')
  const wrongName = nameProblem(name)
  if (wrongName !== undefined) throw new Unsound(wrongName)
  const config = parseJson(textOf(entry.config, 'config'))
  const wrongConfig = configProblem(config)
  if (wrongConfig !== undefined) throw new Unsound(wrongConfig)
  const stamp = objectOf(entry.stamp, 'stamp')
  const dropped = entry.dropped === undefined ? undefined : objectOf(entry.dropped, 'dropped')
  return {
    uid: parseCollectionUid(key),
    name,
    config: asConfig(config),
    configText: canonicalJson(config),
    createdAtMs: integerOf(entry.createdAtMs, 'createdAtMs', MS_MAX),
    createdBy: parseRegionId(textOf(entry.createdBy, 'createdBy')),
    stamp: {
      ms: integerOf(stamp.ms, 'stamp.ms', MS_MAX),
      counter: integerOf(stamp.counter, 'stamp.counter', COUNTER_MAX),
      writer: parseReplicaId(integerOf(stamp.writer, 'stamp.writer', 255)),
    },
    ...(dropped === undefined
      ? {}
      : {
          dropped: {
            atMs: integerOf(dropped.atMs, 'dropped.atMs', MS_MAX),
            by: parseRegionId(textOf(dropped.by, 'dropped.by')),
          },
        }),
  }
}

const readMember = (key: string, value: unknown): CatalogMember => {
  if (!/^[1-9][0-9]{0,2}$/.test(key)) throw new Unsound('not a replica number')
  const entry = objectOf(value, 'entry')
  const status = textOf(entry.status, 'status')
  const known = MEMBER_STATUSES.find((each) => each === status)
  if (known === undefined) throw new Unsound(`status ${quote(status)}`)
  const storeId = textOf(entry.storeId, 'storeId')
  if (storeId.length === 0 || storeId.length > STORE_ID_LENGTH_MAX) throw new Unsound('storeId is 1 to 64 characters')
  const url = entry.url === undefined ? undefined : textOf(entry.url, 'url')
  if (url !== undefined && url.length > URL_LENGTH_MAX) throw new Unsound('url is too long')
  return {
    replica: parseReplicaId(Number(key)),
    region: parseRegionId(textOf(entry.region, 'region')),
    storeId,
    status: known,
    sinceMs: integerOf(entry.sinceMs, 'sinceMs', MS_MAX),
    ...(url === undefined ? {} : { url }),
  }
}
