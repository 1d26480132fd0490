import type { PointId } from '@meridian/core'

/** One region's view of another: part of `GET /meridian/cluster`. */
export interface PeerInfo {
  readonly region: string
  readonly replica: number
  readonly state: 'linked' | 'down'
  /** Whether it says that it has a link with the asked region; absent when it has not said. */
  readonly hearsUs?: boolean | undefined
  /** Regions that are linked with both, so that writes go that way. */
  readonly via: readonly string[]
  /** Held here and not yet durable there. */
  readonly behind: { readonly seconds: number; readonly writes: number; readonly bytes: number }
  /** Absent if never heard in this run, as `clockOffsetMs`. */
  readonly heardMsAgo?: number | undefined
  readonly clockOffsetMs?: number | undefined
  readonly transfer: 'none' | 'sending' | 'receiving'
  /** Sent and not yet acknowledged. */
  readonly inFlight: { readonly frames: number; readonly bytes: number }
  readonly lastError?: string | undefined
  /** `false` where an operator cut the link. */
  readonly enabled: boolean
}

/** One thing that is wrong with a region now; the codes are in `docs/operations.md`. */
export interface DegradationInfo {
  readonly code: string
  readonly peer?: string | undefined
  /** Tells apart several of one code and peer. */
  readonly about?: string | undefined
  readonly message: string
  readonly forSeconds: number
}

/** What is lost if the region burns now: what no other is known to have durably. */
export interface OnlyHereInfo {
  readonly seconds: number
  readonly writes: number
  readonly bytes: number
  /** Not heard since the region's process started: what they have counts as nothing. */
  readonly unheard: readonly string[]
}

/** Whether a shard showed the same in two regions when both held the same. */
export interface AgreementInfo {
  readonly region: string
  readonly replica: number
  readonly state: 'agree' | 'differ' | 'unknown'
  /** How the last comparison of this run came out. */
  readonly last?: 'agree' | 'differ' | undefined
  readonly comparedMsAgo?: number | undefined
}

export interface ClusterCollection {
  readonly name: string
  readonly uid: string
  readonly points: number
  readonly tombstones: number
  readonly shards: number
  /** Vectors merged and not in the graph yet; searches find them all the same, by exact scan. */
  readonly indexPending: number
  /** By shard, how it compares with each other region. */
  readonly digests?: readonly { readonly shard: number; readonly peers: readonly AgreementInfo[] }[]
  /** Memory of its vectors and graphs, about. */
  readonly indexBytes?: number | undefined
  /** Graph slots of deleted and superseded vectors. */
  readonly indexDead?: number | undefined
}

/** What a region does about worn graphs. */
export interface RebuildsInfo {
  /** `closed`: rebuilds go on; `half-open`: slowly; `open`: they stand still for the sake of searches. */
  readonly breaker: 'closed' | 'half-open' | 'open'
  /** Share of its thread's time that a rebuild may take, 0 to 1. */
  readonly pace?: number | undefined
  /** Interruptions, and graphs rebuilt, since the start. */
  readonly trips: number
  readonly completed: number
  /** What is being rebuilt. */
  readonly space?: { readonly collection: string; readonly vector: string } | undefined
  readonly reason?: string | undefined
  readonly progress?: number | undefined
  /** What should be and has no memory to. */
  readonly shortOfMemory?: { readonly collection: string; readonly vector: string } | undefined
}

export type VectorJson = Readonly<Record<string, number>>

/** `GET /meridian/cluster`: what one region knows. */
export interface ClusterInfo {
  readonly region: string
  readonly replica: number
  readonly version: string
  readonly uptimeSeconds: number
  /** Version vectors, replica number to sequence. */
  readonly vectors: { readonly acked: VectorJson; readonly merged: VectorJson; readonly indexed: VectorJson }
  readonly peers: readonly PeerInfo[]
  readonly onlyHere: OnlyHereInfo
  readonly degradations: readonly DegradationInfo[]
  readonly collections: readonly ClusterCollection[]
  readonly rebuilds?: RebuildsInfo | undefined
  /** Of this region: `joining`, `active` or `retired`. */
  readonly standing?: string | undefined
  /** While it is joining: what has arrived, of about how much. */
  readonly bootstrap?:
    | {
        readonly isDone: boolean
        readonly writes: { readonly done: number; readonly of: number }
        readonly bytes: { readonly done: number; readonly of: number }
      }
    | undefined
  /** Why requests are not taken, if they are not. */
  readonly unready?: string | undefined
  /** Why writes are refused, if they are. */
  readonly readOnly?: string | undefined
}

export interface RegionMemberInfo {
  readonly region: string
  readonly replica: number
  readonly status: 'joining' | 'active' | 'retired'
  readonly store_id: string
  readonly since: string
}

export interface PendingChangeInfo {
  readonly id: string
  readonly change: 'add' | 'retire'
  readonly region: string
  readonly replica: number
  readonly forced: boolean
  readonly by: string
  readonly voted: readonly string[]
  readonly missing: readonly string[]
  /** Why the asked region does not vote for it, if it does not; by force also whose vote will not come unless somebody acts. */
  readonly obstacle: string | null
}

/** `GET /meridian/regions`, as the asked region sees it. */
export interface RegionsInfo {
  /** Counts changes of membership; 0 is the founders. */
  readonly configuration: number
  readonly members: readonly RegionMemberInfo[]
  readonly pending: readonly PendingChangeInfo[]
}

export interface RegionChange {
  readonly state: 'in effect' | 'pending'
  readonly region: string
  readonly replica: number
}

export interface RetireRegion {
  readonly force?: boolean
  readonly replica?: number | undefined
  readonly lost?: readonly number[]
}

/** `GET /meridian/collections/{c}/digest`. Equal digests of all shards prove equal live records. */
export interface DigestInfo {
  readonly collection: string
  readonly uid: string
  readonly live: number
  readonly shards: readonly {
    readonly shard: number
    readonly live: number
    readonly tombstones: number
    readonly digest: string
  }[]
}

/** Whether bytes of a point stand somewhere; `unknown` when that cannot be told now. */
export type TraceInfo = 'holds' | 'clear' | 'unknown'

/** `GET /meridian/collections/{c}/points/{id}/erasure`. */
export interface ErasureInfo {
  readonly collection: string
  readonly id: PointId
  /** `absent`: no region knows anything of it; never written, or erased and its delete forgotten. */
  readonly state: 'live' | 'deleted' | 'absent'
  readonly deleted_at: string | null
  /** Every active or joining region has been asked, and none has anything of it. */
  readonly erased: boolean
  readonly regions: readonly {
    readonly region: string
    readonly replica: number | null
    readonly state: 'live' | 'deleted' | 'absent' | 'unknown'
    readonly deleted_at: string | null
    readonly log: TraceInfo
    readonly blocks: TraceInfo
    readonly conflicts: TraceInfo
    readonly graph: TraceInfo
    readonly index_files: TraceInfo
    readonly snapshots: readonly { readonly name: string; readonly creation_time: string }[]
    readonly unread_snapshots: number | null
    readonly waiting_for: readonly string[]
    /** Why the region could not be asked. */
    readonly unknown: string | null
  }[]
  readonly retired: readonly string[]
}

/** One text for a whole collection: equal exactly when every shard's digest is. */
export const digestKey = (info: DigestInfo): string =>
  [...info.shards]
    .sort((a, b) => a.shard - b.shard)
    .map((shard) => shard.digest)
    .join('-')
