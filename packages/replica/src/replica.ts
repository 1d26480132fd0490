import type { Clock, CollectionConfig, LinkHandler, Log, PeerLink, Random, RegionId, ReplicaId, Storage, Timers, VectorIndex } from '@meridian/core'
import type { Collection, Done, ReplicaEvents, ReplicaStatus, WriteReceipt, WriteRequest } from './api.js'

export interface ReplicaOptions {
  readonly region: RegionId
  readonly replica: ReplicaId
  readonly storage: Storage
  readonly index: VectorIndex
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
  readonly events?: ReplicaEvents
}

/** The engine of one region. Knows ports only; every method is synchronous, and what waits for the disk calls back. */
export interface Replica {
  readonly region: RegionId
  /** Visible collections by name. */
  collections(): Collection[]
  /** @throws StoreError `COLLECTION_NOT_FOUND`. */
  collection(name: string): Collection
  /** @throws StoreError `COLLECTION_EXISTS`, `VALIDATION`; disk errors come through `done`. */
  createCollection(name: string, config: CollectionConfig, done: Done<WriteReceipt>): void
  /** `false` when there is none of that name. */
  dropCollection(name: string, done: Done<boolean>): void
  /** @throws StoreError before anything is staged: unknown collection or vector name, wrong dimension, oversize record. */
  write(request: WriteRequest, done: Done<WriteReceipt>): void
  /** Takes over a fresh link to any peer; the handshake follows. */
  attach(link: PeerLink, how: { readonly dialed: boolean }): LinkHandler
  /** Whether a live link to that region exists: a dialer then need not dial. */
  isLinked(region: RegionId): boolean
  status(): ReplicaStatus
  /** Stops taking writes, flushes, ends links, marks a clean stop. */
  close(): Promise<void>
}
