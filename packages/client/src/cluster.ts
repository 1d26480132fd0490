/** One region's view of another: part of `GET /meridian/cluster`. */
export interface PeerInfo {
  readonly region: string
  readonly replica: number
  readonly state: string
  /** Held here and not yet durable there. */
  readonly behind: { readonly seconds: number; readonly writes: number; readonly bytes: number }
  readonly heardMsAgo?: number | undefined
  readonly clockOffsetMs?: number | undefined
  readonly transfer?: string
  readonly lastError?: string | undefined
  /** `false` when an operator cut the link on purpose. */
  readonly enabled?: boolean
}

export interface ClusterCollection {
  readonly name: string
  readonly uid?: string
  readonly points: number
  readonly tombstones: number
  /** Records merged and not yet in the graph; searches find them all the same. */
  readonly indexPending: number
}

/** `GET /meridian/cluster`: what one region knows. */
export interface ClusterInfo {
  readonly region: string
  readonly replica: number
  readonly version?: string
  readonly uptimeSeconds?: number
  readonly peers: readonly PeerInfo[]
  readonly collections: readonly ClusterCollection[]
  /** Why writes are refused, if they are. */
  readonly readOnly?: string | undefined
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

/** One text for a whole collection: equal exactly when every shard's epoch-independent digest is. */
export const digestKey = (info: DigestInfo): string =>
  [...info.shards]
    .sort((a, b) => a.shard - b.shard)
    .map((shard) => shard.digest)
    .join('-')
