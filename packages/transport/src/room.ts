/** One Yjs document as a read-only room serves it. Every method is called within one tick, on the engine's thread. */
export interface Room {
  /** What the document holds now, as Yjs encodes state vectors. */
  encodeStateVector(): Uint8Array
  /**
   * What a client with `stateVector` lacks, as updates of about 1 MiB, the whole delete set in the last one; small states are
   * one update. Pulled lazily: ticks pass between two chunks, and the document may change meanwhile. What is added after the
   * first pull may be left out (it is asked for again). `stateVector` was checked for shape and size, not for sense.
   * A `StoreError` thrown from here closes the connection and is logged.
   */
  encodeState(stateVector: Uint8Array): Iterable<Uint8Array>
  /**
   * Every later change, once it is durable, in order; the bytes must not be changed afterwards. Returns how to stop.
   * The listener never throws; it may stop its own subscription while it is called.
   */
  subscribe(listener: (update: Uint8Array) => void): () => void
}

/** Finds rooms by name; `undefined` where there is no such collection or shard. */
export interface RoomSource {
  open(collection: string, shard: number): Room | undefined
}
