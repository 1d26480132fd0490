import type { Socket } from 'node:net'
import { type LinkHandler, type Log, type PeerLink, type Random, StoreError, type Timers } from '@meridian/core'
import type { WebSocket } from 'ws'
import { type BackoffOptions, backoffMs } from './backoff.js'
import { DialAttempt } from './dial-attempt.js'
import { type HeartbeatOptions, LINK_HEARTBEAT } from './heartbeat.js'
import type { RefusalCounts } from './refusals.js'
import { parseSecret } from './secret.js'
import { LINK_PATH, SocketLink } from './socket-link.js'

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
  /** Default 500 ms: while a dial is not answered, another is tried beside it this often. */
  readonly dialAgainMs?: number
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

/** Keeps one peer linked: dials, redials after every loss with growing waits, for ever, until closed. */
export class PeerDialer {
  readonly url: string
  readonly #options: PeerDialerOptions
  readonly #backoff: BackoffOptions
  #state: DialerState = { kind: 'idle' }
  #failures = 0
  #timer: Disposable | undefined
  readonly #attempts = new Set<DialAttempt>()
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
    const { timers, dialTimeoutMs = 3_000 } = this.#options
    const sinceMs = timers.elapsedMs()
    this.#state = { kind: 'dialing', attempt: this.#failures + 1, sinceMs }
    this.#attempt(sinceMs + dialTimeoutMs)
  }

  /** Another joins while it is not answered: a first packet that was lost is not sent again for a second, and then for two. */
  #attempt(untilMs: number): void {
    const { timers, clusterKey, dialAgainMs = 500 } = this.#options
    const leftMs = untilMs - timers.elapsedMs()
    const attempt = new DialAttempt(
      { url: this.url, clusterKey },
      timers,
      leftMs,
      (ws, socket) => {
        this.#attempts.delete(attempt)
        this.#abandon()
        this.#opened(ws, socket)
      },
      (reason) => {
        this.#attempts.delete(attempt)
        if (this.#attempts.size > 0) return
        this.#timer?.[Symbol.dispose]()
        this.#retry(reason)
      },
    )
    this.#attempts.add(attempt)
    if (dialAgainMs < leftMs) this.#timer = timers.after(dialAgainMs, () => this.#attempt(untilMs))
  }

  /** What is under way is of no use any more. */
  #abandon(): void {
    this.#timer?.[Symbol.dispose]()
    for (const attempt of this.#attempts) attempt.abandon()
    this.#attempts.clear()
  }

  #opened(ws: WebSocket, socket: Socket): void {
    const { timers, heartbeat = LINK_HEARTBEAT, log, onLink, refusals } = this.#options
    // The peer was quicker: a second link would only take the place of a first that is at work already.
    if (!this.#options.shouldDial()) {
      ws.terminate()
      this.#next()
      return
    }
    const sinceMs = timers.elapsedMs()
    this.#state = { kind: 'linked', sinceMs }
    this.#loggedReason = undefined
    log.info({ url: this.url }, 'linked to peer')
    const link = new SocketLink(
      ws,
      socket,
      { timers, heartbeat, ...(refusals === undefined ? {} : { refusals }) },
      onLink,
    )
    this.#link = link
    void link.ended.then((why) => this.#lost(sinceMs, why))
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
    const attempts = [...this.#attempts]
    this.#abandon()
    await Promise.all(attempts.map(({ over }) => over))
    this.#link?.goAway()
    await this.#link?.ended
  }
}
