import { ByteReader, malformed, type ReplicaId } from '@meridian/core'
import { CLOCK_MAX, type ClockRange, type ItemId, parseLaneName, UPDATE_STRUCTS_MAX } from './lane.js'
import { HAS_ORIGIN, HAS_PARENT_SUB, HAS_RIGHT_ORIGIN, REF_BINARY, REF_DELETED, REF_MASK } from './struct-bits.js'

/** Where a struct of an update hangs: behind another item, or first in the root array of a replica. */
export type Anchor =
  | { readonly kind: 'item'; readonly id: ItemId }
  | { readonly kind: 'root'; readonly replica: ReplicaId }

export type UpdateStruct =
  | { readonly kind: 'block'; readonly anchor: Anchor; readonly bytes: Uint8Array }
  | { readonly kind: 'removed'; readonly anchor: Anchor; readonly length: number }

/** Consecutive structs of one client, the first at `clock`. */
export interface UpdateSection extends ItemId {
  readonly structs: readonly UpdateStruct[]
}

export interface LaneUpdate {
  /** One section a client, ascending by client, none empty. */
  readonly sections: readonly UpdateSection[]
  /** Ascending by client and clock, not overlapping. */
  readonly removed: readonly ClockRange[]
}

const CLIENT_MIN = 2 ** 24
const CLIENT_MAX = 2 ** 32 - 1
/** Each takes two bytes or more of an update, so its frame bounds them too. */
const REMOVED_RANGES_MAX = 2 ** 20
const LANE_NAME_BYTES_MAX = 16

/**
 * Reads a Yjs update (version 1) that consists of lane items alone: blocks and runs of removed ones, appended at a lane's end.
 * Everything else that Yjs can say (other types and contents, maps, gaps, garbage structs) is refused. Yjs's own decoder is not
 * used: it trusts lengths, parks what it does not understand, and resolves conflicts that a lane cannot have. Blocks are views
 * on `bytes` and are not looked into.
 *
 * @throws StoreError `DECODE_FAILED` on anything that is not such an update, or has more than 65,536 structs.
 */
export const parseLaneUpdate = (bytes: Uint8Array): LaneUpdate => {
  const input = new ByteReader(bytes)
  const sections = new Map<number, UpdateSection>()
  let structsLeft = UPDATE_STRUCTS_MAX
  for (let left = input.varuint(UPDATE_STRUCTS_MAX); left > 0; left--) {
    const count = input.varuint(structsLeft)
    if (count === 0) throw malformed('section without structs')
    structsLeft -= count
    const section = readSection(input, count)
    if (sections.has(section.client)) throw malformed('two sections of one client')
    sections.set(section.client, section)
  }
  const removed = readDeleteSet(input)
  input.end()
  return { sections: [...sections.values()].sort((a, b) => a.client - b.client), removed }
}

const readSection = (input: ByteReader, count: number): UpdateSection => {
  const { client, clock } = readItemId(input)
  const structs: UpdateStruct[] = []
  let end = clock
  for (let i = 0; i < count; i++) {
    const struct = readStruct(input)
    structs.push(struct)
    end += struct.kind === 'block' ? 1 : struct.length
    if (end > CLOCK_MAX) throw malformed('clock out of range')
  }
  return { client, clock, structs }
}

const readStruct = (input: ByteReader): UpdateStruct => {
  const info = input.u8()
  const ref = info & REF_MASK
  if (ref !== REF_BINARY && ref !== REF_DELETED) throw malformed(`struct of kind ${ref}`)
  if ((info & (HAS_RIGHT_ORIGIN | HAS_PARENT_SUB)) !== 0) throw malformed('struct that is not appended')
  const anchor: Anchor = info & HAS_ORIGIN ? { kind: 'item', id: readItemId(input) } : readRoot(input)
  if (ref === REF_BINARY) return { kind: 'block', anchor, bytes: input.bytes() }
  const length = input.varuint(CLOCK_MAX)
  if (length === 0) throw malformed('empty run')
  return { kind: 'removed', anchor, length }
}

const readRoot = (input: ByteReader): Anchor => {
  if (input.varuint(1) !== 1) throw malformed('parent is not a root')
  const replica = parseLaneName(input.text(LANE_NAME_BYTES_MAX))
  if (replica === undefined) throw malformed('root is not a lane')
  return { kind: 'root', replica }
}

const readDeleteSet = (input: ByteReader): ClockRange[] => {
  const removed: ClockRange[] = []
  const seen = new Set<number>()
  let rangesLeft = REMOVED_RANGES_MAX
  for (let clients = input.varuint(UPDATE_STRUCTS_MAX); clients > 0; clients--) {
    const client = readClient(input)
    if (seen.has(client)) throw malformed('two delete sets of one client')
    seen.add(client)
    let next = 0
    const count = input.varuint(rangesLeft)
    if (count === 0) throw malformed('empty delete set')
    rangesLeft -= count
    for (let i = 0; i < count; i++) {
      const clock = input.varuint(CLOCK_MAX)
      const length = input.varuint(CLOCK_MAX)
      if (clock < next || length === 0 || clock + length > CLOCK_MAX) throw malformed('delete set out of order')
      removed.push({ client, clock, length })
      next = clock + length
    }
  }
  return removed.sort((a, b) => a.client - b.client || a.clock - b.clock)
}

const readItemId = (input: ByteReader): ItemId => {
  const client = readClient(input)
  return { client, clock: input.varuint(CLOCK_MAX) }
}

const readClient = (input: ByteReader): number => {
  const client = input.varuint(CLIENT_MAX)
  if (client < CLIENT_MIN) throw malformed(`client ${client} is of no replica`)
  return client
}
