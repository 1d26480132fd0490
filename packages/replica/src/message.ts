import {
  ByteReader,
  ByteWriter,
  type CollectionUid,
  FRAME_BYTES_MAX,
  malformed,
  openFrame,
  parseCollectionUid,
  parseRegionId,
  type RegionId,
  type ReplicaId,
  SHARDS_MAX,
  sealFrame,
  StoreError,
  VersionVector,
} from '@meridian/core'
import { CLOCK_MAX } from '@meridian/shard'
import { readTraceMessage, type TraceMessage, writeTraceMessage } from './forgetting/trace-message.js'
import { type DigestMessage, readDigestMessage, writeDigestMessage } from './repair/digest-message.js'

/** Spoken on peer links. A peer with another version is refused in the handshake, by both sides. */
export const PROTOCOL_VERSION = 4

const DOCS_MAX = 1_000_000
const CLIENTS_MAX = 100_000
const TEXT_MAX = 4096
const DIGEST_BYTES = 8
const CATALOG_GOES_ON = 1
/** Of a whole catalog that goes with a state transfer, in pieces; both ends hold it in memory. */
export const CATALOG_BYTES_MAX = 48 * 1024 * 1024
export const CATALOG_PIECES_MAX = 4096

/** What one transaction, or one chunk of a state transfer, changes in one document. */
export type Part =
  | { readonly kind: 'shard'; readonly uid: CollectionUid; readonly shard: number; readonly update: Uint8Array }
  | { readonly kind: 'catalog'; readonly changes: readonly Uint8Array[] }

/** Of one block, the same in every replica. */
export interface BlockName {
  readonly uid: CollectionUid
  readonly shard: number
  readonly client: number
  readonly clock: number
}

/** Numbered as on the wire. `unknown`: the sender has not got it, or cannot read it either. */
const BLOCK_IS = ['unknown', 'here', 'removed'] as const

/** Resume cursor of one shard document: next clock by Yjs client id. */
export interface DocCursor {
  readonly uid: CollectionUid
  readonly shard: number
  readonly clocks: ReadonlyMap<number, number>
}

/**
 * Everything that replicas say to each other.
 *
 *   hello ──► hello        both ends, at once; a bad one is answered by `refuse` and the link closed
 *   update ─► acked        live and from the log, in the order of each origin; `acked` after the disk has it
 *   acked(resync)          the receiver saw a gap: send again from this vector
 *   offer ─► want ─► catalog chunk* end   state of one origin, when the log no longer reaches back; `got` after the disk
 *   heartbeat              once a second
 *   ask ──► answer         what the other has at that moment
 *   pledge                 with a heartbeat, and when it grows: what the sender will never write any more
 *   need                   send me this, whoever wrote it: it was answered, and has not come
 *   digests ─► digests ─► leaves ─► states ─► differ   what is shown, compared (`AntiEntropy`)
 *   fetch ─► block         the bytes of one block whose row is damaged at the asker
 *   trace ─► traced        what the other still has of a point that was deleted
 *   changes                all of the catalog, where the digests in heartbeats stay different
 */
export type Message =
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
  /** A hello of another protocol version: nothing else of it is read. Never sent as such. */
  | { readonly type: 'stranger'; readonly protocol: number }
  | { readonly type: 'refuse'; readonly code: string; readonly reason: string }
  | {
      readonly type: 'update'
      readonly origin: ReplicaId
      readonly seq: number
      /** HLC milliseconds of the transaction. */
      readonly atMs: number
      readonly parts: readonly Part[]
    }
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
  | { readonly type: 'offer'; readonly origin: ReplicaId }
  /** `transfer` is drawn by the receiver for each attempt; catalog, chunks and end carry it and are numbered 1, 2, 3 … */
  | {
      readonly type: 'want'
      readonly transfer: number
      readonly origin: ReplicaId
      readonly cursors: readonly DocCursor[]
    }
  | {
      readonly type: 'catalog'
      readonly transfer: number
      readonly number: number
      /** A piece of it: what follows in the next `catalog` belongs to it unless this is the last. */
      readonly saved: Uint8Array
      readonly isLast: boolean
    }
  | {
      readonly type: 'chunk'
      readonly transfer: number
      readonly number: number
      readonly uid: CollectionUid
      readonly shard: number
      readonly update: Uint8Array
    }
  | { readonly type: 'end'; readonly transfer: number; readonly number: number; readonly seq: number }
  | { readonly type: 'got'; readonly transfer: number; readonly number: number }
  /** What do you have now? Asked by a read that must see what others have acknowledged. */
  | { readonly type: 'ask'; readonly nonce: number }
  | {
      readonly type: 'answer'
      readonly nonce: number
      readonly durable: VersionVector
      readonly indexed: VersionVector
    }
  /** Own transactions of the sender after `seq` are all stamped later than `ms`. */
  | { readonly type: 'pledge'; readonly seq: number; readonly ms: number }
  /** What is missing of an answer, and has not come by itself: its writer may be gone, or the link with it. */
  | { readonly type: 'need'; readonly vector: VersionVector }
  | DigestMessage
  | TraceMessage
  | ({ readonly type: 'fetch' } & BlockName)
  | ({
      readonly type: 'block'
      readonly is: (typeof BLOCK_IS)[number]
      /** What the sender held: with `removed`, the removal is covered by it. */
      readonly durable: VersionVector
      /** Empty unless `here`. */
      readonly bytes: Uint8Array
    } & BlockName)
  /** All catalog changes that the sender holds: for long, the receiver's digest was another. */
  | { readonly type: 'changes'; readonly saved: Uint8Array }

