/** Tunables of the engine. Times in milliseconds of monotonic time, sizes in bytes. */
export interface Settings {
  readonly heartbeatMs: number
  /** A link on which nothing is heard for this long is closed. */
  readonly silenceMs: number
  /** Unacknowledged bytes of one origin that a peer may have under way; past it the rest waits in the log, not in memory. */
  readonly windowBytes: number
  /** A local transaction is closed at this size. */
  readonly transactionBytes: number
  /** Local requests waiting for the disk above this are refused as overload. */
  readonly waitingBytesMax: number
  /** Received and not yet durable, above which further frames of peers are dropped (and sent again later). */
  readonly receivedBytesMax: number
  /** Waiting for a peer that does not read, above which its link is closed; at a quarter of it nothing more of the log is sent. */
  readonly linkBufferBytesMax: number
  /** Wait this long for a direct link before relaying between two peers. */
  readonly relayAfterMs: number
  /** A state transfer without progress for this long is asked for again. */
  readonly transferStallMs: number
  readonly transferChunkBytes: number
  readonly transferWindow: number
  /** A catalog above this goes in pieces of this size with a state transfer; at most 15 MiB. */
  readonly catalogPieceBytes: number
  /** Stamps further ahead of local time than this wait; an own clock further off than this refuses writes. */
  readonly clockGuardMs: number
  readonly maintenanceMs: number
  /** Log entries kept per origin for peers that were away. */
  readonly logRetentionEntries: number
  /** Lane bytes over live bytes above which blocks are cleaned. */
  readonly amplificationMax: number
  readonly blockCacheBytes: number
  readonly payloadCacheBytes: number
  readonly frameCacheBytes: number
  /** Largest encoded record. */
  readonly entryBytesMax: number
  /** Recent writes that are remembered, of all collections together, to notice concurrent ones whatever order they come in. */
  readonly conflictWindowWrites: number
  /** Listed conflicts of a collection; beyond it the settled ones go first, then the oldest. */
  readonly conflictsMax: number
  /** Bytes of a collection's listed conflicts: both writes in full. */
  readonly conflictBytesMax: number
  /** A conflict is forgotten when its newer write is this old. */
  readonly conflictAgeMs: number
  /** Every stored block is read, and its checksum checked, once in this time. */
  readonly scrubMs: number
  /** Peers that hold the same compare what they show this often. */
  readonly antiEntropyMs: number
}

export const DEFAULT_SETTINGS: Settings = {
  heartbeatMs: 1000,
  silenceMs: 6000,
  windowBytes: 4 << 20,
  transactionBytes: 1 << 20,
  waitingBytesMax: 256 << 20,
  receivedBytesMax: 64 << 20,
  linkBufferBytesMax: 64 << 20,
  relayAfterMs: 2000,
  transferStallMs: 3000,
  transferChunkBytes: 512 << 10,
  transferWindow: 16,
  catalogPieceBytes: 4 << 20,
  clockGuardMs: 500,
  maintenanceMs: 1000,
  logRetentionEntries: 200_000,
  amplificationMax: 2,
  blockCacheBytes: 32 << 20,
  payloadCacheBytes: 128 << 20,
  frameCacheBytes: 16 << 20,
  entryBytesMax: 8 << 20,
  conflictWindowWrites: 4096,
  conflictsMax: 10_000,
  conflictBytesMax: 64 << 20,
  conflictAgeMs: 30 * 24 * 60 * 60 * 1000,
  scrubMs: 24 * 60 * 60 * 1000,
  antiEntropyMs: 30_000,
}
