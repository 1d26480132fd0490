import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { RunningServer } from '@meridian/server'

/**
 * An HTTP server that hands each request to the next region and gives back its answer. It keeps one session: each request carries
 * the `meridian-token` of the answers before it. That token is all that makes a region wait for what another has written.
 */
export class Rotation {
  readonly answered: number[]
  readonly #regions: readonly RunningServer[]
  readonly #server: Server
  #next = 0
  /** Not yet covered by the token of a later answer. */
  readonly #tokens = new Set<string>()

  private constructor(regions: readonly RunningServer[]) {
    this.#regions = regions
    this.answered = regions.map(() => 0)
    this.#server = createServer((req, res) => {
      this.#forward(req, res).catch((error: unknown) => res.destroy(error instanceof Error ? error : undefined))
    })
  }

  static async open(regions: readonly RunningServer[]): Promise<Rotation> {
    const rotation = new Rotation(regions)
    rotation.#server.listen(0, '127.0.0.1')
    await once(rotation.#server, 'listening')
    return rotation
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #forward(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const which = this.#next
    this.#next = (which + 1) % this.#regions.length
    const { port } = this.#regions[which]!
    const body = await buffer(req)
    const sent = [...this.#tokens]
    const token = sent.length === 0 ? {} : { 'meridian-token': sent.join(',') }
    const headers = { ...req.headers, ...token, connection: 'close' }
    const onward = request({ host: '127.0.0.1', port, method: req.method, path: req.url, headers })
    onward.end(body)
    const [answer] = (await once(onward, 'response')) as [IncomingMessage]
    const content = await buffer(answer)
    const given = answer.headers['meridian-token']
    if (typeof given === 'string') {
      for (const each of sent) this.#tokens.delete(each)
      this.#tokens.add(given)
    }
    this.answered[which]!++
    const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...kept } = answer.headers
    res.writeHead(answer.statusCode!, kept).end(content)
  }
}
