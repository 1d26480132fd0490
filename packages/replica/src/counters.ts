/** Monotonic since start. */
export interface Counters {
  writes: number
  transactions: number
  framesIn: number
  framesOut: number
  bytesIn: number
  bytesOut: number
  /** Frames refused by checksum or by a check. */
  framesRefused: number
  /** Frames dropped because they were duplicates or out of order. */
  framesDropped: number
  resyncs: number
  transfersSent: number
  transfersReceived: number
  /** Transactions of regions that were retired, or are being, that were given up with them and came nevertheless. */
  givenUpRefused: number
  blocksCleaned: number
  /** Deletes, and patches without a record, that this replica forgot in its own lanes. */
  tombstonesPurged: number
  /** Comparisons of a shard with a peer's that found another digest at the same vector. */
  digestsUnequal: number
  /** Records of those that were appended again, here. */
  recordsRepaired: number
}

export const newCounters = (): Counters => ({
  writes: 0,
  transactions: 0,
  framesIn: 0,
  framesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  framesRefused: 0,
  framesDropped: 0,
  resyncs: 0,
  transfersSent: 0,
  transfersReceived: 0,
  givenUpRefused: 0,
  blocksCleaned: 0,
  tombstonesPurged: 0,
  digestsUnequal: 0,
  recordsRepaired: 0,
})
