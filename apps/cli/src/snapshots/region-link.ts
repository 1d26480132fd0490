import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ClientError, parseJson } from '@meridian/client'

export interface LinkOptions {
  /** Base URL of one region. */
  readonly url: string
  readonly apiKey?: string | undefined
  /** Cancels whatever is under way. */
  readonly signal: AbortSignal
  /** Longest silence while connecting and while bytes flow, in ms. Default 60,000. */
  readonly silenceMs?: number
}

export interface Ask {
  readonly method: 'GET' | 'PUT' | 'POST'
  /** Starts with a slash; names in it are encoded. */
  readonly path: string
  readonly body?: AskBody
}

export interface AskBody {
  readonly contentType: string
  /** Exact length of all `pieces`. */
  readonly bytes: number
  readonly pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

const SILENCE_MS = 60_000
/** Probes of an idle connection, so that the middle of the way does not forget it while the region works. */
const KEEP_ALIVE_MS = 30_000
/** Of an answer that is not a file. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024

/**
 * One region, for calls that take as long as they take: bytes are streamed both ways and the region's work has no bound, which
 * `fetch` ends after five minutes. Silence is bounded while bytes flow. Every call is one try on a connection of its own.
 */
export class RegionLink {
  readonly #url: string
  readonly #options: LinkOptions

  constructor(options: LinkOptions) {
    this.#url = options.url.replace(/\/+$/, '')
    this.#options = options
  }

  /** The `result` of the envelope. @throws ClientError, and what the pieces of the body throw. */
  async result<T>(ask: Ask): Promise<T> {
    const body = parsed(await this.#text(await this.#open(ask)))
    if (isObject(body) && 'result' in body) return body.result as T
    throw new ClientError(200, `${this.#url}${ask.path} answered without a result`, 'BAD_ANSWER')
  }

  /** The body of the answer, as it comes in. @throws ClientError as `result`, and when it ends too early. */
  async *bytes(ask: Ask): AsyncGenerator<Uint8Array> {
    const response = await this.#open(ask)
    try {
      yield* response as AsyncIterable<Uint8Array>
    } catch (error) {
      throw this.#problem(error)
    }
  }

  /**
   * The answer with its body still to come; it is to be read to its end, or destroyed.
   * @throws ClientError for an error status, with the region's sentence, and when no answer comes; and what `pieces` throw.
   */
  async #open(ask: Ask): Promise<IncomingMessage> {
    const { signal, apiKey, silenceMs = SILENCE_MS } = this.#options
    const { promise, resolve, reject } = withResolvers<IncomingMessage>()
    const url = new URL(this.#url + ask.path)
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
      method: ask.method,
      agent: false,
      timeout: silenceMs,
      signal,
      headers: {
        accept: '*/*',
        'content-length': ask.body?.bytes ?? 0,
        ...(ask.body === undefined ? {} : { 'content-type': ask.body.contentType }),
        ...(apiKey === undefined ? {} : { 'api-key': apiKey }),
      },
    })
    let answer: IncomingMessage | undefined
    request.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS))
    request.on('timeout', () =>
      (answer ?? request).destroy(new ClientError(0, `${this.#url} was silent for ${silenceMs} ms`, 'TIMEOUT')),
    )
    request.on('finish', () => answer ?? request.setTimeout(0))
    request.on('error', (error) => reject(this.#problem(error)))
    request.on('response', (response) => {
      answer = response
      request.setTimeout(silenceMs)
      resolve(response)
    })
    if (ask.body === undefined) request.end()
    // A refusal may come before the whole body is sent: then the answer counts, and not that sending it ended.
    else pipeline(Readable.from(ask.body.pieces), request).catch((error: unknown) => reject(this.#problem(error)))
    const response = await promise
    const status = response.statusCode ?? 0
    if (status >= 200 && status < 300) return response
    try {
      throw new ClientError(
        status,
        sentence(await this.#text(response)) ?? `HTTP ${status} ${response.statusMessage ?? ''}`,
      )
    } finally {
      request.destroy()
    }
  }

  async #text(response: IncomingMessage): Promise<string> {
    const chunks: Uint8Array[] = []
    let bytes = 0
    try {
      for await (const chunk of response as AsyncIterable<Uint8Array>) {
        bytes += chunk.length
        if (bytes > ANSWER_BYTES_MAX) throw new ClientError(0, `the answer of ${this.#url} is too long`, 'BAD_ANSWER')
        chunks.push(chunk)
      }
    } catch (error) {
      throw this.#problem(error)
    }
    return Buffer.concat(chunks).toString('utf8')
  }

  #problem(error: unknown): unknown {
    const { code, message } = error as NodeJS.ErrnoException
    if (this.#options.signal.aborted) return new ClientError(0, 'call was cancelled', 'ABORTED')
    if (error instanceof ClientError || !(error instanceof Error) || code === undefined) return error
    const text = message.includes(code) ? message : `${code} ${message}`.trim()
    return new ClientError(0, `the connection to ${this.#url} failed: ${text}`, 'CONNECTION_LOST', undefined, {
      cause: error,
    })
  }
}

const withResolvers = <T>() => {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const parsed = (text: string): unknown => {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

/** Refusals of a key have no envelope. */
const sentence = (text: string): string | undefined => {
  const body = parsed(text)
  if (isObject(body) && isObject(body.status) && typeof body.status.error === 'string') return body.status.error
  const line = text.trim()
  return line.length > 0 && line.length <= 500 ? line : undefined
}