/** What is encoded. The type byte and version of `hello`, and all of `refuse`, stay as they are in every version. */
export type Sent = Exclude<Message, { type: 'stranger' }>

const TYPE = {
  hello: 1,
  refuse: 2,
  update: 3,
  acked: 4,
  heartbeat: 5,
  offer: 6,
  want: 7,
  catalog: 8,
  chunk: 9,
  end: 10,
  got: 11,
  ask: 12,
  answer: 13,
  pledge: 14,
  need: 15,
  fetch: 16,
  block: 17,
  changes: 18,
  digests: 19,
  leaves: 20,
  states: 21,
  differ: 22,
  trace: 23,
  traced: 24,
} as const satisfies Record<Sent['type'], number>

const PART_SHARD = 1
const PART_CATALOG = 2

/** Of the bytes that a message carries, so that they are copied once. */
const payloadBytes = (message: Sent): number => {
  if (message.type === 'chunk') return message.update.length
  if (message.type === 'catalog' || message.type === 'changes') return message.saved.length
  if (message.type === 'block') return message.bytes.length
  if (message.type === 'leaves') return message.leaves.length
  if (message.type !== 'update') return 128
  return message.parts.reduce(
    (sum, part) =>
      sum +
      16 +
      (part.kind === 'shard' ? part.update.length : part.changes.reduce((all, each) => all + each.length + 4, 4)),
    0,
  )
}

/** A complete frame, checksum included. */
export const encodeMessage = (message: Sent): Uint8Array => {
  const out = new ByteWriter(128 + payloadBytes(message))
  out.u8(TYPE[message.type])
  switch (message.type) {
    case 'hello':
      out.varuint(message.protocol).text(message.region).u8(message.replica).text(message.storeId)
      out
        .u8((message.joins ? 1 : 0) | (message.isActive ? 2 : 0))
        .u32(message.instance)
        .varuint(message.blockBytes)
      message.durable.write(out)
      break
    case 'refuse':
      out.text(message.code).text(message.reason.slice(0, 1000))
      break
    case 'update':
      out.u8(message.origin).varuint(message.seq).u48(message.atMs).varuint(message.parts.length)
      for (const part of message.parts) writePart(out, part)
      break
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
    case 'offer':
      out.u8(message.origin)
      break
    case 'want':
      out.u32(message.transfer).u8(message.origin).varuint(message.cursors.length)
      for (const cursor of message.cursors) writeCursor(out, cursor)
      break
    case 'catalog':
      out.u32(message.transfer).varuint(message.number).bytes(message.saved)
      if (!message.isLast) out.u8(CATALOG_GOES_ON)
      break
    case 'chunk':
      out.u32(message.transfer).varuint(message.number)
      writeDocName(out, message.uid, message.shard)
      out.bytes(message.update)
      break
    case 'end':
      out.u32(message.transfer).varuint(message.number).varuint(message.seq)
      break
    case 'got':
      out.u32(message.transfer).varuint(message.number)
      break
    case 'ask':
      out.u32(message.nonce)
      break
    case 'answer':
      out.u32(message.nonce)
      message.durable.write(out)
      message.indexed.write(out)
      break
    case 'pledge':
      out.varuint(message.seq).u48(message.ms)
      break
    case 'need':
      message.vector.write(out)
      break
    case 'fetch':
      writeBlockName(out, message)
      break
    case 'block':
      writeBlockName(out, message)
      out.u8(BLOCK_IS.indexOf(message.is))
      message.durable.write(out)
      out.bytes(message.bytes)
      break
    case 'changes':
      out.bytes(message.saved)
      break
    case 'digests':
    case 'leaves':
    case 'states':
    case 'differ':
      writeDigestMessage(out, message)
      break
    case 'trace':
    case 'traced':
      writeTraceMessage(out, message)
      break
  }
  return sealFrame(out.peek())
}

