import { ClientError } from './client-error.js'
import { parseJson, stringifyJson } from './wide-json.js'

export interface EndpointOptions {
  /** Base URL of one region, `http://host:port`; a trailing slash is fine. */
  readonly url: string
  readonly apiKey?: string | undefined
  /** Bound on one try of one call, from connecting to the last byte. */
  readonly timeoutMs: number
  readonly fetch?: typeof fetch
}

export interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PATCH'
  /** Starts with a slash; names in it are encoded by the caller. */
  readonly path: string
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Told of the headers of whatever answer comes. */
  readonly answered?: (headers: Headers) => void
}

/** One region over HTTP: one try a call, no policy. Connections are kept alive by the platform's `fetch`. */
export class Endpoint {
  readonly url: string
  readonly #apiKey: string | undefined
  readonly #timeoutMs: number
  readonly #fetch: typeof fetch

  /** @throws TypeError when the URL is none: here rather than on the first call. */
  constructor(options: EndpointOptions) {
    const url = new URL(options.url)
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      throw new TypeError(`${options.url} is not an http(s) URL`)
    this.url = url.href.replace(/\/+$/, '')
    this.#apiKey = options.apiKey
    this.#timeoutMs = options.timeoutMs
    this.#fetch = options.fetch ?? fetch
  }

  /** The `result` of the envelope. @throws ClientError. */
  async result<T>(call: Call): Promise<T> {
    const { status, text } = await this.#send(call)
    const body = parseBody(text)
    if (status >= 200 && status < 300 && isObject(body) && 'result' in body) return body.result as T
    if (status >= 400) throw new ClientError(status, errorText(body, text) ?? `HTTP ${status}`)
    throw new ClientError(status, `${this.url}${call.path} answered without a result`, 'BAD_ANSWER')
  }

  /** Status and plain text, for the probes, whose bodies have no envelope. @throws ClientError when no answer came. */
  async text(call: Call): Promise<{ readonly status: number; readonly text: string }> {
    return this.#send(call, false)
  }

  async #send(call: Call, transientThrows = true): Promise<{ status: number; text: string }> {
    const timeoutMs = call.timeoutMs ?? this.#timeoutMs
    const timeout = AbortSignal.timeout(timeoutMs)
    const signal = call.signal === undefined ? timeout : AbortSignal.any([timeout, call.signal])
    const headers: Record<string, string> = { accept: 'application/json', ...call.headers }
    if (this.#apiKey !== undefined) headers['api-key'] = this.#apiKey
    if (call.body !== undefined) headers['content-type'] = 'application/json'
    try {
      const response = await this.#fetch(this.url + call.path, {
        method: call.method,
        headers,
        signal,
        ...(call.body === undefined ? {} : { body: stringifyJson(call.body) }),
      })
      const text = await response.text()
      call.answered?.(response.headers)
      if (transientThrows && (response.status === 503 || response.status === 429)) {
        const message = errorText(parseBody(text), text) ?? `HTTP ${response.status}`
        throw new ClientError(response.status, message, undefined, retryAfterMs(response.headers.get('retry-after')))
      }
      return { status: response.status, text }
    } catch (error) {
      if (error instanceof ClientError) throw error
      if (call.signal?.aborted) throw new ClientError(0, 'call was cancelled', 'ABORTED', undefined, { cause: error })
      if (timeout.aborted)
        throw new ClientError(0, `${this.url} did not answer within ${timeoutMs} ms`, 'TIMEOUT', undefined, {
          cause: error,
        })
      throw new ClientError(0, `${this.url} is not reachable: ${reason(error)}`, 'CONNECTION_LOST', undefined, {
        cause: error,
      })
    }
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const parseBody = (text: string): unknown => {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

/** `status.error` of the envelope, or a short plain text (authentication errors have no envelope). */
const errorText = (body: unknown, text: string): string | undefined => {
  if (isObject(body) && isObject(body.status) && typeof body.status.error === 'string') return body.status.error
  const line = text.trim()
  return line.length > 0 && line.length <= 500 ? line : undefined
}

const retryAfterMs = (header: string | null): number | undefined => {
  const seconds = Number(header ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined
}

/** `fetch failed` says nothing; its cause does (and an address with several families nests one level more). */
const reason = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const inner = cause instanceof AggregateError ? (cause.errors[0] ?? cause) : cause
  if (!(inner instanceof Error)) return String(inner)
  const code = (inner as NodeJS.ErrnoException).code
  return code === undefined || inner.message.includes(code) ? inner.message : `${code} ${inner.message}`
}
