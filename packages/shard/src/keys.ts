import { ByteReader, ByteWriter, type CollectionUid, malformed, parseCollectionUid } from '@meridian/core'
import { CLOCK_MAX, type ClockRange, type ItemId } from './lane.js'

/*
 * Storage keys of the data plane. Hex of fixed width, so that bytewise order is (shard, client, clock) order, which within
 * one replica is lane order.
 *
 *   block/<uid>/<shard:4>/<client:8>/<clock:8>   bytes of a block
 *   gone/<uid>/<shard:4>/<client:8>              clocks of one client whose blocks were removed
 */

const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0')

/** Prefix of every block of a collection. */
export const blockPrefix = (uid: CollectionUid): string => `block/${uid}/`
export const shardBlockPrefix = (uid: CollectionUid, shard: number): string => `${blockPrefix(uid)}${hex(shard, 4)}/`
export const clientBlockPrefix = (uid: CollectionUid, shard: number, client: number): string =>
  `${shardBlockPrefix(uid, shard)}${hex(client, 8)}/`
export const blockKey = (uid: CollectionUid, shard: number, client: number, clock: number): string =>
  blockKeyBelow(clientBlockPrefix(uid, shard, client), clock)
/** `prefix` is that of the client. */
export const blockKeyBelow = (prefix: string, clock: number): string => prefix + hex(clock, 8)

export interface BlockKey extends ItemId {
  readonly uid: CollectionUid
  readonly shard: number
}

const BLOCK_KEY = /^block\/([0-9a-f]{16})\/([0-9a-f]{4})\/([0-9a-f]{8})\/([0-9a-f]{8})$/

/** @throws StoreError `DECODE_FAILED` unless `blockKey` wrote it. */
export const parseBlockKey = (key: string): BlockKey => {
  const match = BLOCK_KEY.exec(key)
  if (match === null) throw malformed(`block key ${JSON.stringify(key)}`)
  const [, uid, shard, client, clock] = match as unknown as [string, string, string, string, string]
  return {
    uid: parseCollectionUid(uid),
    shard: parseInt(shard, 16),
    client: parseInt(client, 16),
    clock: parseInt(clock, 16),
  }
}

/** Prefix of every `gone` key of a collection. */
export const gonePrefix = (uid: CollectionUid): string => `gone/${uid}/`
export const shardGonePrefix = (uid: CollectionUid, shard: number): string => `${gonePrefix(uid)}${hex(shard, 4)}/`
export const goneKey = (uid: CollectionUid, shard: number, client: number): string =>
  `${shardGonePrefix(uid, shard)}${hex(client, 8)}`

export interface GoneKey {
  readonly uid: CollectionUid
  readonly shard: number
  readonly client: number
}

const GONE_KEY = /^gone\/([0-9a-f]{16})\/([0-9a-f]{4})\/([0-9a-f]{8})$/

/** @throws StoreError `DECODE_FAILED` unless `goneKey` wrote it. */
export const parseGoneKey = (key: string): GoneKey => {
  const match = GONE_KEY.exec(key)
  if (match === null) throw malformed(`gone key ${JSON.stringify(key)}`)
  const [, uid, shard, client] = match as unknown as [string, string, string, string]
  return { uid: parseCollectionUid(uid), shard: parseInt(shard, 16), client: parseInt(client, 16) }
}

/** Ranges of one client, ascending and not touching, as gap and length each. */
export const encodeGone = (ranges: readonly Pick<ClockRange, 'clock' | 'length'>[]): Uint8Array => {
  const out = new ByteWriter(16 + ranges.length * 4)
  out.varuint(ranges.length)
  let next = 0
  for (const { clock, length } of ranges) {
    out.varuint(clock - next).varuint(length)
    next = clock + length
  }
  return out.finish()
}

/** @throws StoreError `DECODE_FAILED` unless the bytes are exactly one list of ascending ranges. */
export const decodeGone = (bytes: Uint8Array, client: number): ClockRange[] => {
  const input = new ByteReader(bytes)
  const ranges: ClockRange[] = []
  let next = 0
  for (let left = input.varuint(bytes.length); left > 0; left--) {
    const clock = next + input.varuint(CLOCK_MAX)
    const length = input.varuint(CLOCK_MAX)
    if (length === 0 || (clock === next && ranges.length > 0)) throw malformed('ranges touch')
    next = clock + length
    if (next > CLOCK_MAX) throw malformed('range out of bounds')
    ranges.push({ client, clock, length })
  }
  input.end()
  return ranges
}
