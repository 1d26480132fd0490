import type { Socket } from 'node:net'
import {
  assert,
  FRAME_BYTES_MAX,
  type LinkEnd,
  type LinkHandler,
  type PeerLink,
  StoreError,
  type Timers,
} from '@meridian/core'
import { type RawData, WebSocket } from 'ws'
import { CLOSE, type CloseCode, endSocket, LINK_END_CODE } from './close-codes.js'
import { type HeartbeatOptions, heartbeat } from './heartbeat.js'
import { type Refusal, RefusalCounts, refusalOf } from './refusals.js'

/** Subprotocol of a peer link. Another version of the protocol gets another name, and the handshake refuses it. */
export const LINK_PROTOCOL = 'meridian.link.v1'
export const LINK_PATH = '/meridian/link'

export interface SocketLinkOptions {
  readonly timers: Timers
  readonly heartbeat: HeartbeatOptions
  /** Closes a link on which nothing was said for this long after it opened. */
  readonly firstFrameMs?: number
  /** Counts what this end hangs up for. */
  readonly refusals?: RefusalCounts
}

/**
 * An open WebSocket as a `PeerLink`.
 *
 * 1. `LinkHandler.closed` is called exactly once, after the last `frame`, and never before `onLink` returned.
 * 2. After `close`, nothing is sent and no frame is handed over any more.
 * 3. A socket's errors end the link; they are never thrown.
 * 4. A `StoreError` out of `onLink` or `LinkHandler.frame` closes the link; anything else is a bug and surfaces.
 */
export class SocketLink implements PeerLink {
  readonly #ws: WebSocket
  readonly #socket: Socket
  #isGathering = false
  readonly #timers: Timers
  readonly #handler: LinkHandler
  readonly #refusals: RefusalCounts
  readonly #heartbeat: Disposable
  #firstFrame: Disposable | undefined
  /** Why we ended it, or the socket's own error. */
  #reason: string | undefined
  #ending = false
  #isRefused = false
  /** Resolves with the reason, right after `LinkHandler.closed`. */
  readonly ended: Promise<string>

  /** @param ws open, with no frame read yet: call it in the tick in which it opened. */
  constructor(ws: WebSocket, socket: Socket, options: SocketLinkOptions, onLink: (link: PeerLink) => LinkHandler) {
    this.#ws = ws
    this.#socket = socket
    this.#timers = options.timers
    this.#refusals = options.refusals ?? new RefusalCounts()
    let done = (_reason: string): void => {}
    this.ended = new Promise((resolve) => {
      done = resolve
    })
    ws.on('error', (error) => {
      const refusal = refusalOf(error)
      if (refusal !== undefined && !this.#ending) this.#refused(refusal)
      this.#reason ??= error.message
    })
    ws.on('message', (data, isBinary) => this.#receive(data, isBinary))
    ws.on('close', (code, reason) => {
      this.#ending = true
      this.#heartbeat[Symbol.dispose]()
      this.#firstFrame?.[Symbol.dispose]()
      const remote =
        code === 1006 ? 'connection lost' : `closed by the peer: ${code} ${reason.toString('utf8')}`.trimEnd()
      const why = this.#reason ?? remote
      this.#handler.closed(why)
      done(why)
    })
    this.#heartbeat = heartbeat(ws, socket, options.timers, options.heartbeat, {
      dead: () => {
        if (!this.#ending) this.#refused('silent')
        this.#reason ??= 'nothing heard from the peer'
        ws.terminate()
      },
    })
    if (options.firstFrameMs !== undefined) {
      this.#firstFrame = options.timers.after(options.firstFrameMs, () =>
        this.#end(CLOSE.refused, 'no frame in time', 'silent'),
      )
    }
    this.#handler = this.#guard(() => onLink(this)) ?? { frame() {}, closed() {} }
  }

  /** Whether this end hung up because of what the other did. */
  get isRefused(): boolean {
    return this.#isRefused
  }

  get bufferedBytes(): number {
    return this.#ws.bufferedAmount
  }

  send(frame: Uint8Array): void {
    assert(frame.length <= FRAME_BYTES_MAX, `frame of ${frame.length} bytes`)
    if (this.#ending || this.#ws.readyState !== WebSocket.OPEN) return
    this.#gather()
    this.#ws.send(frame, { binary: true }, () => {})
  }

  /** What is sent in one turn leaves in one system call: a peer that catches up is sent hundreds of frames at a time. */
  #gather(): void {
    if (this.#isGathering) return
    this.#isGathering = true
    this.#socket.cork()
    process.nextTick(() => {
      this.#isGathering = false
      this.#socket.uncork()
    })
  }

  close(reason: string, end: LinkEnd = 'done'): void {
    this.#end(LINK_END_CODE[end], reason, end === 'done' ? undefined : end)
  }

  /** The process is leaving; the other end should dial again later. */
  goAway(): void {
    this.#end(CLOSE.goingAway, 'shutting down')
  }

  #end(code: CloseCode, reason: string, refusal?: Refusal): void {
    if (this.#ending) return
    this.#ending = true
    if (refusal !== undefined) this.#refused(refusal)
    this.#reason ??= reason
    endSocket(this.#ws, this.#timers, code, reason)
  }

  #refused(refusal: Refusal): void {
    this.#isRefused = true
    this.#refusals.add(refusal)
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#ending) return
    if (!isBinary) {
      this.#end(CLOSE.unsupportedData, 'frames are binary', 'text')
      return
    }
    this.#firstFrame?.[Symbol.dispose]()
    const bytes = data as Buffer
    // A plain view: `slice` of a Buffer would alias where callers expect a copy.
    const frame = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#guard(() => this.#handler.frame(frame))
  }

  #guard<T>(run: () => T): T | undefined {
    try {
      return run()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#end(CLOSE.refused, `${error.code}: ${error.message}`, 'refused')
      return undefined
    }
  }
}
