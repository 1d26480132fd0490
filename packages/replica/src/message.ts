import { ByteReader, ByteWriter, FRAME_BYTES_MAX, malformed, openFrame, sealFrame } from '@meridian/core'
import { readTraceMessage, type TraceMessage, writeTraceMessage } from './forgetting/trace-message.js'
import {
  type HandshakeMessage,
  readHandshakeMessage,
  type Stranger,
  writeHandshakeMessage,
} from './messages/handshake-message.js'
import { type ProgressMessage, readProgressMessage, writeProgressMessage } from './messages/progress-message.js'
import { readTransferMessage, type TransferMessage, writeTransferMessage } from './messages/transfer-message.js'
import { readUpdateMessage, type UpdateMessage, updateBytes, writeUpdateMessage } from './messages/update-message.js'
import { type BlockMessage, readBlockMessage, writeBlockMessage } from './repair/block-message.js'
import { type DigestMessage, readDigestMessage, writeDigestMessage } from './repair/digest-message.js'

export { PROTOCOL_VERSION } from './messages/handshake-message.js'

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
  | HandshakeMessage
  | Stranger
  | UpdateMessage
  | ProgressMessage
  | TransferMessage
  | BlockMessage
  | DigestMessage
  | TraceMessage

/** What is encoded. */
export type Sent = Exclude<Message, Stranger>

const NUMBER_OF = {
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

const TYPE_OF = new Map<number, Sent['type']>(
  Object.entries(NUMBER_OF).map(([type, number]) => [number, type as Sent['type']]),
)

/** Of the bytes that a message carries, so that they are copied once. */
const payloadBytes = (message: Sent): number => {
  switch (message.type) {
    case 'update':
      return updateBytes(message)
    case 'chunk':
      return message.update.length
    case 'catalog':
    case 'changes':
      return message.saved.length
    case 'block':
      return message.bytes.length
    case 'leaves':
      return message.leaves.length
    default:
      return 128
  }
}

/** A complete frame, checksum included. */
export const encodeMessage = (message: Sent): Uint8Array => {
  const out = new ByteWriter(128 + payloadBytes(message))
  out.u8(NUMBER_OF[message.type])
  writeMessage(out, message)
  return sealFrame(out)
}

/** @throws StoreError `DECODE_FAILED` unless the frame's checksum holds and its body is exactly one message. */
export const decodeMessage = (frame: Uint8Array): Message => {
  if (frame.length > FRAME_BYTES_MAX) throw malformed(`frame of ${frame.length} bytes`)
  const input = new ByteReader(openFrame(frame))
  const message = readMessage(input)
  input.end()
  return message
}

const writeMessage = (out: ByteWriter, message: Sent): void => {
  switch (message.type) {
    case 'hello':
    case 'refuse':
      writeHandshakeMessage(out, message)
      break
    case 'update':
      writeUpdateMessage(out, message)
      break
    case 'acked':
    case 'heartbeat':
    case 'ask':
    case 'answer':
    case 'need':
    case 'pledge':
      writeProgressMessage(out, message)
      break
    case 'offer':
    case 'want':
    case 'catalog':
    case 'chunk':
    case 'end':
    case 'got':
    case 'changes':
      writeTransferMessage(out, message)
      break
    case 'fetch':
    case 'block':
      writeBlockMessage(out, message)
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
}

const readMessage = (input: ByteReader): Message => {
  const number = input.u8()
  const type = TYPE_OF.get(number)
  switch (type) {
    case 'hello':
    case 'refuse':
      return readHandshakeMessage(type, input)
    case 'update':
      return readUpdateMessage(input)
    case 'acked':
    case 'heartbeat':
    case 'ask':
    case 'answer':
    case 'need':
    case 'pledge':
      return readProgressMessage(type, input)
    case 'offer':
    case 'want':
    case 'catalog':
    case 'chunk':
    case 'end':
    case 'got':
    case 'changes':
      return readTransferMessage(type, input)
    case 'fetch':
    case 'block':
      return readBlockMessage(type, input)
    case 'digests':
    case 'leaves':
    case 'states':
    case 'differ':
      return readDigestMessage(type, input)
    case 'trace':
    case 'traced':
      return readTraceMessage(type, input)
    case undefined:
      throw malformed(`message type ${number}`)
  }
}
