import { ByteReader, malformed, StoreError } from '@meridian/core'
import * as encoding from 'lib0/encoding'
import { writePermissionDenied } from 'y-protocols/auth'
import { messageYjsSyncStep1, messageYjsSyncStep2, messageYjsUpdate, writeUpdate } from 'y-protocols/sync'

/** First varuint of a y-websocket message. */
const MESSAGE = { sync: 0, awareness: 1, auth: 2, queryAwareness: 3 } as const

/** More clients than a shard has writers, by far; each costs a lookup when the answer is made. */
export const STATE_VECTOR_CLIENTS_MAX = 10_000

/** What a read-only room does with one message of a client. */
export type RoomDecision =
  /** Sync step 1: stream what is missing. The vector is well-formed; it is a view on the message. */
  | { readonly kind: 'answer'; readonly stateVector: Uint8Array }
  /** Awareness, or an update with nothing in it. */
  | { readonly kind: 'ignore' }
  /** A write. Its bytes were not decoded. */
  | { readonly kind: 'deny' }
  /** Not the protocol. */
  | { readonly kind: 'violation'; readonly reason: string }

/**
 * Reads one binary message of a client. Pure, and linear in the length of the message: updates are never decoded, as nothing
 * in one can make a room accept it.
 */
export const roomMessage = (bytes: Uint8Array): RoomDecision => {
  try {
    const reader = new ByteReader(bytes)
    const decision = readMessage(reader)
    reader.end()
    return decision
  } catch (error) {
    if (error instanceof StoreError) return { kind: 'violation', reason: error.message }
    throw error
  }
}

const readMessage = (reader: ByteReader): RoomDecision => {
  const type = reader.varuint()
  switch (type) {
    case MESSAGE.sync:
      return readSync(reader)
    case MESSAGE.awareness:
      reader.bytes()
      return { kind: 'ignore' }
    case MESSAGE.queryAwareness:
      return { kind: 'ignore' }
    default:
      throw malformed(`message type ${type} is not a client's`)
  }
}

const readSync = (reader: ByteReader): RoomDecision => {
  const type = reader.varuint()
  const content = reader.bytes()
  switch (type) {
    case messageYjsSyncStep1:
      checkStateVector(content)
      return { kind: 'answer', stateVector: content }
    case messageYjsSyncStep2:
    case messageYjsUpdate:
      return { kind: isEmptyUpdate(content) ? 'ignore' : 'deny' }
    default:
      throw malformed(`sync message type ${type}`)
  }
}

/** @throws StoreError `DECODE_FAILED` unless Yjs can decode it and it names at most `STATE_VECTOR_CLIENTS_MAX` clients. */
const checkStateVector = (bytes: Uint8Array): void => {
  const reader = new ByteReader(bytes)
  const count = reader.varuint(STATE_VECTOR_CLIENTS_MAX)
  for (let i = 0; i < count; i++) {
    reader.varuint()
    reader.varuint()
  }
  reader.end()
}

/** No structs and no deletions: what a client answers that holds nothing new. */
export const EMPTY_UPDATE: Uint8Array = new Uint8Array([0, 0])
const isEmptyUpdate = (update: Uint8Array): boolean => update.length === 2 && update[0] === 0 && update[1] === 0

/** Awareness of nobody. Stock clients reconnect after 30 s without a message; pings do not count. */
export const ROOM_IDLE_MESSAGE: Uint8Array = new Uint8Array([MESSAGE.awareness, 1, 0])

const message = (type: number, write: (encoder: encoding.Encoder) => void): Uint8Array => {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, type)
  write(encoder)
  return encoding.toUint8Array(encoder)
}

export const updateMessage = (update: Uint8Array): Uint8Array => message(MESSAGE.sync, (to) => writeUpdate(to, update))

/** Tells the client that with this it has everything: the stock provider then reports `synced`. */
export const step2Message = (update: Uint8Array): Uint8Array =>
  message(MESSAGE.sync, (to) => {
    encoding.writeVarUint(to, messageYjsSyncStep2)
    encoding.writeVarUint8Array(to, update)
  })

export const deniedMessage = (reason: string): Uint8Array =>
  message(MESSAGE.auth, (to) => writePermissionDenied(to, reason))
