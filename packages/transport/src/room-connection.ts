import type { Socket } from 'node:net'
import { type Log, StoreError, type Timers, unreachable } from '@meridian/core'
import { type RawData, WebSocket } from 'ws'
import { CLOSE, type CloseCode, endSocket } from './close-codes.js'
import { type HeartbeatOptions, heartbeat } from './heartbeat.js'
import { type Refusal, type RefusalCounts, refusalOf } from './refusals.js'
import type { Room } from './room.js'
import {
  deniedMessage,
  EMPTY_UPDATE,
  ROOM_IDLE_MESSAGE,
  roomMessage,
  step2Message,
  updateMessage,
} from './room-message.js'
import { RoomTransfer } from './room-transfer.js'

export interface RoomLimits {
  /** Connections of all rooms together; more are answered 503. */
  readonly connectionsMax: number
  /** Of those, by one address; more are answered 503. Behind a proxy all clients share one. */
  readonly connectionsPerAddressMax: number
  /** Length of a client's message; longer ones close the connection with 1009. */
  readonly inboundBytesMax: number
  /** Bytes that wait for a client that does not read; past them it is closed with 1013. One message always fits. */
  readonly bufferBytesMax: number
  /** A client that has not sent its step 1 this long after it came is closed with 1008. */
  readonly firstStepMs: number
  /** Least time between two answers to one client's step 1; of the questions in between, the newest is answered then. */
  readonly answerIntervalMs: number
  /** Writes that are denied one by one; the next closes the connection with 4403. */
  readonly denialsMax: number
}

export const ROOM_LIMITS: RoomLimits = {
  connectionsMax: 1_000,
  connectionsPerAddressMax: 500,
  inboundBytesMax: 1024 * 1024,
  bufferBytesMax: 64 * 1024 * 1024,
  firstStepMs: 10_000,
  answerIntervalMs: 1_000,
  denialsMax: 16,
}

/** A transfer goes on when less than this waits for the client. */
const TRANSFER_WINDOW_BYTES = 1024 * 1024

const DENIED = deniedMessage('this room is read-only: write through the HTTP interface')

/** One update goes to every client of a room: it is wrapped once. */
const wrapped = new WeakMap<Uint8Array, Uint8Array>()
const wrapOnce = (update: Uint8Array): Uint8Array => {
  const known = wrapped.get(update)
  if (known !== undefined) return known
  const message = updateMessage(update)
  wrapped.set(update, message)
  return message
}

/** Monotonic since start. */
export interface RoomCounters {
  /** State vectors answered in full. */
  answered: number
  /** Writes denied. */
  denied: number
  /** Connections closed for breaking the protocol. */
  violations: number
  /** Connections closed for not keeping up. */
  cut: number
}

export interface RoomConnectionOptions {
  readonly timers: Timers
  readonly log: Log
  readonly limits: RoomLimits
  readonly counters: RoomCounters
  readonly refusals: RefusalCounts
  readonly heartbeat: HeartbeatOptions
}

/**
 * One client in one room.
 *
 *   open ──step 1──▶ transfer ──last batch──▶ live        step 1 again while live: transfer, still live
 *
 * 1. No byte of a client reaches the document.
 * 2. A client is live from the tick of its last batch: it gets every change exactly once or more, never less.
 * 3. At most `bufferBytesMax` wait for it; a transfer keeps about a megabyte waiting.
 */
export class RoomConnection {
  readonly #ws: WebSocket
  readonly #room: Room
  readonly #options: RoomConnectionOptions
  readonly #heartbeat: Disposable
  readonly #firstStep: Disposable
  #transfer: RoomTransfer | undefined
  #asked: Uint8Array | undefined
  /** Runs while another answer would come too early. */
  #pause: Disposable | undefined
  #unsubscribe: (() => void) | undefined
  #denials = 0
  #ending = false
  readonly ended: Promise<void>