/** @throws StoreError `DECODE_FAILED` unless the frame's checksum holds and its body is exactly one message. */
export const decodeMessage = (frame: Uint8Array): Message => {
  if (frame.length > FRAME_BYTES_MAX) throw malformed(`frame of ${frame.length} bytes`)
  const input = new ByteReader(openFrame(frame))
  const message = readMessage(input)
  input.end()
  return message
}

const readMessage = (input: ByteReader): Message => {
  const type = input.u8()
  switch (type) {
    case TYPE.hello: {
      const protocol = input.varuint()
      if (protocol !== PROTOCOL_VERSION) {
        input.raw(input.remaining)
        return { type: 'stranger', protocol }
      }
      return {
        type: 'hello',
        protocol,
        region: sound(() => parseRegionId(input.text(TEXT_MAX))),
        replica: readReplica(input),
        storeId: input.text(64),
        ...readStanding(input),
        instance: input.u32(),
        blockBytes: input.varuint(),
        durable: VersionVector.read(input),
      }
    }
    case TYPE.refuse:
      return { type: 'refuse', code: input.text(TEXT_MAX), reason: input.text(TEXT_MAX) }
    case TYPE.update: {
      const origin = readReplica(input)
      const seq = readSeq(input)
      const atMs = input.u48()
      const parts: Part[] = []
      for (let left = input.varuint(DOCS_MAX); left > 0; left--) parts.push(readPart(input))
      return { type: 'update', origin, seq, atMs, parts }
    }
    case TYPE.acked:
      return { type: 'acked', resync: readFlag(input), durable: VersionVector.read(input) }
    case TYPE.heartbeat: {
      const wallMs = input.u48()
      const echoMs = input.u48()
      const heldMs = input.varuint()
      const durable = VersionVector.read(input)
      const indexed = VersionVector.read(input)
      const sent = VersionVector.read(input)
      const links: ReplicaId[] = []
      for (let left = input.varuint(255); left > 0; left--) links.push(readReplica(input))
      const catalog = input.remaining === 0 ? '' : Buffer.from(input.raw(DIGEST_BYTES)).toString('hex')
      return { type: 'heartbeat', wallMs, echoMs, heldMs, durable, indexed, sent, links, catalog }
    }
    case TYPE.offer:
      return { type: 'offer', origin: readReplica(input) }
    case TYPE.want: {
      const transfer = input.u32()
      const origin = readReplica(input)
      const cursors: DocCursor[] = []
      for (let left = input.varuint(DOCS_MAX); left > 0; left--) cursors.push(readCursor(input))
      return { type: 'want', transfer, origin, cursors }
    }
    case TYPE.catalog:
      return {
        type: 'catalog',
        transfer: input.u32(),
        number: readSeq(input),
        saved: input.bytes(),
        isLast: readIsLast(input),
      }
    case TYPE.chunk:
      return {
        type: 'chunk',
        transfer: input.u32(),
        number: readSeq(input),
        ...readDocName(input),
        update: input.bytes(),
      }
    case TYPE.end:
      return { type: 'end', transfer: input.u32(), number: readSeq(input), seq: input.varuint() }
    case TYPE.got:
      return { type: 'got', transfer: input.u32(), number: readSeq(input) }
    case TYPE.ask:
      return { type: 'ask', nonce: input.u32() }
    case TYPE.answer:
      return {
        type: 'answer',
        nonce: input.u32(),
        durable: VersionVector.read(input),
        indexed: VersionVector.read(input),
      }
    case TYPE.pledge:
      return { type: 'pledge', seq: input.varuint(), ms: input.u48() }
    case TYPE.need:
      return { type: 'need', vector: VersionVector.read(input) }
    case TYPE.fetch:
      return { type: 'fetch', ...readBlockName(input) }
    case TYPE.block: {
      const name = readBlockName(input)
      const is = BLOCK_IS[input.u8()]
      if (is === undefined) throw malformed('state of a block')
      const durable = VersionVector.read(input)
      const bytes = input.bytes()
      if (bytes.length > 0 !== (is === 'here')) throw malformed('bytes of a block that is not here')
      return { type: 'block', ...name, is, durable, bytes }
    }
    case TYPE.changes:
      return { type: 'changes', saved: input.bytes() }
    case TYPE.digests:
      return readDigestMessage('digests', input)
    case TYPE.leaves:
      return readDigestMessage('leaves', input)
    case TYPE.states:
      return readDigestMessage('states', input)
    case TYPE.differ:
      return readDigestMessage('differ', input)
    case TYPE.trace:
      return readTraceMessage('trace', input)
    case TYPE.traced:
      return readTraceMessage('traced', input)
    default:
      throw malformed(`message type ${type}`)
  }
}

