import { type ByteReader, type ByteWriter, type ReplicaId, VersionVector } from '@meridian/core'
import { readFlag, readReplica } from './fields.js'

const CATALOG_DIGEST_BYTES = 8
const LINKS_MAX = 255

/** How far a replica has got, in vectors: told when it moves, every heartbeat, and when somebody asks. */
export type ProgressMessage =
  /** With `resync`, what was accepted: it says where to go on, not what is safe. */
  | { readonly type: 'acked'; readonly durable: VersionVector; readonly resync: boolean }
  | {
      readonly type: 'heartbeat'
      readonly wallMs: number
      /** The receiver's `wallMs` that was last heard, and how long ago; 0 before any. */
      readonly echoMs: number
      readonly heldMs: number
      readonly durable: VersionVector
      readonly indexed: VersionVector
      /** What was sent on this link so far: lets the receiver notice a lost tail. */
      readonly sent: VersionVector
      /** Replicas that the sender has a live link with: nothing need be relayed from them. */
      readonly links: readonly ReplicaId[]
      /** Which catalog changes the sender holds, as 16 hex digits; empty from one that does not say. */
      readonly catalog: string
    }
  /** What do you have now? Asked by a read that must see what others have acknowledged. */
  | { readonly type: 'ask'; readonly nonce: number }
  | {
      readonly type: 'answer'
      readonly nonce: number
      readonly durable: VersionVector
      readonly indexed: VersionVector
    }
  /** What is missing of an answer, and has not come by itself: its writer may be gone, or the link with it. */
  | { readonly type: 'need'; readonly vector: VersionVector }
  /** Own transactions of the sender after `seq` are all stamped later than `ms`. */
  | { readonly type: 'pledge'; readonly seq: number; readonly ms: number }

/** Everything after the type byte. */
export const writeProgressMessage = (out: ByteWriter, message: ProgressMessage): void => {
  switch (message.type) {
    case 'acked':
      out.u8(message.resync ? 1 : 0)
      message.durable.write(out)
      break
    case 'heartbeat':
      out.u48(message.wallMs).u48(message.echoMs).varuint(message.heldMs)
      message.durable.write(out)
      message.indexed.write(out)
      message.sent.write(out)
      out.varuint(message.links.length)
      for (const link of message.links) out.u8(link)
      out.raw(Buffer.from(message.catalog, 'hex'))
      break
    case 'ask':
      out.u32(message.nonce)
      break
    case 'answer':
      out.u32(message.nonce)
      message.durable.write(out)
      message.indexed.write(out)
      break
    case 'need':
      message.vector.write(out)
      break
    case 'pledge':
      out.varuint(message.seq).u48(message.ms)
      break
  }
}

/** @throws StoreError `DECODE_FAILED`. */
export const readProgressMessage = (type: ProgressMessage['type'], input: ByteReader): ProgressMessage => {
  switch (type) {
    case 'acked':
      return { type, resync: readFlag(input), durable: VersionVector.read(input) }
    case 'heartbeat': {
      const wallMs = input.u48()
      const echoMs = input.u48()
      const heldMs = input.varuint()
      const durable = VersionVector.read(input)
      const indexed = VersionVector.read(input)
      const sent = VersionVector.read(input)
      const links: ReplicaId[] = []
      for (let left = input.varuint(LINKS_MAX); left > 0; left--) links.push(readReplica(input))
      const catalog = input.remaining === 0 ? '' : Buffer.from(input.raw(CATALOG_DIGEST_BYTES)).toString('hex')
      return { type, wallMs, echoMs, heldMs, durable, indexed, sent, links, catalog }
    }
    case 'ask':
      return { type, nonce: input.u32() }
    case 'answer':
      return { type, nonce: input.u32(), durable: VersionVector.read(input), indexed: VersionVector.read(input) }
    case 'need':
      return { type, vector: VersionVector.read(input) }
    case 'pledge':
      return { type, seq: input.varuint(), ms: input.u48() }
  }
}
