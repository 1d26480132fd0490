import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { StoreError } from '@meridian/core'
import type { Config } from './config.js'

export interface Listening {
  readonly server: Server
  readonly port: number
  readonly url: string
}

/** Headers of one request; the ones from here on are not seen, so a request that has as many is refused. */
export const HEADERS_MAX = 500
/** Longest wait for the next request on an idle connection. */
const KEEP_ALIVE_MS = 75_000

/** Makes a server that does not listen yet, so that everything behind it can be ready first. */
export const makeServer = (config: Config): Server => {
  const server = createServer({
    // Of a snapshot; whatever else has a body is read within `requestTimeoutMs`.
    requestTimeout: Math.max(config.requestTimeoutMs, config.snapshotTimeoutMs),
    headersTimeout: Math.min(config.headerTimeoutMs, config.requestTimeoutMs),
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: Math.min(5000, config.headerTimeoutMs, config.requestTimeoutMs),
  })
  server.maxHeadersCount = HEADERS_MAX
  server.maxConnections = config.connectionsMax
  // Bulk loads and searches are short messages both ways: waiting to fill a packet only adds latency.
  server.on('connection', (socket) => socket.setNoDelay(true))
  return server
}

/** @throws StoreError `BAD_REQUEST` with one line when the address is taken or not ours. */
export const listen = (server: Server, config: Config): Promise<Listening> =>
  new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(listenError(error, config))
    server.once('error', onError)
    server.listen(config.port, config.host, () => {
      server.off('error', onError)
      const { port } = server.address() as AddressInfo
      const host = ['0.0.0.0', '::'].includes(config.host)
        ? 'localhost'
        : config.host.includes(':')
          ? `[${config.host}]`
          : config.host
      resolve({ server, port, url: `http://${host}:${port}` })
    })
  })

const listenError = (error: NodeJS.ErrnoException, config: Config): StoreError => {
  const where = `${config.host}:${config.port}`
  if (error.code === 'EADDRINUSE')
    return new StoreError(
      'BAD_REQUEST',
      `--port ${config.port}: ${where} is in use by another process; stop it or choose another port`,
      { cause: error },
    )
  if (error.code === 'EACCES')
    return new StoreError(
      'BAD_REQUEST',
      `--port ${config.port}: not allowed to listen on ${where}; choose a port above 1023`,
      { cause: error },
    )
  return new StoreError(
    'BAD_REQUEST',
    `--host ${config.host}: cannot listen on ${where} (${error.code ?? error.message}); use an address of this machine`,
    { cause: error },
  )
}

/** Stops listening, lets answers under way out for `waitMs`, then ends what is left. */
export const stopListening = (server: Server, waitMs: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), waitMs)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
