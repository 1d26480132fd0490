import type { RegionId } from '@meridian/core'

/** What can be wrong while a region runs. Names are part of the surface: they are only ever added to. */
export type DegradationCode =
  | 'BLOCKS_DAMAGED'
  | 'CLOCK_OFF'
  | 'DISK_FAILED'
  | 'DISK_FULL'
  | 'DISK_LOW'
  | 'DISK_STALLED'
  | 'DIVERGED'
  | 'EVENT_LOOP_BLOCKED'
  | 'FENCED'
  | 'FRAMES_REFUSED'
  | 'FUTURE_STAMPS'
  | 'INDEX_BEHIND'
  | 'INDEX_LOADING'
  | 'INDEX_REBUILDING'
  | 'INDEX_WORKER_DIED'
  | 'INDEX_WORN'
  | 'JOINING'
  | 'LEAVING'
  | 'MEMORY_FULL'
  | 'PEER_BEHIND'
  | 'PEER_CLOCK_OFF'
  | 'PEER_DEAF'
  | 'PEER_REFUSED'
  | 'PEER_SILENT'
  | 'PURGE_BLOCKED'
  | 'TRANSFER'

/** Something that is not as it should be, or takes from what the region can do, at this moment. */
export interface Degradation {
  readonly code: DegradationCode
  /** The other region it is about. */
  readonly peer?: RegionId
  /** Tells apart several of one code and peer: a collection, a replica number. */
  readonly about?: string
  /** One sentence for operators. */
  readonly message: string
}
