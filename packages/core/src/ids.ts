import type { Brand } from './brand.js'
import { StoreError } from './errors.js'

/** Short name of a region as its operators write it: 1-32 characters of `a-z`, `0-9` and `-`, starting with a letter. */
export type RegionId = Brand<string, 'RegionId'>

/** Number of a replica, 1-255. It is the high byte of every Yjs client id the replica writes with, so it is never reused. */
export type ReplicaId = Brand<number, 'ReplicaId'>

/** Unique, permanent name of one incarnation of a collection: 16 hex digits. A collection's visible name points to it. */
export type CollectionUid = Brand<string, 'CollectionUid'>

const REGION = /^[a-z][a-z0-9-]{0,31}$/

/** @throws StoreError `BAD_REQUEST` naming what a region may look like. */
export const parseRegionId = (text: string): RegionId => {
  if (REGION.test(text)) return text as RegionId
  throw new StoreError(
    'BAD_REQUEST',
    `region ${JSON.stringify(text)} must be 1-32 characters of a-z, 0-9 and -, starting with a letter`,
  )
}

/** @throws StoreError `BAD_REQUEST` unless `value` is an integer from 1 to 255. */
export const parseReplicaId = (value: number): ReplicaId => {
  if (Number.isInteger(value) && value >= 1 && value <= 255) return value as ReplicaId
  throw new StoreError('BAD_REQUEST', `replica number ${value} must be an integer from 1 to 255`)
}

/**
 * The replica number that a region takes when none is configured: an FNV-1a hash of its name folded into 1-255, so that
 * regions that have never met agree on each other's numbers. Two names can collide; a node that sees that refuses to start
 * or to link, and the operator picks a number.
 */
export const defaultReplicaId = (region: RegionId): ReplicaId => {
  let hash = 0x811c9dc5
  for (let i = 0; i < region.length; i++) hash = Math.imul(hash ^ region.charCodeAt(i), 0x01000193) >>> 0
  return ((hash % 255) + 1) as ReplicaId
}

const UID = /^[0-9a-f]{16}$/

/** @throws StoreError `BAD_REQUEST` unless `text` is 16 lower-case hex digits. */
export const parseCollectionUid = (text: string): CollectionUid => {
  if (UID.test(text)) return text as CollectionUid
  throw new StoreError('BAD_REQUEST', `collection uid ${JSON.stringify(text)} must be 16 lower-case hex digits`)
}

/** One boot of one replica writes with one Yjs client id: `replica (8 bits) | boot (24 bits)`. */
export type ClientId = Brand<number, 'ClientId'>
export const BOOT_MAX = 0xffffff

export const clientIdOf = (replica: ReplicaId, boot: number): ClientId => (replica * 0x1000000 + boot) as ClientId
export const replicaOfClient = (client: number): ReplicaId => (client >>> 24) as ReplicaId
