import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Log, StrangerLog, type Timers } from '@meridian/core'
import { type WebSocket, WebSocketServer } from 'ws'
import { CLOSE, type CloseCode, endSocket } from './close-codes.js'
import type { HeartbeatOptions } from './heartbeat.js'
import { type Refusal, RefusalCounts } from './refusals.js'
import type { RoomSource } from './room.js'
import { ROOM_LIMITS, RoomConnection, type RoomCounters, type RoomLimits } from './room-connection.js'
import { refuseUpgrade, requestPath, type UpgradeRoute } from './upgrade-router.js'

export const ROOM_PATH = '/sync/'

/** The idle message goes out with each ping, so the interval stays well below the 30 s of a stock client's watchdog. */
export const ROOM_HEARTBEAT: HeartbeatOptions = { intervalMs: 10_000, timeoutMs: 30_000 }

export interface RoomServerOptions {
  readonly rooms: RoomSource
  /** Whether the request may read; `false` is answered 401 before the upgrade. */
  authorize(request: IncomingMessage): boolean
  /** Asked with each wrong key: whether its address is told so; if not, it is answered 429. */
  mayGuess?(address: string): boolean
  readonly timers: Timers
  readonly log: Log
  readonly limits?: Partial<RoomLimits>
  readonly heartbeat?: HeartbeatOptions
  /** Counts what is turned away and hung up on. */
  readonly refusals?: RefusalCounts
}

export interface RoomName {
  readonly collection: string
  readonly shard: number
}

/**
 * The room in a path `/sync/<collection>/<shard>`. The stock provider appends the room's name to its address as it stands;
 * a name that was percent-encoded, slash and all, means the same room. `undefined` for anything else.
 */
export const parseRoomPath = (path: string): RoomName | undefined => {
  let name: string
  try {
    name = decodeURIComponent(path.slice(ROOM_PATH.length))
  } catch {
    return undefined
  }
  const [, collection, shard] = /^(.+)\/(0|[1-9][0-9]{0,8})$/s.exec(name) ?? []
  return path.startsWith(ROOM_PATH) && collection !== undefined ? { collection, shard: Number(shard) } : undefined
}

const addressOf = ({ socket }: IncomingMessage): string => socket.remoteAddress ?? ''

/** Serves shards to stock y-websocket clients as live, read-only documents. */
export class RoomServer {
  readonly #options: RoomServerOptions
  readonly #limits: RoomLimits
  readonly #counters: RoomCounters = { answered: 0, denied: 0, violations: 0, cut: 0 }
  readonly #sockets: WebSocketServer
  readonly #connections = new Map<RoomConnection, RoomName>()
  readonly #byAddress = new Map<string, number>()
  readonly #refusals: RefusalCounts
  readonly #strangers: StrangerLog
  #closing: Promise<void> | undefined

  constructor(options: RoomServerOptions) {
    this.#options = options
    this.#refusals = options.refusals ?? new RefusalCounts()
    this.#strangers = new StrangerLog(options.log, options.timers)
    this.#limits = { ...ROOM_LIMITS, ...options.limits }
    this.#sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: this.#limits.inboundBytesMax,
      perMessageDeflate: false,
    })
  }

  /** For `routeUpgrades`. */
  get route(): UpgradeRoute {
    return { path: ROOM_PATH, handle: (request, socket, head) => this.#upgrade(request, socket, head) }
  }

  get counters(): Readonly<RoomCounters> {
    return this.#counters
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  #refusal(request: IncomingMessage): readonly [status: number, reason: string, kind: Refusal] | undefined {
    const { authorize, mayGuess = () => true } = this.#options
    if (!authorize(request))
      return mayGuess(addressOf(request))
        ? [401, 'wrong or missing key', 'key']
        : [429, 'too many wrong keys from this address', 'key']
    if (this.#closing !== undefined) return [503, 'shutting down', 'stopping']
    if (this.#connections.size >= this.#limits.connectionsMax) return [503, 'too many connections', 'connections']
    if ((this.#byAddress.get(addressOf(request)) ?? 0) >= this.#limits.connectionsPerAddressMax)
      return [503, 'too many connections from this address', 'connections']
    return undefined
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refusal = this.#refusal(request)
    if (refusal !== undefined) {
      const [status, reason, kind] = refusal
      this.#refusals.add(kind)
      this.#strangers.warn({ remote: addressOf(request), status, reason }, 'room connection refused')
      refuseUpgrade(socket, status, reason)
      return
    }
    this.#sockets.handleUpgrade(request, socket, head, (ws) => this.#open(ws, socket as Socket, request))
  }

  #open(ws: WebSocket, socket: Socket, request: IncomingMessage): void {
    const name = parseRoomPath(requestPath(request))
    const room = name && this.#options.rooms.open(name.collection, name.shard)
    const { timers, log, heartbeat = ROOM_HEARTBEAT } = this.#options
    if (name === undefined || room === undefined) {
      ws.on('error', () => {}) // it is on its way out
      this.#refusals.add('room')
      endSocket(ws, timers, CLOSE.roomUnknown, 'no such collection or shard')
      return
    }
    const options = { timers, log, heartbeat, limits: this.#limits, counters: this.#counters, refusals: this.#refusals }
    const connection = new RoomConnection(ws, socket, room, options)
    const address = addressOf(request)
    this.#connections.set(connection, name)
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1)
    void connection.ended.then(() => {
      this.#connections.delete(connection)
      const left = this.#byAddress.get(address)! - 1
      if (left > 0) this.#byAddress.set(address, left)
      else this.#byAddress.delete(address)
    })
  }

  /** Ends the rooms of a collection that is no more. */
  dropCollection(collection: string): void {
    this.#endWhere((name) => name.collection === collection, CLOSE.roomUnknown, 'the collection was dropped')
  }

  /** Refuses new clients, sends those there are away, and waits for their sockets. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    const connections = [...this.#connections.keys()]
    this.#endWhere(() => true, CLOSE.goingAway, 'shutting down')
    await Promise.all(connections.map((connection) => connection.ended))
  }

  #endWhere(matches: (name: RoomName) => boolean, code: CloseCode, reason: string): void {
    for (const [connection, name] of [...this.#connections]) if (matches(name)) connection.end(code, reason)
  }
}
