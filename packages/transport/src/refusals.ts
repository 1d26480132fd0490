import type { LinkEnd } from '@meridian/core'

/** Every reason for which this store turns a WebSocket away or hangs up on it. */
export type Refusal =
  | Exclude<LinkEnd, 'done'>
  /** Wrong or missing key. */
  | 'key'
  /** Too many connections, of all or of one address. */
  | 'connections'
  | 'stopping'
  /** No such collection or shard. */
  | 'room'
  | 'text'
  | 'too-long'
  | 'fragments'
  /** More writes into a room than are denied one by one. */
  | 'writes'
  /** What was asked for cannot be read here. */
  | 'unreadable'

export type Refusals = Readonly<Record<Refusal, number>>

/** Counts, since the start of the process, by reason. */
export class RefusalCounts {
  readonly #counts: Record<Refusal, number> = {
    key: 0,
    protocol: 0,
    identity: 0,
    refused: 0,
    connections: 0,
    stopping: 0,
    room: 0,
    malformed: 0,
    text: 0,
    'too-long': 0,
    fragments: 0,
    silent: 0,
    slow: 0,
    writes: 0,
    unreadable: 0,
  }

  add(reason: Refusal): void {
    this.#counts[reason]++
  }

  get counts(): Refusals {
    return this.#counts
  }
}

/**
 * What the other end did wrong, of an error that a WebSocket emits; `undefined` where the connection just broke. The WebSocket
 * has sent its close code (1002, 1007, 1008 or 1009) by then.
 */
export const refusalOf = (error: Error): Refusal | undefined => {
  const { code } = error as NodeJS.ErrnoException
  if (code === undefined || !code.startsWith('WS_ERR_')) return undefined
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' || code === 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH')
    return 'too-long'
  return code === 'WS_ERR_TOO_MANY_BUFFERED_PARTS' ? 'fragments' : 'malformed'
}
