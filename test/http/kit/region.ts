import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ExactIndex } from '@meridian/index'
import { createLog, parseConfig, type RunningServer, startServer } from '@meridian/server'
import { LmdbStorage } from '@meridian/storage'

export interface Reply {
  readonly status: number
  readonly text: string
  readonly error: string
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely.
  readonly result: any
}

/** One region with its data on disk, in a directory of its own below `parent`. */
export interface DiskRegion extends AsyncDisposable {
  readonly server: RunningServer
  readonly port: number
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>
  /** Everything below the parent of the data directory, but what is in the data directory. */
  filesOutside(): string[]
}

export const openRegion = async (flags: Record<string, string | string[]> = {}): Promise<DiskRegion> => {
  const parent = mkdtempSync(join(tmpdir(), 'meridian-http-'))
  const data = join(parent, 'data')
  const config = parseConfig({ region: 'eu', port: '0', 'log-level': 'silent', 'map-size': '67108864', data, ...flags })
  const log = createLog(config)
  const server = await startServer(config, log, {
    openStorage: () => LmdbStorage.open({ directory: data, mapSizeBytes: config.mapSizeBytes, log }),
    openIndex: () => new ExactIndex(),
  })
  return {
    server,
    port: server.port,
    send: async (method, path, body, headers = {}) => {
      const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array
      const response = await fetch(server.url + path, {
        method,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: (isRaw ? body : JSON.stringify(body)) as string }),
      })
      const text = await response.text()
      const isJson = response.headers.get('content-type')?.startsWith('application/json') && method !== 'HEAD'
      const json = isJson ? JSON.parse(text) : undefined
      const error = typeof json?.status === 'object' ? json.status.error : text
      return { status: response.status, text, error, headers: response.headers, result: json?.result }
    },
    filesOutside: () =>
      (readdirSync(parent, { recursive: true }) as string[]).filter((name) => !/^data(\/|$)/.test(name)),
    [Symbol.asyncDispose]: async () => {
      await server.close()
      rmSync(parent, { recursive: true, force: true })
    },
  }
}
