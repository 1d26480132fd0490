import { request as requestPlain, STATUS_CODES, type IncomingMessage } from 'node:http'
import { request as requestSecure } from 'node:https'
import { StoreError } from '@meridian/core'
import { badRequest, wrongInput } from '../http/errors.js'
import { MAGIC } from './format.js'
import { checkHost, checkedLookup } from './remote-address.js'

/** Where a snapshot is fetched from, and within which bounds. */
export interface RemoteSnapshot {
  readonly url: URL
  /** Sent as `api-key`, to the origin of `url` alone. */
  readonly apiKey: string | undefined
  readonly bytesMax: number
  /** Longest silence. */
  readonly idleMs: number
  /** Of the whole. */
  readonly totalMs: number
}

const REDIRECTS_MAX = 5
const KEY = /^[\x21-\x7e]{1,256}$/

/**
 * The URL that a location is, when it is one that can be fetched; `undefined` for other schemes.
 * @throws StoreError `BAD_REQUEST`, `WRONG_INPUT` naming the fix.
 */
export const readRemote = (location: string): URL | undefined => {
  const url = URL.canParse(location) ? new URL(location) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) return undefined
  checkUrl(url)
  return url
}

export const readRemoteKey = (text: string | undefined): string | undefined => {
  if (text !== undefined && !KEY.test(text)) throw badRequest('api_key: send 1-256 printable characters without spaces')
  return text
}

/**
 * The bytes of a snapshot elsewhere, as they come. What does not begin as a snapshot is not read on.
 * @throws StoreError `WRONG_INPUT` when it cannot be had, `BAD_REQUEST` when it is no snapshot, `BODY_TOO_LARGE`, `TIMEOUT`.
 */
export async function* fetchSnapshot(remote: RemoteSnapshot, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const ended = new AbortController()
  const end = (what: string) => () =>
    ended.abort(new StoreError('TIMEOUT', `${shown(remote.url)} ${what}; nothing was restored`))
  const total = setTimeout(end(`was not fetched in ${remote.totalMs} ms (see snapshot-timeout-ms)`), remote.totalMs)
  const idle = setTimeout(end(`sent nothing for ${remote.idleMs} ms`), remote.idleMs)
  let response: IncomingMessage | undefined
  try {
    const until = AbortSignal.any([signal, ended.signal])
    response = await follow(remote, until)
    let head: Uint8Array = new Uint8Array()
    for await (const bytes of response) {
      idle.refresh()
      if (head.length < MAGIC.length)
        head = checkHead(Buffer.concat([head, bytes as Uint8Array]).subarray(0, MAGIC.length))
      yield bytes as Uint8Array
    }
  } catch (error) {
    signal.throwIfAborted()
    ended.signal.throwIfAborted()
    throw error instanceof StoreError
      ? error
      : failed(remote.url, (error as NodeJS.ErrnoException).code ?? String(error))
  } finally {
    clearTimeout(total)
    clearTimeout(idle)
    response?.destroy()
  }
}

/** The answer that has the file. */
const follow = async (remote: RemoteSnapshot, signal: AbortSignal): Promise<IncomingMessage> => {
  let { url } = remote
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    checkUrl(url)
    const response = await ask(url, url.origin === remote.url.origin ? remote.apiKey : undefined, signal)
    const { statusCode = 0, headers } = response
    if (statusCode === 200) {
      if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity')
        throw dropping(response, failed(url, `sent with content-encoding ${headers['content-encoding'].slice(0, 40)}`))
      if (Number(headers['content-length'] ?? 0) > remote.bytesMax)
        throw dropping(
          response,
          new StoreError(
            'BODY_TOO_LARGE',
            `the snapshot is larger than ${remote.bytesMax} bytes; see snapshot-bytes-max`,
          ),
        )
      return response
    }
    response.destroy()
    const next = [301, 302, 303, 307, 308].includes(statusCode) ? headers.location : undefined
    if (next === undefined) throw failed(remote.url, `status - ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trim())
    if (!URL.canParse(next, url.href)) throw failed(remote.url, 'it redirects to what is no URL')
    url = new URL(next, url)
  }
  throw failed(remote.url, `it redirects more than ${REDIRECTS_MAX} times`)
}

const ask = (url: URL, apiKey: string | undefined, signal: AbortSignal): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? requestSecure : requestPlain
    request(url, {
      // A connection of its own: one that is kept could lead to an address that was not checked for this request.
      agent: false,
      lookup: checkedLookup,
      signal,
      headers: { 'accept-encoding': 'identity', ...(apiKey === undefined ? {} : { 'api-key': apiKey }) },
    })
      .on('response', resolve)
      .on('error', reject)
      .end()
  })

const checkUrl = (url: URL): void => {
  if (!['http:', 'https:'].includes(url.protocol))
    throw wrongInput(`location: ${url.protocol} cannot be fetched; use http or https`)
  if (url.username !== '' || url.password !== '')
    throw badRequest('location: a URL with a user or a password is not fetched; send a key as api_key')
  checkHost(url.hostname)
}

const checkHead = (head: Uint8Array): Uint8Array => {
  if (Buffer.compare(head, MAGIC.subarray(0, head.length)) !== 0)
    throw badRequest('the snapshot cannot be used: what the location sends is not a snapshot that this version reads')
  return head
}

const dropping = (response: IncomingMessage, error: StoreError): StoreError => {
  response.destroy()
  return error
}

/** Without the query, which may hold a secret. */
const shown = (url: URL): string => `${url.origin}${url.pathname}`.slice(0, 300)

const failed = (url: URL, why: string): StoreError =>
  wrongInput(`Failed to download snapshot from ${shown(url)}: ${why}`)
