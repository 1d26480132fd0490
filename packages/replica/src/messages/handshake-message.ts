import {
  type ByteReader,
  type ByteWriter,
  malformed,
  parseRegionId,
  type RegionId,
  type ReplicaId,
  VersionVector,
} from '@meridian/core'
import { readReplica, sound, TEXT_MAX } from './fields.js'

/** Spoken on peer links. A peer with another version is refused in the handshake, by both sides. */
export const PROTOCOL_VERSION = 4

const STORE_ID_BYTES_MAX = 64
const REASON_CHARS_MAX = 1000

/**
 * The first words on a link, and the last on one that is not kept. The type byte and version of `hello`, and all of `refuse`, stay
 * as they are in every version.
 */
export type HandshakeMessage =
  | {
      readonly type: 'hello'
      readonly protocol: number
      readonly region: RegionId
      readonly replica: ReplicaId
      /** Random name of the data directory: a replica that comes back with another one is another replica. */
      readonly storeId: string
      /** It was started to join, not to found: it is taken in by those who do not know it. */
      readonly joins: boolean
      /** It is an active member in its own eyes: who joins may take it for a sponsor. */
      readonly isActive: boolean
      /** Drawn at the start of the process: two at once are two processes with one identity. */
      readonly instance: number
      /** Bytes of blocks that it stores: how much there is, for one that bootstraps. */
      readonly blockBytes: number
      readonly durable: VersionVector
    }
  | { readonly type: 'refuse'; readonly code: string; readonly reason: string }

/** A hello of another protocol version: nothing else of it is read. Never sent as such. */
export interface Stranger {
  readonly type: 'stranger'
  readonly protocol: number
}

/** Everything after the type byte. */
export const writeHandshakeMessage = (out: ByteWriter, message: HandshakeMessage): void => {
  if (message.type === 'refuse') {
    out.text(message.code).text(message.reason.slice(0, REASON_CHARS_MAX))
    return
  }
  out.varuint(message.protocol).text(message.region).u8(message.replica).text(message.storeId)
  out
    .u8((message.joins ? 1 : 0) | (message.isActive ? 2 : 0))
    .u32(message.instance)
    .varuint(message.blockBytes)
  message.durable.write(out)
}

/** @throws StoreError `DECODE_FAILED`. */
export const readHandshakeMessage = (
  type: HandshakeMessage['type'],
  input: ByteReader,
): HandshakeMessage | Stranger => {
  if (type === 'refuse') return { type, code: input.text(TEXT_MAX), reason: input.text(TEXT_MAX) }
  const protocol = input.varuint()
  if (protocol !== PROTOCOL_VERSION) {
    input.raw(input.remaining)
    return { type: 'stranger', protocol }
  }
  return {
    type,
    protocol,
    region: sound(() => parseRegionId(input.text(TEXT_MAX))),
    replica: readReplica(input),
    storeId: input.text(STORE_ID_BYTES_MAX),
    ...readStanding(input),
    instance: input.u32(),
    blockBytes: input.varuint(),
    durable: VersionVector.read(input),
  }
}

const readStanding = (input: ByteReader): { joins: boolean; isActive: boolean } => {
  const bits = input.u8()
  if (bits > 3) throw malformed(`standing ${bits}`)
  return { joins: (bits & 1) !== 0, isActive: (bits & 2) !== 0 }
}
