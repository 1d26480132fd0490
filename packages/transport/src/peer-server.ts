import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { FRAME_BYTES_MAX, type LinkHandler, type Log, type PeerLink, type Timers } from '@meridian/core'
import { WebSocketServer } from 'ws'
import { type HeartbeatOptions, LINK_HEARTBEAT } from './heartbeat.js'
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
  readonly heartbeat?: HeartbeatOptions
  /** Links at a time; more are answered 503. Default 256. */
  readonly linksMax?: number
  /** A link on which the peer says nothing for this long is closed. Default 10 s. */
  readonly firstFrameMs?: number
}

export interface LinkInfo {
  /** Address and port of the other end, for the log. */
  readonly remote: string
}

/** Takes links that peers dial. Everything is checked before the upgrade, and refused in plain HTTP: 400, 401, 503. */
export class PeerServer {
  readonly #options: PeerServerOptions
  readonly #links = new Set<SocketLink>()
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
  }

  /** For `routeUpgrades`. */
  get route(): UpgradeRoute {
    return { path: LINK_PATH, handle: (request, socket, head) => this.#upgrade(request, socket, head) }
  }

  get linkCount(): number {
    return this.#links.size
  }

  /** Status and reason for not taking a link, if there are. */
  #refusal({ headers }: IncomingMessage): readonly [status: number, reason: string] | undefined {
    const { clusterKey, linksMax = 256 } = this.#options
    if (clusterKey !== undefined) {
      const token = bearerToken(headers.authorization)
      if (token === undefined || !sameSecret(token, clusterKey)) return [401, 'wrong or missing cluster key']
    }
    const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
    if (!offered.includes(LINK_PROTOCOL)) return [400, `this replica speaks ${LINK_PROTOCOL}`]
    if (this.#closing !== undefined) return [503, 'shutting down']
    if (this.#links.size >= linksMax) return [503, 'too many links']
    return undefined
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const remote = `${request.socket.remoteAddress}:${request.socket.remotePort}`
    const refusal = this.#refusal(request)
    if (refusal !== undefined) {
      const [status, reason] = refusal
      this.#options.log.warn({ remote, status, reason }, 'peer link refused')
      refuseUpgrade(socket, status, reason)
      return
    }
    this.#sockets.handleUpgrade(request, socket, head, (ws) => {
      const { timers, heartbeat = LINK_HEARTBEAT, firstFrameMs = 10_000, onLink } = this.#options
      const link = new SocketLink(ws, socket as Socket, { timers, heartbeat, firstFrameMs }, (l) =>
        onLink(l, { remote }),
      )
      this.#links.add(link)
      void link.ended.then(() => this.#links.delete(link))
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
