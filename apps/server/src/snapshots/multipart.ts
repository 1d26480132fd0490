import { badRequest } from '../http/errors.js'

/** Of the headers of one part, and of what stands before the first. */
const HEAD_BYTES_MAX = 16 * 1024
const BREAK = Buffer.from('\r\n\r\n')

/** @throws StoreError `BAD_REQUEST` unless it is `multipart/form-data` with a boundary. */
export const boundaryOf = (contentType: string | undefined): string => {
  const match = /^multipart\/form-data\s*;.*?\bboundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType ?? '')
  const boundary = match?.[1] ?? match?.[2]
  if (boundary === undefined)
    throw badRequest('content-type: send multipart/form-data with the file in its part `snapshot`')
  return boundary
}

/** Bytes of a body, looked through for marks. Holds what was read and not yet taken. */
class Incoming {
  readonly #source: AsyncIterator<Uint8Array>
  #held: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  async #more(): Promise<void> {
    const next = await this.#source.next().catch(() => {
      throw badRequest('the request ended before its body was complete')
    })
    if (next.done === true) throw badRequest('the multipart body ends within a part')
    this.#held = this.#held.length === 0 ? Buffer.from(next.value) : Buffer.concat([this.#held, next.value])
  }

  /** What stands before `mark`, at most `HEAD_BYTES_MAX` of it; the mark is taken too. */
  async upTo(mark: Buffer): Promise<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(mark)
      if (at >= 0) return this.#take(at, mark.length)
      if (this.#held.length > HEAD_BYTES_MAX) throw badRequest('multipart: the head of a part is too long')
      await this.#more()
    }
  }

  /** The same in pieces, of any length. */
  async *pieces(mark: Buffer): AsyncGenerator<Uint8Array> {
    for (;;) {
      const at = this.#held.indexOf(mark)
      if (at >= 0) {
        const last = this.#take(at, mark.length)
        if (last.length > 0) yield last
        return
      }
      const sure = this.#held.length - mark.length + 1
      if (sure > 0) yield this.#take(sure, 0)
      await this.#more()
    }
  }

  /** The next `count` bytes. */
  async next(count: number): Promise<Buffer> {
    while (this.#held.length < count) await this.#more()
    return this.#take(count, 0)
  }

  /** Reads to the end and forgets it. */
  async drain(): Promise<void> {
    this.#held = Buffer.alloc(0)
    while ((await this.#source.next()).done !== true);
  }

  /** Lets go of the source, wherever it is. */
  async close(): Promise<void> {
    await this.#source.return?.()
  }

  #take(length: number, skip: number): Buffer {
    const taken = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length + skip)
    return taken
  }
}

/**
 * The file in the part `field` of a multipart body (RFC 7578), as it comes in; other parts are passed over. Memory: about two
 * chunks of the body.
 * @throws StoreError `BAD_REQUEST` if there is no such part or the body is malformed or cut short.
 */
export async function* filePart(
  body: AsyncIterable<Uint8Array>,
  boundary: string,
  field: string,
): AsyncGenerator<Uint8Array> {
  const input = new Incoming(body)
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  try {
    await input.upTo(delimiter.subarray(2))
    for (;;) {
      const after = (await input.next(2)).toString('latin1')
      if (after === '--') throw badRequest(`multipart: no part is named \`${field}\``)
      if (after !== '\r\n') throw badRequest('multipart: a boundary is followed by neither a line break nor --')
      const head = (await input.upTo(BREAK)).toString('utf8')
      const name = /^content-disposition:[^\r\n]*?[;\s]name="?([^";\r\n]*)"?/im.exec(head)?.[1]
      if (name === field) {
        yield* input.pieces(delimiter)
        await input.drain()
        return
      }
      for await (const _ of input.pieces(delimiter));
    }
  } finally {
    await input.close()
  }
}
