import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { FRAME_BYTES_MAX, type Timers } from '@meridian/core'
import { WebSocket } from 'ws'
import { LINK_PROTOCOL } from './socket-link.js'

export interface DialTarget {
  /** As `linkUrl` makes it. */
  readonly url: string
  readonly clusterKey?: string | undefined
}

/** Of a refusal in plain HTTP; more is not worth a log line. */
const SENTENCE_BYTES_MAX = 200

/** One try to reach a peer, from the first packet to the accepted upgrade, or to why there was none. */
export class DialAttempt {
  readonly #ws: WebSocket
  readonly #timeout: Disposable
  #isOver = false
  /** Resolves when its socket is gone, or was handed over. */
  readonly over: Promise<void>

  /** `opened` or `failed` is called, once, unless the attempt is abandoned before. */
  constructor(
    { url, clusterKey }: DialTarget,
    timers: Timers,
    timeoutMs: number,
    opened: (ws: WebSocket, socket: Socket) => void,
    failed: (reason: string) => void,
  ) {
    const ws = new WebSocket(url, [LINK_PROTOCOL], {
      headers: clusterKey === undefined ? {} : { authorization: `Bearer ${clusterKey}` },
      maxPayload: FRAME_BYTES_MAX,
      perMessageDeflate: false,
      followRedirects: false,
    })
    this.#ws = ws
    let reason: string | undefined
    let socket: Socket | undefined
    this.#timeout = timers.after(timeoutMs, () => {
      reason = 'no answer in time'
      ws.terminate()
    })
    ws.on('error', (error) => {
      reason ??= error.message
    })
    ws.once('unexpected-response', (_request, response) => {
      sentenceOf(response, (sentence) => {
        reason = `answered ${response.statusCode}${sentence === '' ? '' : `: ${sentence}`}`
        ws.terminate()
      })
    })
    ws.once('upgrade', (response) => {
      socket = response.socket
    })
    this.over = new Promise((resolve) => {
      ws.once('close', () => {
        resolve()
        if (this.#end()) failed(reason ?? 'connection lost')
      })
      ws.once('open', () => {
        if (!this.#end()) return
        resolve()
        opened(ws, socket!)
      })
    })
  }

  /** Whether it was under way until now. */
  #end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#timeout[Symbol.dispose]()
    return true
  }

  /** Another one was quicker, or nobody wants it any more: its socket goes, and nothing is called. */
  abandon(): void {
    if (this.#end()) this.#ws.terminate()
  }
}

/** First line of a body. `done` runs once: at the end, when enough has come, or when the connection breaks. */
const sentenceOf = (response: IncomingMessage, done: (sentence: string) => void): void => {
  let text = ''
  let isOver = false
  const end = (): void => {
    if (isOver) return
    isOver = true
    const [line = ''] = text.split(/[\r\n]/, 1)
    done(line.slice(0, SENTENCE_BYTES_MAX).replaceAll(/[^\x20-\x7e]/g, '?'))
  }
  response.setEncoding('latin1')
  response.on('data', (part: string) => {
    text += part
    if (text.length >= SENTENCE_BYTES_MAX) end()
  })
  response.once('end', end).once('close', end).once('error', end)
}
