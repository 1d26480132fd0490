import type { LinkEnd, Timers } from '@meridian/core'
import type { WebSocket } from 'ws'

/**
 * Every WebSocket close code this store sends. Stock y-websocket clients take 4400-4499 for final and do not come back; after
 * any other code they reconnect with backoff.
 */
export const CLOSE = {
  done: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  refused: 1008,
  internal: 1011,
  tryLater: 1013,
  writesRefused: 4403,
  roomUnknown: 4404,
  /** Of a link: the peer is not who it may be. */
  identity: 4409,
  /** Of a link: the peer speaks another version of the protocol. */
  otherVersion: 4426,
} as const

export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE]

/** How the engine's reasons for ending a link look on the wire. */
export const LINK_END_CODE: Readonly<Record<LinkEnd, CloseCode>> = {
  done: CLOSE.done,
  malformed: CLOSE.protocolError,
  identity: CLOSE.identity,
  protocol: CLOSE.otherVersion,
  refused: CLOSE.refused,
  silent: CLOSE.refused,
  slow: CLOSE.tryLater,
}

/** A close frame carries at most 123 bytes of reason. */
const closeReason = (text: string): string => {
  let reason = text.slice(0, 123)
  while (Buffer.byteLength(reason) > 123) reason = reason.slice(0, -1)
  return reason
}

/** How long a closing handshake may take before the socket is cut. */
const GRACE_MS = 1_000

/** Says goodbye, and cuts the socket if the other end does not answer in time. Its `close` event follows either way. */
export const endSocket = (ws: WebSocket, timers: Timers, code: CloseCode, reason: string): void => {
  ws.close(code, closeReason(reason))
  const grace = timers.after(GRACE_MS, () => ws.terminate())
  ws.once('close', () => grace[Symbol.dispose]())
}
