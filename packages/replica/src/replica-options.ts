import type { Clock, Log, Random, RegionId, ReplicaId, Storage, Timers, VectorIndex } from '@meridian/core'
import type { ReplicaEvents } from './api.js'
import type { FindCopies } from './forgetting/traces.js'
import type { Settings } from './settings.js'

/** Who a replica is, the ports it lives on, and what differs from the defaults. */
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
  /**
   * Runs `done` once everything that the index was handed so far can be found. Left out for an index that finds it at once, as
   * its port asks; `indexed` then goes on with `merged`.
   */
  readonly searchable?: (done: () => void) => void
  /** As its type says; left out where nothing outside of the engine keeps copies of points. */
  readonly copies?: FindCopies
  readonly settings?: Partial<Settings>
  /** Regions that are configured as peers: nothing is forgotten for good before each has been heard of. */
  readonly expects?: readonly RegionId[]
  /**
   * A new data directory joins an existing cluster: it takes in what there is before it serves anybody, and counts for nothing until
   * it was added. Otherwise it founds one, or is one of its founders. Of no effect later.
   */
  readonly joins?: boolean
}
