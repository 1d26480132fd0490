import type { LinkHandler, PeerLink } from '@meridian/core'
import { decodeMessage, type Message } from './message.js'
import type { TestTime } from './test-time.js'

/** What a test sees of a frame under way; return what arrives instead: nothing, the frame, several. */
export type Meddle = (frame: Uint8Array, message: Message | undefined) => readonly Uint8Array[]

/** One way of a link. */
interface End {
  handler: LinkHandler | undefined
  meddle: Meddle
  bytes: number
  readonly messages: Message[]
}

const newEnd = (): End => ({ handler: undefined, meddle: (frame) => [frame], bytes: 0, messages: [] })

/** A link in virtual time: every frame takes 1 ms. `near` is what the dialer sends, `far` what the other end sends. */
export class TestLink {
  readonly near = newEnd()
  readonly far = newEnd()
  closeReason: string | undefined

  constructor(readonly time: TestTime) {}

  get isOpen(): boolean {
    return this.closeReason === undefined
  }

  connect(dial: (link: PeerLink) => LinkHandler, accept: (link: PeerLink) => LinkHandler): void {
    // Both are attached before the first frame can arrive.
    const dialer = dial(this.#port(this.near))
    const acceptor = accept(this.#port(this.far))
    this.near.handler = acceptor
    this.far.handler = dialer
  }

  #port(own: End): PeerLink {
    return {
      bufferedBytes: 0,
      send: (frame) => this.#send(own, frame),
      close: (reason) => this.close(reason),
    }
  }

  #send(end: End, frame: Uint8Array): void {
    if (!this.isOpen) return
    end.bytes += frame.length
    const message = decoded(frame)
    if (message !== undefined) end.messages.push(message)
    this.time.at(1, () => {
      for (const arriving of end.meddle(frame, message)) end.handler?.frame(arriving)
    })
  }

  /** What was sent before still arrives, as with a socket; then both ends hear of it. */
  close(reason: string): void {
    if (!this.isOpen) return
    this.closeReason = reason
    this.time.at(2, () => {
      this.near.handler?.closed(reason)
      this.far.handler?.closed(reason)
    })
  }

  /** The cable is pulled: nothing under way arrives. */
  cut(): void {
    if (!this.isOpen) return
    this.closeReason = 'cut'
    const handlers = [this.near.handler, this.far.handler]
    this.near.handler = undefined
    this.far.handler = undefined
    for (const handler of handlers) handler?.closed('cut')
  }
}

const decoded = (frame: Uint8Array): Message | undefined => {
  try {
    return decodeMessage(frame)
  } catch {
    return undefined
  }
}
