import { createHash } from 'node:crypto'
import { applyChanges, change, type Doc, getLastLocalChange, init } from '@automerge/automerge'
import {
  type CollectionConfig,
  type CollectionUid,
  HNSW_DEFAULT,
  type RegionId,
  type ReplicaId,
  type Stamp,
} from '@meridian/core'
import { Catalog } from '../catalog.js'
import { actorOf } from '../change-ledger.js'
import { type CatalogDocument, GENESIS } from '../genesis.js'
import type { CatalogMutation } from '../mutation.js'
import type { CatalogMember } from '../state.js'

export const EU = 'eu' as RegionId
export const US = 'us' as RegionId

export const uidOf = (n: number): CollectionUid => n.toString(16).padStart(16, '0') as CollectionUid

export const config = (size: number, shards = 4): CollectionConfig => ({
  vectors: { '': { size, metric: 'Cosine', hnsw: HNSW_DEFAULT } },
  shards,
})

export const stamp = (ms: number, writer = 1): Stamp => ({ ms, counter: 0, writer: writer as ReplicaId })

export const create = (
  name: string,
  n: number,
  how: { size?: number; ms?: number; region?: RegionId } = {},
): CatalogMutation => ({
  type: 'createCollection',
  uid: uidOf(n),
  name,
  config: config(how.size ?? 3),
  stamp: stamp(how.ms ?? n),
  region: how.region ?? EU,
  nowMs: 1000 * (how.ms ?? n),
})

export const drop = (...uids: readonly CollectionUid[]): CatalogMutation => ({
  type: 'dropCollections',
  uids,
  region: EU,
  nowMs: 5_000,
})

export const member = (replica: number, how: Partial<CatalogMember> = {}): CatalogMutation => ({
  type: 'putMember',
  member: {
    replica: replica as ReplicaId,
    region: `r${replica}` as RegionId,
    storeId: `store-${replica}`,
    status: 'active',
    sinceMs: 7,
    ...how,
  },
  nowMs: 7_000,
})

export const openAs = (replica: number, saved?: Uint8Array): Catalog =>
  Catalog.open({ actor: actorOf(replica as ReplicaId, 1), ...(saved === undefined ? {} : { saved }) })

/** Proposes and commits; the changes made. */
export const edit = (catalog: Catalog, mutation: CatalogMutation): readonly Uint8Array[] => {
  const draft = catalog.propose(mutation)
  draft.commit()
  return draft.changes
}

/** A change made past all checks, by a peer whose code is not ours. Give the changes it had seen. */
export const forge = (
  write: (document: CatalogDocument) => void,
  how: { actor?: string; seen?: readonly Uint8Array[] } = {},
): Uint8Array => {
  const blank: Doc<CatalogDocument> = init({ actor: how.actor ?? 'ff000001' })
  const [seen] = applyChanges(blank, [GENESIS, ...(how.seen ?? [])])
  return getLastLocalChange(change(seen, { time: 1, message: 'forged' }, write))!
}

/** A chunk of Automerge's outer form around any body, with a checksum that holds. */
export const seal = (type: number, body: Uint8Array): Uint8Array => {
  const length: number[] = []
  let rest = body.length
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80)
  const hashed = Buffer.concat([Buffer.from([type, ...length, rest]), body])
  const checksum = createHash('sha256').update(hashed).digest().subarray(0, 4)
  return Buffer.concat([Buffer.from([0x85, 0x6f, 0x4a, 0x83]), checksum, hashed])
}

/** What `seal` was given. */
export const bodyOf = (chunk: Uint8Array): Uint8Array => {
  let at = 9
  while (chunk[at]! >= 0x80) at++
  return chunk.slice(at + 1)
}

/** Processor time of the shortest of ten runs, in milliseconds: what compiled code takes, however busy the machine is. */
export const fastestMs = (run: () => void): number =>
  Math.min(
    ...Array.from({ length: 10 }, () => {
      const before = process.cpuUsage()
      run()
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1000
    }),
  )
