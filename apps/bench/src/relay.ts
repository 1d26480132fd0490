import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Passes TCP connections on to a port of this machine and counts the bytes, as they stand on the socket. */
export class Relay implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #toTarget = 0
  #fromTarget = 0

  private constructor(
    targetPort: number,
    readonly delayMs: number,
  ) {
    this.#server = createServer({ noDelay: true }, (client) => {
      const target = connect({ host: '127.0.0.1', port: targetPort, noDelay: true })
      this.#join(client, target, (bytes) => {
        this.#toTarget += bytes
      })
      this.#join(target, client, (bytes) => {
        this.#fromTarget += bytes
      })
    })
  }

  /** Every chunk is held for `delayMs` in each direction. */
  static async open(targetPort: number, delayMs = 0): Promise<Relay> {
    const relay = new Relay(targetPort, delayMs)
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

  #join(source: Socket, sink: Socket, count: (bytes: number) => void): void {
    this.#sockets.add(source)
    source.on('data', (chunk) => count(chunk.length))
    source.on('error', () => sink.destroy())
    source.on('close', () => this.#sockets.delete(source))
    if (this.delayMs === 0) {
      source.pipe(sink)
      return
    }
    const later = (run: () => void): void => void setTimeout(run, this.delayMs)
    source.on('data', (chunk) => later(() => sink.writable && sink.write(chunk)))
    source.on('end', () => later(() => sink.end()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