  constructor(ws: WebSocket, socket: Socket, room: Room, options: RoomConnectionOptions) {
    this.#ws = ws
    this.#room = room
    this.#options = options
    ws.on('error', (error) => {
      const refusal = refusalOf(error)
      if (refusal !== undefined && !this.#ending) options.refusals.add(refusal)
      options.log.info({ reason: error.message }, 'room connection failed')
    })
    ws.on('message', (data, isBinary) => this.#receive(data, isBinary))
    this.ended = new Promise((resolve) => {
      ws.on('close', () => {
        this.#release()
        resolve()
      })
    })
    this.#heartbeat = heartbeat(ws, socket, options.timers, options.heartbeat, {
      dead: () => {
        if (!this.#ending) options.refusals.add('silent')
        ws.terminate()
      },
      beat: () => {
        if (ws.bufferedAmount < TRANSFER_WINDOW_BYTES) this.#send(ROOM_IDLE_MESSAGE)
      },
    })
    this.#firstStep = options.timers.after(options.limits.firstStepMs, () =>
      this.end(CLOSE.refused, 'no sync step 1 in time', 'silent'),
    )
  }

  end(code: CloseCode, reason: string, refusal?: Refusal): void {
    if (this.#ending) return
    this.#release()
    if (refusal !== undefined) {
      this.#options.refusals.add(refusal)
      this.#options.log.info({ reason }, 'room connection refused')
    }
    endSocket(this.#ws, this.#options.timers, code, reason)
  }

  #release(): void {
    this.#ending = true
    this.#firstStep[Symbol.dispose]()
    this.#heartbeat[Symbol.dispose]()
    this.#pause?.[Symbol.dispose]()
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.#transfer?.close()
    this.#transfer = undefined
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#ending) return
    if (!isBinary) {
      this.#options.counters.violations++
      this.end(CLOSE.unsupportedData, 'messages are binary', 'text')
      return
    }
    const decision = roomMessage(data as Buffer)
    switch (decision.kind) {
      case 'answer':
        this.#firstStep[Symbol.dispose]()
        this.#asked = new Uint8Array(decision.stateVector)
        this.#answer()
        break
      case 'ignore':
        break
      case 'deny':
        this.#options.counters.denied++
        if (++this.#denials > this.#options.limits.denialsMax)
          this.end(CLOSE.writesRefused, 'this room is read-only', 'writes')
        else this.#send(DENIED)
        break
      case 'violation':
        this.#options.counters.violations++
        this.end(CLOSE.protocolError, decision.reason, 'malformed')
        break
      default:
        unreachable(decision)
    }
  }

  #answer(): void {
    if (this.#asked === undefined || this.#transfer !== undefined || this.#pause !== undefined) return
    this.#transfer = new RoomTransfer(this.#room, this.#asked)
    this.#asked = undefined
    this.#pause = this.#options.timers.after(this.#options.limits.answerIntervalMs, () => {
      this.#pause = undefined
      this.#answer()
    })
    this.#pump()
  }

  /** Sends one batch; a finished send calls again. */
  #pump(): void {
    if (this.#transfer === undefined || this.#ws.bufferedAmount >= TRANSFER_WINDOW_BYTES) return
    try {
      const { updates, last } = this.#transfer.next()
      const final = last ? (updates.at(-1) ?? EMPTY_UPDATE) : undefined
      if (last) {
        this.#transfer = undefined
        this.#options.counters.answered++
        this.#unsubscribe ??= this.#room.subscribe((update) => this.#send(wrapOnce(update)))
      }
      for (const update of last ? updates.slice(0, -1) : updates) this.#send(updateMessage(update))
      if (final !== undefined) this.#send(step2Message(final))
      if (last) this.#answer()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#options.log.error({ error_code: error.code, reason: error.message }, 'room cannot be read')
      this.end(CLOSE.internal, error.code, 'unreadable')
    }
  }

  #send(message: Uint8Array): void {
    if (this.#ending || this.#ws.readyState !== WebSocket.OPEN) return
    const waiting = this.#ws.bufferedAmount
    if (waiting > 0 && waiting + message.length > this.#options.limits.bufferBytesMax) {
      this.#options.log.warn({ waiting_bytes: waiting }, 'room client does not keep up')
      this.#options.counters.cut++
      this.end(CLOSE.tryLater, 'too slow: reconnect to go on from where you are', 'slow')
      return
    }
    this.#ws.send(message, { binary: true }, () => this.#pump())
  }
}
