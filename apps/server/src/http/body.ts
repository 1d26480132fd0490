import type { IncomingMessage } from 'node:http'
import { StoreError } from '@meridian/core'
import { badRequest, formatError } from './errors.js'
import { type Json, parseJson } from './json-parse.js'

export interface BodyLimits {
  readonly bodyBytesMax: number
  readonly jsonDepthMax: number
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads a JSON body; `undefined` when there is none. Past the limit nothing more is read.
 * @throws StoreError `UNSUPPORTED_MEDIA_TYPE`, `BODY_TOO_LARGE`, `MALFORMED_BODY`, `BAD_REQUEST` when the client hangs up.
 */
export const readJson = async (request: IncomingMessage, limits: BodyLimits): Promise<Json | undefined> => {
  refuseForeign(request)
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > limits.bodyBytesMax) throw tooLarge(limits.bodyBytesMax)
  const bytes = await collect(request, limits.bodyBytesMax)
  if (bytes.length === 0) return undefined
  let text: string
  try {
    text = strictUtf8.decode(bytes)
  } catch {
    throw formatError('the body is not UTF-8; encode it as such')
  }
  return parseJson(text, limits.jsonDepthMax)
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

const collect = (request: IncomingMessage, bytesMax: number): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const stop = (): void => {
      request.off('data', onData).off('end', onEnd).off('error', onLost).off('close', onLost)
    }
    const onData = (chunk: Buffer): void => {
      size += chunk.length
      if (size > bytesMax) {
        stop()
        request.pause()
        reject(tooLarge(bytesMax))
      } else chunks.push(chunk)
    }
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
