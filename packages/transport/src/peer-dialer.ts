import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import {
  FRAME_BYTES_MAX,
  type LinkHandler,
  type Log,
  type PeerLink,
  type Random,
  StoreError,
  type Timers,
} from '@meridian/core'
import { WebSocket } from 'ws'
import { type BackoffOptions, backoffMs } from './backoff.js'
import { type HeartbeatOptions, LINK_HEARTBEAT } from './heartbeat.js'
import type { RefusalCounts } from './refusals.js'
import { parseSecret } from './secret.js'
import { LINK_PATH, LINK_PROTOCOL, SocketLink } from './socket-link.js'

export interface PeerDialerOptions {
  /** Base address of the peer: `http:`, `https:`, `ws:` or `wss:`. */
  readonly url: string
  readonly clusterKey?: string | undefined
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
  /** Asked before every attempt. `false` while the peer is linked the other way round: asked again in `recheckMs`. */
  shouldDial(): boolean
  /** The engine takes over a fresh link. A `StoreError` from it closes the link. */
  onLink(link: PeerLink): LinkHandler
  readonly heartbeat?: HeartbeatOptions
  /** Default 3 s, from the first packet to the accepted upgrade: a dial that a cut swallowed is not to keep a healed link waiting. */
  readonly dialTimeoutMs?: number
  /** Default 200 ms to 1 s: a tried peer costs next to nothing, and a cut that heals is over soon. */
  readonly backoff?: BackoffOptions
  /** Default 1 s. */
  readonly recheckMs?: number
  /** Counts what is hung up on. */
  readonly refusals?: RefusalCounts
}

/**
 *            shouldDial            upgraded
 *   idle ──────────────▶ dialing ──────────▶ linked
 *    ▲ ▲                  ▲   │ failed         │ closed
 *    │ └── !shouldDial ── waiting ◀────────────┘
 *   close()
 */
export type DialerState =
  /** Not needed (the peer dialed us), or closed. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'dialing'; readonly attempt: number; readonly sinceMs: number }
  | { readonly kind: 'linked'; readonly sinceMs: number }
  /** Times are of the `Timers`' monotonic clock. `attempt` counts failures since the last link that lasted. */
  | { readonly kind: 'waiting'; readonly attempt: number; readonly retryAtMs: number; readonly reason: string }

/** Address of a peer's link endpoint. @throws StoreError `BAD_REQUEST` on anything but a plain base address. */
export const linkUrl = (base: string): string => {
  const bad = (why: string) => new StoreError('BAD_REQUEST', `peer address ${JSON.stringify(base)} ${why}`)
  if (!URL.canParse(base)) throw bad('is not a URL')
  const url = new URL(base)
  if (!/^(https?|wss?):$/.test(url.protocol)) throw bad('must start with http: or https:')
  if (url.username !== '' || url.search !== '' || url.hash !== '') throw bad('must have no user, query or fragment')
  url.protocol = /^(https|wss):$/.test(url.protocol) ? 'wss:' : 'ws:'
  url.pathname = url.pathname.replace(/\/+$/, '') + LINK_PATH
  return url.href
}

/** Of a refusal in plain HTTP; more is not worth a log line. */
const SENTENCE_BYTES_MAX = 200

/** First line of a body. `done` runs once: at the end, when enough has come, or when the connection breaks. */
const sentenceOf = (response: IncomingMessage, done: (sentence: string) => void): void => {
  let text = ''
  let isOver = false
  const end = (): void => {
    if (isOver) return
    isOver = true
    const [line = ''] = text.split(/[\r\n]/, 1)
    done(line.slice(0, SENTENCE_BYTES_MAX).replaceAll(/[^\x20-\x7e]/g, '?'))
  }
  response.setEncoding('latin1')
  response.on('data', (part: string) => {
    text += part
    if (text.length >= SENTENCE_BYTES_MAX) end()
  })
  response.once('end', end).once('close', end).once('error', end)
}

/** Keeps one peer linked: dials, redials after every loss with growing waits, for ever, until closed. */
export class PeerDialer {
  readonly url: string
  readonly #options: PeerDialerOptions
  readonly #backoff: BackoffOptions
  #state: DialerState = { kind: 'idle' }
  #failures = 0
  #timer: Disposable | undefined
  #dialing: WebSocket | undefined
  #link: SocketLink | undefined
  #loggedReason: string | undefined
  #closing: Promise<void> | undefined

