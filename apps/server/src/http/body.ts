import { isAscii } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { StoreError } from '@meridian/core'
import { badRequest, formatError } from './errors.js'
import { type Json, parseJson } from './json-parse.js'
import { parsePoints } from './points-parse.js'

export interface BodyLimits {
  readonly bodyBytesMax: number
  readonly jsonDepthMax: number
  /** Longest time for a body to come in whole. */
  readonly requestTimeoutMs: number
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/** Bodies being read, all together; more at a time are refused, so that many large ones cannot take the process down. */
const BUFFERED_BYTES_MAX = 512 * 1024 * 1024

/** Reading a larger one takes a while. */
const LARGE_BYTES = 64 * 1024

/** Reads the bodies of one server. */
export class BodyReader {
  readonly #limits: BodyLimits
  readonly #bufferedBytesMax: number
  #bufferedBytes = 0
  /** Of the large body that is read last of those that have come in. */
  #turn: Promise<void> = Promise.resolve()

  constructor(limits: BodyLimits, bufferedBytesMax = Math.max(BUFFERED_BYTES_MAX, 2 * limits.bodyBytesMax)) {
    this.#limits = limits
    this.#bufferedBytesMax = bufferedBytesMax
  }

  /**
   * A JSON body; `undefined` when there is none. Past the limit nothing more is read. `hasVectors`: it may bring vectors.
   * @throws StoreError `UNSUPPORTED_MEDIA_TYPE`, `BODY_TOO_LARGE`, `OVERLOADED`, `MALFORMED_BODY`, `TIMEOUT`, and `BAD_REQUEST`
   * when the client hangs up.
   */
  async json(request: IncomingMessage, hasVectors = false): Promise<Json | undefined> {
    refuseForeign(request)
    const announced = Number(request.headers['content-length'] ?? 0)
    if (announced > this.#limits.bodyBytesMax) throw tooLarge(this.#limits.bodyBytesMax)
    const bytes = await this.#collect(request)
    if (bytes.length === 0) return undefined
    if (bytes.length > LARGE_BYTES) await this.#wait(bytes.length)
    const points = hasVectors ? parsePoints(bytes, this.#limits.jsonDepthMax) : undefined
    if (points !== undefined) return points
    let text: string
    try {
      // What is all ASCII is copied as it is, and stays one byte a character.
      text = isAscii(bytes) ? bytes.toString('latin1') : strictUtf8.decode(bytes)
    } catch {
      throw formatError('the body is not UTF-8; encode it as such')
    }
    return parseJson(text, this.#limits.jsonDepthMax)
  }

  /** Large bodies are read one in a turn of the event loop, so that what came in meanwhile, like a search, waits for one of them. */
  async #wait(bytes: number): Promise<void> {
    this.#bufferedBytes += bytes
    this.#turn = this.#turn.then(() => new Promise((resolve) => setImmediate(resolve)))
    await this.#turn
    this.#bufferedBytes -= bytes
  }

  #collect(request: IncomingMessage): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      let size = 0
      let timer: NodeJS.Timeout | undefined
      let isOver = false
      const stop = (): void => {
        isOver = true
        clearTimeout(timer)
        this.#bufferedBytes -= size
        request.off('data', onData).off('end', onEnd).off('error', onLost).off('close', onLost)
      }
      const refuse = (error: StoreError): void => {
        stop()
        request.pause()
        reject(error)
      }
      const onData = (chunk: Buffer): void => {
        size += chunk.length
        this.#bufferedBytes += chunk.length
        if (size > this.#limits.bodyBytesMax) refuse(tooLarge(this.#limits.bodyBytesMax))
        else if (this.#bufferedBytes > this.#bufferedBytesMax)
          refuse(
            new StoreError(
              'OVERLOADED',
              'too many bytes of requests are under way; try again soon, or send fewer at a time',
            ),
          )
        else chunks.push(chunk)
      }
      const { requestTimeoutMs } = this.#limits
      // Most bodies come in one piece with their headers: nobody need look after them.
      process.nextTick(() => {
        if (isOver || request.complete) return
        timer = setTimeout(
          () => refuse(new StoreError('TIMEOUT', `the request did not arrive whole within ${requestTimeoutMs} ms`)),
          requestTimeoutMs,
        )
      })
      const onEnd = (): void => {
        stop()
        resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size))
      }
      const onLost = (): void => {
        stop()
        reject(badRequest('the request ended before its body was complete'))
      }
      request.on('data', onData).on('end', onEnd).on('error', onLost).on('close', onLost)
    })
  }
}

const refuseForeign = (request: IncomingMessage): void => {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity')
    throw new StoreError('UNSUPPORTED_MEDIA_TYPE', `content-encoding ${encoding}: send the body uncompressed`)
  const type = request.headers['content-type']
  if (type !== undefined && !/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type.trim()))
    throw new StoreError('UNSUPPORTED_MEDIA_TYPE', `content-type ${type}: send application/json`)
}

const tooLarge = (bytesMax: number): StoreError =>
  new StoreError('BODY_TOO_LARGE', `the body is larger than ${bytesMax} bytes; split it into smaller requests`)
