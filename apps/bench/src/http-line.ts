import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Where the head of an answer ends. */
const HEAD_END = Buffer.from('\r\n\r\n')
/** Of one answer: what a benchmark asks for is small, so more than this is a mistake. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024

export interface LineAnswer {
  readonly status: number
  readonly body: Buffer
  /** Seconds, as the answer's `retry-after` says; `undefined` without one. */
  readonly retryAfter?: number
}

/** A request with a JSON body as it goes over the wire: made before the clock runs. */
export const requestBytes = (method: string, path: string, body: string): Buffer =>
  Buffer.from(
    `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )

export const postBytes = (path: string, body: string): Buffer => requestBytes('POST', path, body)

/**
 * The first answer in `bytes`, and how many of them it took; `undefined`: it is not whole yet.
 * @throws Error for what is no answer of HTTP/1.1, or tells no length: nothing is guessed
 */
export const readAnswer = (bytes: Buffer): { readonly answer: LineAnswer; readonly size: number } | undefined => {
  if (bytes.length > ANSWER_BYTES_MAX) throw noAnswer(`it is longer than ${ANSWER_BYTES_MAX} bytes`)
  const end = bytes.indexOf(HEAD_END)
  if (end < 0) return undefined
  const head = bytes.toString('latin1', 0, end)
  const status = /^HTTP\/1\.1 ([1-5]\d\d)(?: |\r|$)/.exec(head)?.[1]
  if (status === undefined) throw noAnswer('its first line is none')
  const length = /\r\ncontent-length: *(\d{1,9}) *(?:\r|$)/i.exec(head)?.[1]
  if (length === undefined) throw noAnswer('it does not tell its length')
  const from = end + HEAD_END.length
  const size = from + Number(length)
  if (bytes.length < size) return undefined
  const retryAfter = /\r\nretry-after: *(\d{1,9}) *(?:\r|$)/i.exec(head)?.[1]
  const answer = { status: Number(status), body: bytes.subarray(from, size) }
  return { answer: retryAfter === undefined ? answer : { ...answer, retryAfter: Number(retryAfter) }, size }
}

/**
 * One kept connection, one request after the other: an HTTP client that does no more than that, since whatever else the loader
 * does it takes from the region on the same cores.
 */
export class HttpLine implements Disposable {
  readonly #socket: Socket
  #waiting: { readonly resolve: (answer: LineAnswer) => void; readonly reject: (error: Error) => void } | undefined
  /** Of an answer that is not whole yet. */
  #begun: Buffer | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (bytes) => this.#take(bytes))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the region closed the connection')))
  }

  /** @throws Error when nobody listens at `port` of this machine */
  static async open(port: number): Promise<HttpLine> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    await once(socket, 'connect')
    return new HttpLine(socket)
  }

  /** @param request  as `postBytes` makes it. Rejects when the connection ends, or what comes is no answer. */
  ask(request: Buffer): Promise<LineAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#waiting !== undefined) throw new Error('the last request has not been answered')
      if (this.#socket.destroyed) throw new Error('the connection is closed')
      this.#waiting = { resolve, reject }
      this.#socket.write(request)
    })
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }

  #take(bytes: Buffer): void {
    try {
      const all = this.#begun === undefined ? bytes : Buffer.concat([this.#begun, bytes])
      this.#begun = undefined
      const read = readAnswer(all)
      const waiting = this.#waiting
      if (read === undefined) {
        this.#begun = all
        return
      }
      if (waiting === undefined || read.size < all.length) throw noAnswer('nobody asked for it')
      this.#waiting = undefined
      waiting.resolve(read.answer)
    } catch (error) {
      this.#fail(error as Error)
      this.#socket.destroy()
    }
  }

  #fail(error: Error): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.reject(error)
  }
}

const noAnswer = (why: string): Error => new Error(`what came is no answer over HTTP: ${why}`)
