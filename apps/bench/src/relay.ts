import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** When a TCP stack sends the first packet of a connection again, in ms after the first time. */
const SYN_AGAIN_MS = [1000, 3000, 7000, 15_000, 31_000] as const

/** One direction of a connection. */
interface Flow {
  readonly source: Socket
  readonly sink: Socket
}

/**
 * Passes TCP connections on to a port of this machine and counts the bytes, as they stand on the socket. While it is cut nothing
 * passes and no end is told: what is under way waits, as TCP would send it again, and a connection that is opened meanwhile is
 * answered when its first packet would be sent again.
 */
export class Relay implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #flows = new Set<Flow>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #toTarget = 0
  #fromTarget = 0
  #isCut = false

  private constructor(
    readonly target: () => number,
    readonly delayMs: number,
  ) {
    this.#server = createServer({ noDelay: true }, (client) => {
      this.#sockets.add(client)
      client.on('close', () => this.#sockets.delete(client))
      client.on('error', () => {})
      if (this.#isCut) this.#knock(client, 0)
      else this.#connect(client)
    })
  }

  /**
   * Every chunk is held for `delayMs` in each direction.
   * @param target  port, or what tells it when the first connection comes
   */
  static async open(target: number | (() => number), delayMs = 0): Promise<Relay> {
    const relay = new Relay(typeof target === 'number' ? () => target : target, delayMs)
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    return relay
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Bytes passed since the start. */
  get bytes(): { readonly toTarget: number; readonly fromTarget: number } {
    return { toTarget: this.#toTarget, fromTarget: this.#fromTarget }
  }

  cut(): void {
    this.#isCut = true
    for (const { source } of this.#flows) source.pause()
  }

  heal(): void {
    this.#isCut = false
    for (const flow of this.#flows) {
      if (flow.sink.destroyed) flow.source.destroy()
      else if (flow.source.destroyed) this.#ended(flow)
      else flow.source.resume()
    }
  }

  #knock(client: Socket, attempt: number): void {
    const waitMs = (SYN_AGAIN_MS[attempt] ?? Number.POSITIVE_INFINITY) - (SYN_AGAIN_MS[attempt - 1] ?? 0)
    if (!Number.isFinite(waitMs)) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (client.destroyed) return
      if (this.#isCut) this.#knock(client, attempt + 1)
      else this.#connect(client)
    }, waitMs)
    this.#timers.add(timer)
  }

  #connect(client: Socket): void {
    const target = connect({ host: '127.0.0.1', port: this.target(), noDelay: true })
    this.#sockets.add(target)
    target.on('close', () => this.#sockets.delete(target))
    this.#join({ source: client, sink: target }, (bytes) => {
      this.#toTarget += bytes
    })
    this.#join({ source: target, sink: client }, (bytes) => {
      this.#fromTarget += bytes
    })
  }

  #join(flow: Flow, count: (bytes: number) => void): void {
    const { source, sink } = flow
    this.#flows.add(flow)
    const later = (run: () => void): void => {
      if (this.delayMs === 0) {
        run()
        return
      }
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        run()
      }, this.delayMs)
      this.#timers.add(timer)
    }
    source.on('data', (chunk: Buffer) => {
      count(chunk.length)
      later(() => {
        if (sink.writable && !sink.write(chunk)) source.pause()
      })
    })
    sink.on('drain', () => {
      if (!this.#isCut) source.resume()
    })
    source.on('end', () => later(() => sink.end()))
    source.on('error', () => {})
    source.on('close', () => {
      if (!this.#isCut) later(() => this.#ended(flow))
    })
  }

  #ended(flow: Flow): void {
    this.#flows.delete(flow)
    // After a proper end, what is still to be written goes out first.
    if (flow.source.readableEnded) flow.sink.end()
    else flow.sink.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
