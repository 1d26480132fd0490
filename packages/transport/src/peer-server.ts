import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { FRAME_BYTES_MAX, type LinkHandler, type Log, type PeerLink, StrangerLog, type Timers } from '@meridian/core'
import { WebSocketServer } from 'ws'
import { type HeartbeatOptions, LINK_HEARTBEAT } from './heartbeat.js'
import { type Refusal, RefusalCounts } from './refusals.js'
import { bearerToken, parseSecret, sameSecret } from './secret.js'
import { LINK_PATH, LINK_PROTOCOL, SocketLink } from './socket-link.js'
import { refuseUpgrade, type UpgradeRoute } from './upgrade-router.js'

export interface PeerServerOptions {
  /** What a peer must present as a bearer token. Absent: whoever reaches the port may link. */
  readonly clusterKey?: string | undefined
  readonly timers: Timers
  readonly log: Log
  /** The engine takes over a fresh link. A `StoreError` from it closes the link. */
  onLink(link: PeerLink, info: LinkInfo): LinkHandler
  /** Asked with each wrong key: whether its address is told so; if not, it is answered 429. */
  mayGuess?(address: string): boolean
  readonly heartbeat?: HeartbeatOptions
  /** Links at a time; more are answered 503. Default 256. */
  readonly linksMax?: number
  /** A link on which the peer says nothing for this long is closed. Default 10 s. */
  readonly firstFrameMs?: number
  /** Counts what is turned away and hung up on. */
  readonly refusals?: RefusalCounts
}

export interface LinkInfo {
  /** Address and port of the other end, for the log. */
  readonly remote: string
}

/** Takes links that peers dial. Everything is checked before the upgrade, and refused in plain HTTP: 400, 401, 429, 503. */
export class PeerServer {
  readonly #options: PeerServerOptions
  readonly #links = new Set<SocketLink>()
  readonly #refusals: RefusalCounts
  readonly #strangers: StrangerLog
  readonly #sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: FRAME_BYTES_MAX,
    perMessageDeflate: false,
    handleProtocols: () => LINK_PROTOCOL,
  })
  #closing: Promise<void> | undefined

  /** @throws StoreError `BAD_REQUEST` on a cluster key that does not fit into a header. */
  constructor(options: PeerServerOptions) {
    if (options.clusterKey !== undefined) parseSecret(options.clusterKey)
    this.#options = options
    this.#refusals = options.refusals ?? new RefusalCounts()
    this.#strangers = new StrangerLog(options.log, options.timers)
  }

  /** For `routeUpgrades`. */
  get route(): UpgradeRoute {
    return { path: LINK_PATH, handle: (request, socket, head) => this.#upgrade(request, socket, head) }
  }

  get linkCount(): number {
    return this.#links.size
  }

  /** Why a link is not taken, if it is not. */
  #refusal({ headers, socket }: IncomingMessage): readonly [status: number, reason: string, kind: Refusal] | undefined {
    const { clusterKey, linksMax = 256, mayGuess = () => true } = this.#options
    if (clusterKey !== undefined) {
      const token = bearerToken(headers.authorization)
      if (token === undefined || !sameSecret(token, clusterKey))
        return mayGuess(socket.remoteAddress ?? '')
          ? [401, 'wrong or missing cluster key', 'key']
          : [429, 'too many wrong cluster keys from this address', 'key']
    }
    const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
    if (!offered.includes(LINK_PROTOCOL)) return [400, `this replica speaks ${LINK_PROTOCOL}`, 'protocol']
    if (this.#closing !== undefined) return [503, 'shutting down', 'stopping']
    if (this.#links.size >= linksMax) return [503, 'too many links', 'connections']
    return undefined
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const remote = `${request.socket.remoteAddress}:${request.socket.remotePort}`
    const refusal = this.#refusal(request)
    if (refusal !== undefined) {
      const [status, reason, kind] = refusal
      this.#refusals.add(kind)
      this.#strangers.warn({ remote, status, reason }, 'peer link refused')
      refuseUpgrade(socket, status, reason)
      return
    }
    this.#sockets.handleUpgrade(request, socket, head, (ws) => {
      const { timers, heartbeat = LINK_HEARTBEAT, firstFrameMs = 10_000, onLink } = this.#options
      const options = { timers, heartbeat, firstFrameMs, refusals: this.#refusals }
      const link = new SocketLink(ws, socket as Socket, options, (l) => onLink(l, { remote }))
      this.#links.add(link)
      void link.ended.then((reason) => {
        this.#links.delete(link)
        // The engine tells of links with peers that it knows; this tells of the others too.
        if (link.isRefused) this.#strangers.warn({ remote, reason }, 'peer link ended')
      })
    })
  }

  /** Refuses new links, tells every peer that this end is going away, and waits for the sockets. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    const links = [...this.#links]
    for (const link of links) link.goAway()
    await Promise.all(links.map((link) => link.ended))
  }
}
