import type { Readable } from 'node:stream'
import type { StoreError } from '@meridian/core'
import { TooSoon } from '../strict/token-bucket.js'
import { PRESENTATION } from './errors.js'
import { printJson } from './json-print.js'

/** What is sent back, whole. */
export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string | Buffer | Readable
  readonly headers?: Readonly<Record<string, string>>
}

const JSON_TYPE = 'application/json'
const TEXT_TYPE = 'text/plain; charset=utf-8'

/** `seconds` is how long the request took. */
export const success = (result: unknown, seconds: number): Answer => ({
  status: 200,
  contentType: JSON_TYPE,
  body: printJson(result, '{"result":', `,"status":"ok","time":${seconds}}`),
})

/** Authentication errors are plain text; every other error has the envelope. */
export const failure = (error: StoreError, seconds: number): Answer => {
  const { status, prefix, retryAfterSeconds: usual } = PRESENTATION[error.code]
  // One digit: the official client reads only the first.
  const retryAfterSeconds =
    error instanceof TooSoon && error.retryAfterSeconds !== undefined ? Math.min(9, error.retryAfterSeconds) : usual
  const text = prefix + error.message
  const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
  if (error.code === 'UNAUTHENTICATED') return { ...plain(text, status), headers: { 'www-authenticate': 'Bearer' } }
  if (error.code === 'FORBIDDEN' || error.code === 'RATE_LIMITED') return { ...plain(text, status), headers }
  return {
    status,
    contentType: JSON_TYPE,
    body: `{"status":{"error":${JSON.stringify(text)}},"time":${seconds}}`,
    headers,
  }
}

/** Begun, and not done yet. */
export const accepted = (seconds: number): Answer => ({
  status: 202,
  contentType: JSON_TYPE,
  body: `{"status":"accepted","time":${seconds}}`,
})

/** JSON without the envelope. */
export const bare = (value: unknown): Answer => ({ status: 200, contentType: JSON_TYPE, body: printJson(value) })

export const plain = (text: string, status = 200, contentType = TEXT_TYPE): Answer => ({
  status,
  contentType,
  body: text,
})
