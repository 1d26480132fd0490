import { type CheckedBlock, checkBlock, malformed, type ReplicaId, replicaOfClient } from '@meridian/core'
import type { ClockRange, ItemId, LaneEnds } from './lane.js'
import type { Anchor, LaneUpdate, UpdateSection } from './lane-update.js'

/** A struct that continues the lane, checked to the last byte. */
export type FreshStruct =
  | {
      readonly kind: 'block'
      readonly client: number
      readonly clock: number
      readonly bytes: Uint8Array
      readonly block: CheckedBlock
    }
  | { readonly kind: 'removed'; readonly client: number; readonly clock: number; readonly length: number }

/** What an update adds to what we have; hand it to `ShardDoc.integrate` as it is. */
export interface CheckedUpdate {
  /** In lane order. */
  readonly fresh: readonly FreshStruct[]
  /** Every clock in it is known once `fresh` is; some may be removed already. */
  readonly removed: readonly ClockRange[]
  /** Clocks of the update that we had already: a resend. */
  readonly skipped: number
}

/**
 * Holds a parsed update of `replica`'s lane against what is known of it. An overlap with what we have is a resend and is passed
 * over unread; a gap is not.
 *
 * @throws StoreError `DECODE_FAILED` when a client or a removal is another replica's, a section leaves a gap, a struct does not
 * hang on the item before it in the lane, a removal reaches beyond what is known, a block is malformed, or an entry was stamped
 * by another replica and is not a moved survivor. Nothing of such an update may be applied.
 */
export const checkLaneUpdate = (update: LaneUpdate, replica: ReplicaId, ends: LaneEnds): CheckedUpdate => {
  const fresh: FreshStruct[] = []
  const nextClocks = new Map<number, number>()
  let tail = ends.tail(replica)
  let skipped = 0
  for (const section of update.sections) {
    checkOwner(section, replica)
    const known = ends.nextClock(section.client)
    if (section.clock > known)
      throw malformed(`client ${section.client} continues at ${known}, not at ${section.clock}`)
    const added = freshOf(section, replica, known, tail)
    for (const struct of added) fresh.push(struct)
    const end = endOf(section)
    nextClocks.set(section.client, Math.max(known, end))
    skipped += Math.min(known, end) - section.clock
    if (end > known) tail = { client: section.client, clock: end - 1 }
  }
  for (const range of update.removed) {
    checkOwner(range, replica)
    const known = nextClocks.get(range.client) ?? ends.nextClock(range.client)
    if (range.clock + range.length > known) throw malformed(`removal beyond clock ${known} of client ${range.client}`)
  }
  return { fresh, removed: update.removed, skipped }
}

const checkOwner = ({ client }: ItemId, replica: ReplicaId): void => {
  if (replicaOfClient(client) !== replica) throw malformed(`client ${client} is not of replica ${replica}`)
}

const endOf = (section: UpdateSection): number =>
  section.structs.reduce((end, struct) => end + (struct.kind === 'block' ? 1 : struct.length), section.clock)

const freshOf = (
  section: UpdateSection,
  replica: ReplicaId,
  known: number,
  laneTail: ItemId | undefined,
): FreshStruct[] => {
  const { client } = section
  const fresh: FreshStruct[] = []
  let clock = section.clock
  let tail = laneTail
  for (const struct of section.structs) {
    const length = struct.kind === 'block' ? 1 : struct.length
    const end = clock + length
    if (end > known) {
      // A run that begins in what we have was anchored before it; the rest of it hangs on our own last clock.
      if (clock >= known) checkAnchor(struct.anchor, replica, tail)
      if (tail !== undefined && tail.client > client) throw malformed(`client ${client} of a boot that is over`)
      if (struct.kind === 'block')
        fresh.push({ kind: 'block', client, clock, bytes: struct.bytes, block: checkWriters(struct.bytes, replica) })
      else fresh.push({ kind: 'removed', client, clock: Math.max(clock, known), length: end - Math.max(clock, known) })
      tail = { client, clock: end - 1 }
    }
    clock = end
  }
  return fresh
}

const checkAnchor = (anchor: Anchor, replica: ReplicaId, tail: ItemId | undefined): void => {
  const isNext =
    anchor.kind === 'root'
      ? tail === undefined && anchor.replica === replica
      : tail !== undefined && anchor.id.client === tail.client && anchor.id.clock === tail.clock
  if (!isNext) throw malformed('struct does not continue its lane')
}

const checkWriters = (bytes: Uint8Array, replica: ReplicaId): CheckedBlock => {
  const block = checkBlock(bytes)
  if (block.moved) return block
  for (const { stamp } of block.heads)
    if (stamp.writer !== replica) throw malformed(`entry of writer ${stamp.writer} in the lane of replica ${replica}`)
  return block
}
