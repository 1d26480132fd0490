import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

/** Takes over the socket of an upgrade request: answers it, hands it to a WebSocket, or destroys it. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

export interface UpgradeRoute {
  /** The whole path, or, ending in `/`, everything below it. */
  readonly path: string
  readonly handle: UpgradeHandler
}

/** Path of a request as sent, without the query; not decoded. */
export const requestPath = (request: IncomingMessage): string => (request.url ?? '/').split('?', 1)[0]!

/** Answers an upgrade request in plain HTTP and hangs up. */
export const refuseUpgrade = (socket: Duplex, status: number, reason: string): void => {
  const body = `${reason}\n`
  socket.once('finish', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

/**
 * Lets several WebSocket endpoints share one HTTP server: the first route that matches takes the socket, and a path that none
 * takes is answered 404. Dispose of it to detach from the server; sockets taken over live on.
 */
export const routeUpgrades = (server: Server, routes: readonly UpgradeRoute[]): Disposable => {
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // A reset before or during the handshake is nobody's error; without a listener it would end the process.
    socket.on('error', () => socket.destroy())
    const path = requestPath(request)
    const route = routes.find((r) => (r.path.endsWith('/') ? path.startsWith(r.path) : path === r.path))
    if (route === undefined) refuseUpgrade(socket, 404, 'no WebSocket endpoint here')
    else route.handle(request, socket, head)
  }
  server.on('upgrade', onUpgrade)
  return { [Symbol.dispose]: () => void server.off('upgrade', onUpgrade) }
}
