import type { ReplicaId } from '@meridian/core'

/** Names one clock of one Yjs client: a block, or one clock of a run of removed blocks. */
export interface ItemId {
  /** `replica << 24 | boot`, see `clientIdOf`. */
  readonly client: number
  readonly clock: number
}

/** The clocks from `clock` (inclusive) to `clock + length` (exclusive) of one Yjs client. `length` is at least 1. */
export interface ClockRange extends ItemId {
  readonly length: number
}

/** A piece of a lane, in the order of the lane: one block, or a run of clocks whose blocks are gone. */
export type LaneStruct =
  | { readonly kind: 'block'; readonly client: number; readonly clock: number }
  | { readonly kind: 'removed'; readonly client: number; readonly clock: number; readonly length: number }

/** Where the lanes of a shard end: what the next piece of each must continue. */
export interface LaneEnds {
  /** The clock that the client's next item takes; 0 when nothing of it is known. */
  nextClock(client: number): number
  /** The last clock of the replica's lane, removed or not; `undefined` when the lane is empty. */
  tail(replica: ReplicaId): ItemId | undefined
}

/** Above this (inclusive) a clock from outside is refused: far beyond any lane, and still exact in 32 bits. */
export const CLOCK_MAX = 2 ** 31

/** Most items that one update may carry. */
export const UPDATE_STRUCTS_MAX = 65_536

const PREFIX = 'lane:'

/** Name of the root `Y.Array` that holds the blocks of one replica. */
export const laneName = (replica: number): string => `${PREFIX}${replica}`

/** The replica of a root name as `laneName` writes it; `undefined` for any other text. */
export const parseLaneName = (name: string): ReplicaId | undefined => {
  if (!name.startsWith(PREFIX)) return undefined
  const replica = Number(name.slice(PREFIX.length))
  return Number.isInteger(replica) && replica >= 1 && replica <= 255 && laneName(replica) === name
    ? (replica as ReplicaId)
    : undefined
}

/** The ranges in ascending order of client and clock, touching and overlapping ones joined. */
export const compactRanges = (ranges: readonly ClockRange[]): ClockRange[] => {
  const sorted = [...ranges].sort((a, b) => a.client - b.client || a.clock - b.clock)
  const compact: { client: number; clock: number; length: number }[] = []
  for (const { client, clock, length } of sorted) {
    const last = compact.at(-1)
    if (last !== undefined && last.client === client && clock <= last.clock + last.length)
      last.length = Math.max(last.length, clock + length - last.clock)
    else compact.push({ client, clock, length })
  }
  return compact
}
