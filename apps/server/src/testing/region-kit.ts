import { ExactIndex } from '@meridian/index'
import { MemoryStorage } from '@meridian/storage'
import { type Config, parseConfig } from '../config.js'
import { createLog } from '../logging.js'
import { type Parts, type RunningServer, startServer } from '../serve.js'

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // Answers are looked into freely.
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests assert.
  readonly json: any
}

/** One region on a free port, its data in memory. */
export interface Kit extends AsyncDisposable {
  readonly url: string
  readonly server: RunningServer
  readonly storage: MemoryStorage
  readonly index: ExactIndex
  readonly logged: Record<string, unknown>[]
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>
  /** `send`, refused unless it succeeds; gives the result. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  ok(method: string, path: string, body?: unknown): Promise<any>
}

export interface KitOptions {
  readonly flags?: Record<string, string | string[]>
  readonly storage?: MemoryStorage
  readonly index?: ExactIndex
}

export const openKit = async ({
  flags,
  storage = new MemoryStorage(),
  index = new ExactIndex(),
}: KitOptions = {}): Promise<Kit> => {
  const config: Config = parseConfig({ region: 'eu', port: '0', 'log-level': 'debug', ...flags })
  const logged: Record<string, unknown>[] = []
  const log = createLog(config, { write: (line) => void logged.push(JSON.parse(line)) })
  const parts: Parts = { openStorage: async () => storage, openIndex: () => index }
  const server = await startServer(config, log, parts)
  const { url } = server
  const send: Kit['send'] = async (method, path, body, headers = {}) => {
    const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array
    const content = isRaw ? body : JSON.stringify(body)
    const response = await fetch(url + path, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(content === undefined ? {} : { body: content as string }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json')
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined }
  }
  return {
    url,
    server,
    storage,
    index,
    logged,
    send,
    ok: async (method, path, body) => {
      const reply = await send(method, path, body)
      if (reply.status !== 200) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`)
      return reply.json.result
    },
    [Symbol.asyncDispose]: () => server.close(),
  }
}