const writeDocName = (out: ByteWriter, uid: CollectionUid, shard: number): void => {
  out.raw(Buffer.from(uid, 'hex')).varuint(shard)
}

const readDocName = (input: ByteReader): { uid: CollectionUid; shard: number } => ({
  uid: sound(() => parseCollectionUid(Buffer.from(input.raw(8)).toString('hex'))),
  shard: input.varuint(SHARDS_MAX - 1),
})

const writeBlockName = (out: ByteWriter, { uid, shard, client, clock }: BlockName): void => {
  writeDocName(out, uid, shard)
  out.u32(client).varuint(clock)
}

const readBlockName = (input: ByteReader): BlockName => ({
  ...readDocName(input),
  client: input.u32(),
  clock: input.varuint(CLOCK_MAX),
})

const writePart = (out: ByteWriter, part: Part): void => {
  if (part.kind === 'shard') {
    out.u8(PART_SHARD)
    writeDocName(out, part.uid, part.shard)
    out.bytes(part.update)
  } else {
    out.u8(PART_CATALOG).varuint(part.changes.length)
    for (const change of part.changes) out.bytes(change)
  }
}

const readPart = (input: ByteReader): Part => {
  const kind = input.u8()
  if (kind === PART_SHARD) return { kind: 'shard', ...readDocName(input), update: input.bytes() }
  if (kind !== PART_CATALOG) throw malformed(`part kind ${kind}`)
  const changes: Uint8Array[] = []
  for (let left = input.varuint(DOCS_MAX); left > 0; left--) changes.push(input.bytes())
  return { kind: 'catalog', changes }
}

const writeCursor = (out: ByteWriter, cursor: DocCursor): void => {
  writeDocName(out, cursor.uid, cursor.shard)
  out.varuint(cursor.clocks.size)
  for (const [client, clock] of cursor.clocks) out.u32(client).varuint(clock)
}

const readCursor = (input: ByteReader): DocCursor => {
  const name = readDocName(input)
  const clocks = new Map<number, number>()
  for (let left = input.varuint(CLIENTS_MAX); left > 0; left--) clocks.set(input.u32(), input.varuint())
  return { ...name, clocks }
}

const readReplica = (input: ByteReader): ReplicaId => {
  const replica = input.u8()
  if (replica === 0) throw malformed('replica 0')
  return replica as ReplicaId
}

const readSeq = (input: ByteReader): number => {
  const seq = input.varuint()
  if (seq === 0) throw malformed('seq 0')
  return seq
}

const readStanding = (input: ByteReader): { joins: boolean; isActive: boolean } => {
  const bits = input.u8()
  if (bits > 3) throw malformed(`standing ${bits}`)
  return { joins: (bits & 1) !== 0, isActive: (bits & 2) !== 0 }
}

/** Nothing more is said of a catalog that is whole. */
const readIsLast = (input: ByteReader): boolean => {
  if (input.remaining === 0) return true
  if (input.u8() !== CATALOG_GOES_ON) throw malformed('a piece of a catalog')
  return false
}

const readFlag = (input: ByteReader): boolean => {
  const flag = input.u8()
  if (flag > 1) throw malformed(`flag ${flag}`)
  return flag === 1
}

const sound = <T>(parse: () => T): T => {
  try {
    return parse()
  } catch (error) {
    if (error instanceof StoreError) throw malformed(error.message)
    throw error
  }
}
