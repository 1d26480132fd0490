import { ExactIndex } from '@meridian/index'
import { createApp } from '../app.js'
import { type Config, parseConfig } from '../config.js'
import { Gate } from '../gate.js'
import { listen, makeServer, stopListening } from '../http-server.js'
import { createLog } from '../logging.js'
import { Metrics } from '../metrics.js'
import type { Region } from '../region.js'
import { FakeReplica } from './fake-replica.js'

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // Answers are looked into freely.
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests assert.
  readonly json: any
}

/** One region's HTTP surface on a free port. */
export interface Kit extends AsyncDisposable {
  readonly url: string
  readonly region: Region
  readonly replica: FakeReplica
  readonly gate: Gate
  readonly logged: Record<string, unknown>[]
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>
  /** `send`, refused unless it succeeds; gives the result. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  ok(method: string, path: string, body?: unknown): Promise<any>
  close(): Promise<void>
}

export const openKit = async (flags: Record<string, string> = {}, change: Partial<Region> = {}): Promise<Kit> => {
  const config: Config = parseConfig({ region: 'eu', port: '0', ...flags })
  const logged: Record<string, unknown>[] = []
  const log = createLog(config, { write: (line) => void logged.push(JSON.parse(line)) })
  const index = new ExactIndex()
  const replica = new FakeReplica(index)
  const gate = new Gate()
  const region: Region = {
    config,
    replica,
    index,
    metrics: new Metrics(),
    links: { status: () => [], enable: () => false },
    startedAt: new Date(),
    instance: 'test',
    unready: () => replica.readOnly,
    ...change,
  }
  const server = makeServer(config)
  server.on('request', createApp(region, gate, log).callback())
  const { url } = await listen(server, config)
  const send: Kit['send'] = async (method, path, body, headers = {}) => {
    const text =
      body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
    const response = await fetch(url + path, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(text === undefined ? {} : { body: text as string }),
    })
    const reply = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json')
    return {
      status: response.status,
      headers: response.headers,
      text: reply,
      json: isJson ? JSON.parse(reply) : undefined,
    }
  }
  const close = (): Promise<void> => stopListening(server, 0)
  return {
    url,
    region,
    replica,
    gate,
    logged,
    send,
    ok: async (method, path, body) => {
      const reply = await send(method, path, body)
      if (reply.status !== 200) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`)
      return reply.json.result
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