  /** Dials at once. @throws StoreError `BAD_REQUEST` on a bad address or cluster key. */
  constructor(options: PeerDialerOptions) {
    if (options.clusterKey !== undefined) parseSecret(options.clusterKey)
    this.url = linkUrl(options.url)
    this.#options = options
    this.#backoff = options.backoff ?? { minMs: 200, maxMs: 1_000 }
    this.#next()
  }

  get state(): DialerState {
    return this.#state
  }

  #next(): void {
    if (this.#options.shouldDial()) {
      this.#dial()
      return
    }
    this.#failures = 0
    this.#state = { kind: 'idle' }
    this.#timer = this.#options.timers.after(this.#options.recheckMs ?? 1_000, () => this.#next())
  }

  #dial(): void {
    const { timers, clusterKey, dialTimeoutMs = 3_000, heartbeat = LINK_HEARTBEAT, onLink } = this.#options
    this.#state = { kind: 'dialing', attempt: this.#failures + 1, sinceMs: timers.elapsedMs() }
    const ws = new WebSocket(this.url, [LINK_PROTOCOL], {
      headers: clusterKey === undefined ? {} : { authorization: `Bearer ${clusterKey}` },
      maxPayload: FRAME_BYTES_MAX,
      perMessageDeflate: false,
      followRedirects: false,
    })
    this.#dialing = ws
    let reason = 'connection lost'
    let socket: Socket | undefined
    const timeout = timers.after(dialTimeoutMs, () => {
      reason = 'no answer in time'
      ws.terminate()
    })
    const failed = (): void => {
      timeout[Symbol.dispose]()
      this.#dialing = undefined
      this.#retry(reason)
    }
    ws.on('error', (error) => {
      if (reason === 'connection lost') reason = error.message
    })
    ws.once('unexpected-response', (_request, response) => {
      sentenceOf(response, (sentence) => {
        reason = `answered ${response.statusCode}${sentence === '' ? '' : `: ${sentence}`}`
        ws.terminate()
      })
    })
    ws.once('upgrade', (response) => {
      socket = response.socket
    })
    ws.once('close', failed)
    ws.once('open', () => {
      timeout[Symbol.dispose]()
      ws.off('close', failed)
      this.#dialing = undefined
      // The peer was quicker: a second link would only take the place of a first that is at work already.
      if (!this.#options.shouldDial()) {
        ws.terminate()
        this.#next()
        return
      }
      const sinceMs = timers.elapsedMs()
      this.#state = { kind: 'linked', sinceMs }
      this.#loggedReason = undefined
      this.#options.log.info({ url: this.url }, 'linked to peer')
      const { refusals } = this.#options
      const link = new SocketLink(
        ws,
        socket!,
        { timers, heartbeat, ...(refusals === undefined ? {} : { refusals }) },
        onLink,
      )
      this.#link = link
      void link.ended.then((why) => this.#lost(sinceMs, why))
    })
  }

  #lost(sinceMs: number, reason: string): void {
    this.#link = undefined
    // A link that is refused right after the upgrade is a failure like any other: only one that lasted starts afresh.
    if (this.#options.timers.elapsedMs() - sinceMs >= this.#backoff.maxMs) this.#failures = 0
    this.#retry(reason)
  }

  #retry(reason: string): void {
    if (this.#closing !== undefined) return
    const { timers, random, log } = this.#options
    if (reason !== this.#loggedReason) log.warn({ url: this.url, reason }, 'peer not linked, dialing again')
    this.#loggedReason = reason
    this.#failures++
    const waitMs = backoffMs(this.#failures, random, this.#backoff)
    this.#state = { kind: 'waiting', attempt: this.#failures, retryAtMs: timers.elapsedMs() + waitMs, reason }
    this.#timer = timers.after(waitMs, () => this.#next())
  }

  /** Stops dialing and ends the link; resolves when its socket is gone. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    this.#state = { kind: 'idle' }
    this.#timer?.[Symbol.dispose]()
    const dialing = this.#dialing
    if (dialing !== undefined) {
      const gone = new Promise<void>((resolve) => dialing.once('close', () => resolve()))
      dialing.terminate()
      await gone
    }
    this.#link?.goAway()
    await this.#link?.ended
  }
}
