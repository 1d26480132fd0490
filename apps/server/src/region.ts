import { isSparseSpace, type RegionId, spacesOf, type StoreError, type VectorIndex } from '@meridian/core'
import type { Collection, Replica } from '@meridian/replica'
import type { RefusalCounts } from '@meridian/transport'
import type { Config } from './config.js'
import type { DialerState } from '@meridian/transport'
import type { Intake } from './intake/intake.js'
import type { HealthView } from './health/health.js'
import type { Metrics } from './metrics.js'
import type { PayloadBudget } from './query/payload-budget.js'
import type { Snapshots } from './snapshots/snapshots.js'

/** Links to the other regions, as the routes see them. */
export interface Links {
  /** By peer: what its dialer is doing, and whether an operator has cut the link. */
  status(): { readonly region: string; readonly url: string; readonly enabled: boolean; readonly dialer: DialerState }[]
  /** Cuts the link with a peer, and keeps it cut, or lets it come back. In memory only. `false`: no such peer. */
  enable(region: RegionId, isEnabled: boolean): boolean
}

/** What the routes of one region work on. */
export interface Region {
  readonly config: Config
  readonly replica: Replica
  readonly index: VectorIndex
  readonly metrics: Metrics
  readonly links: Links
  readonly health: HealthView
  readonly intake: Intake
  readonly snapshots: Snapshots
  /** What was turned away or hung up on, by door. */
  readonly refusals: { readonly link: RefusalCounts; readonly room: RefusalCounts }
  readonly payloadBudget: PayloadBudget
  readonly startedAt: Date
  /** Random, for the life of the process. */
  readonly instance: string
  /** Tells the operator of work that failed after its request was answered. */
  report(error: StoreError, message: string): void
  /** Why requests are not taken; `undefined` when they are. */
  unready(): string | undefined
  /** Why this process is beyond help, so that it should be restarted; `undefined` when it is not. */
  broken(): string | undefined
}

/** @throws StoreError `COLLECTION_NOT_FOUND`. */
export const collectionOf = (region: Region, name: string): Collection =>
  region.payloadBudget.adopt(region.replica.collection(name))

/** The name of the collection that `name` or alias stands for; `undefined` if there is none. */
export const nameOf = (region: Region, name: string): string | undefined =>
  region.replica.collections().find((each) => each.name === name || each.aliases.includes(name))?.name

/** Vectors of all spaces: those a graph holds, and all; the memory they take, and slots of dead ones. */
export const indexedCounts = (
  region: Region,
  collection: Collection,
): { indexed: number; live: number; bytes: number; dead: number; isLoaded: boolean } => {
  let indexed = 0
  let live = 0
  let bytes = 0
  let dead = 0
  let isLoaded = true
  for (const [name] of spacesOf(collection.config)) {
    const stats = region.index.stats(collection.space(name))
    if (stats === undefined || stats.state === 'loading') isLoaded = false
    indexed += (stats?.live ?? 0) - (stats?.pending ?? 0)
    live += stats?.live ?? 0
    bytes += stats?.bytes ?? 0
    dead += stats?.dead ?? 0
  }
  return { indexed, live, bytes, dead, isLoaded }
}

/** Bytes of the collection's vectors that are not in a graph yet, and are scanned by every search. */
export const pendingBytes = (index: VectorIndex, collection: Collection): number => {
  let bytes = 0
  for (const [name, params] of spacesOf(collection.config)) {
    if (isSparseSpace(params) || params.multi !== undefined) continue
    bytes += (index.stats(collection.space(name))?.pending ?? 0) * params.size * 4
  }
  return bytes
}
