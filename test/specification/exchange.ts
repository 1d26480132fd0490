import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** One request and its answer, as they went over the wire. */
export interface Exchange {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly status: number
  readonly contentType: string
  /** `undefined` when it was not JSON, empty, not read to its end, or longer than `BYTES_MAX`. */
  readonly request: string | undefined
  /** As `request`. */
  readonly answer: string | undefined
}

/** Longer bodies are those of tests of the limits; holding them twice is not worth their check. */
const BYTES_MAX = 48 * 1024 * 1024
const IDS_MAX = 10_000
const SERVED = 'http.server.request.start'

/**
 * Hears of every exchange of this process with a region, and tells nobody. Servers of this process are heard where they serve, so that
 * whatever client calls them is heard too; of servers in processes of their own, what `fetch` is asked for. An
 * exchange is told before its caller has the answer.
 */
export const listen = (hear: (exchange: Exchange) => void): Disposable => {
  /** Ids of requests that were heard: the answer of a proxy, or of a `fetch` to a server of this process, is not told twice. */
  const heard = new Set<string>()
  const isNew = (requestId: string): boolean => {
    if (heard.has(requestId)) return false
    if (heard.size === IDS_MAX) heard.clear()
    heard.add(requestId)
    return true
  }
  const onRequest = (message: unknown): void => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse }
    tapServed(request, response, (requestId, exchange) => {
      if (isNew(requestId)) hear(exchange)
    })
  }
  subscribe(SERVED, onRequest)
  const plain = globalThis.fetch
  globalThis.fetch = async (input, init) => {
    const response = await plain(input, init)
    const requestId = response.headers.get('x-request-id')
    if (requestId === null || !isNew(requestId)) return response
    const contentType = response.headers.get('content-type') ?? ''
    const answer = isJson(contentType) ? await textOf(response) : undefined
    hear({
      method: init?.method ?? 'GET',
      url: response.url.replace(/^https?:\/\/[^/]*/, ''),
      status: response.status,
      contentType,
      request: typeof init?.body === 'string' && init.body !== '' ? init.body : undefined,
      answer,
    })
    return response
  }
  return {
    [Symbol.dispose]: () => {
      unsubscribe(SERVED, onRequest)
      globalThis.fetch = plain
    },
  }
}

/** The connection may end before the body does: that is for the caller to find out. */
const textOf = (response: Response): Promise<string | undefined> =>
  response
    .clone()
    .text()
    .catch(() => undefined)

const isJson = (contentType: string): boolean => contentType.startsWith('application/json')

const tapServed = (
  request: IncomingMessage,
  response: ServerResponse,
  tell: (requestId: string, exchange: Exchange) => void,
): void => {
  const sent = isJson(request.headers['content-type'] ?? '') ? new Pieces() : undefined
  const push = request.push.bind(request)
  request.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (chunk === null) sent?.end()
    else sent?.add(chunk)
    return push(chunk, encoding)
  }
  let answered: Pieces | undefined
  const add = (chunk: unknown): void => {
    if (!isJson(String(response.getHeader('content-type')))) return
    answered ??= new Pieces()
    answered.add(chunk)
  }
  const write = response.write.bind(response)
  const end = response.end.bind(response)
  response.write = ((chunk: unknown, ...rest: []) => {
    add(chunk)
    return write(chunk, ...rest)
  }) as typeof response.write
  response.end = ((...rest: []) => {
    const [chunk] = rest as unknown[]
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) add(chunk)
    answered?.end()
    const requestId = response.getHeader('x-request-id')
    // Without its connection nobody is answered, and Koa does not print the body.
    if (typeof requestId === 'string' && response.socket?.writable === true)
      tell(requestId, {
        method: request.method!,
        url: request.url!,
        status: response.statusCode,
        contentType: String(response.getHeader('content-type') ?? ''),
        request: sent?.text(),
        answer: request.method === 'HEAD' ? undefined : answered?.text(),
      })
    return end(...rest)
  }) as typeof response.end
}

/** A body, collected. */
class Pieces {
  #chunks: Buffer[] = []
  #bytes = 0
  #isWhole = false

  add(chunk: unknown): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk as Uint8Array)
    this.#bytes += bytes.length
    if (this.#bytes <= BYTES_MAX) this.#chunks.push(bytes)
    else this.#chunks = []
  }

  end(): void {
    this.#isWhole = true
  }

  text(): string | undefined {
    return this.#isWhole && this.#bytes > 0 && this.#bytes <= BYTES_MAX
      ? Buffer.concat(this.#chunks).toString('utf8')
      : undefined
  }
}
