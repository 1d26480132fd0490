import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { VersionVector } from '@meridian/core'
import type { RunningServer } from '@meridian/server'
import { until } from '../../e2e/kit/until.js'

/**
 * An HTTP server that hands each request to the next region, unchanged, and gives back its answer, unchanged. Before a region is
 * asked, it must have searchable what every region that answered before had merged by then: what a session token will ask of it.
 */
export class Rotation {
  readonly answered: number[]
  readonly #regions: readonly RunningServer[]
  readonly #server: Server
  #next = 0
  #seen: VersionVector

  private constructor(regions: readonly RunningServer[]) {
    this.#regions = regions
    this.answered = regions.map(() => 0)
    this.#seen = regions[0]!.replica.status().vectors.merged
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
    const { replica, port } = this.#regions[which]!
    const body = await buffer(req)
    const target = this.#seen
    await until(
      'the next region has what the last ones had',
      () => replica.status().vectors.indexed.dominates(target),
      {
        everyMs: 2,
      },
    )
    const { method, url, headers } = req
    const onward = request({ host: '127.0.0.1', port, method, path: url, headers: { ...headers, connection: 'close' } })
    onward.end(body)
    const [answer] = (await once(onward, 'response')) as [IncomingMessage]
    const content = await buffer(answer)
    this.#seen = this.#seen.join(replica.status().vectors.merged)
    this.answered[which]!++
    const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...kept } = answer.headers
    res.writeHead(answer.statusCode!, kept).end(content)
  }
}
