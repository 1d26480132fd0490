import type { LinkHandler, PeerLink } from '@meridian/core'
import type { SeededRandom } from '@meridian/core/seeded-random'
import type { VirtualTime } from './virtual-time.js'

export interface NetworkFaults {
  readonly delayMinMs: number
  readonly delayMaxMs: number
  /** Chance that a frame is lost, sent twice, or delivered out of order; that one bit of it is flipped. 0-1. */
  readonly loss: number
  readonly duplication: number
  readonly reordering: number
  readonly corruption: number
}

export const QUIET: NetworkFaults = {
  delayMinMs: 1,
  delayMaxMs: 20,
  loss: 0,
  duplication: 0,
  reordering: 0,
  corruption: 0,
}

interface End {
  readonly node: number
  handler: LinkHandler | undefined
}

/** Frames between nodes. Links are opened by a node's dialer; each way of each pair can be cut. */
export class SimNetwork {
  readonly #cut = new Set<string>()
  readonly #links = new Set<{ readonly a: End; readonly b: End; close(reason: string): void }>()
  #faults: NetworkFaults = QUIET
  /** The first faults that were asked for. */
  strongest: NetworkFaults = QUIET
  /** Bytes that were handed to the network. */
  bytes = 0
  /** Bytes of the largest frame so far. */
  largestFrame = 0
  /** May change a frame on its way: for sabotage. */
  tamper: ((frame: Uint8Array) => Uint8Array) | undefined

  constructor(
    readonly time: VirtualTime,
    readonly random: SeededRandom,
  ) {}

  get faults(): NetworkFaults {
    return this.#faults
  }

  set faults(faults: NetworkFaults) {
    this.#faults = faults
    if (this.strongest === QUIET) this.strongest = faults
  }

  setCut(from: number, to: number, isCut: boolean): void {
    if (isCut) this.#cut.add(`${from}>${to}`)
    else this.#cut.delete(`${from}>${to}`)
  }

  isCut(from: number, to: number): boolean {
    return this.#cut.has(`${from}>${to}`)
  }

  healAll(): void {
    this.#cut.clear()
  }

  /** Connects two nodes if both ways are open, after the handshake's delay. */
  connect(
    from: number,
    to: number,
    open: (from: PeerLink, to: PeerLink) => [LinkHandler, LinkHandler] | undefined,
  ): void {
    if (this.isCut(from, to) || this.isCut(to, from)) return
    const a: End = { node: from, handler: undefined }
    const b: End = { node: to, handler: undefined }
    let isOpen = true
    const close = (reason: string): void => {
      if (!isOpen) return
      isOpen = false
      this.#links.delete(link)
      // The other end learns of it, as of everything, with a delay.
      for (const end of [a, b]) this.time.at(this.random.int(5), () => end.handler?.closed(reason))
    }
    const link = { a, b, close }
    const port = (own: End, other: End): PeerLink => {
      let lastAt = 0
      return {
        bufferedBytes: 0,
        close,
        send: (frame) => {
          if (!isOpen) return
          this.bytes += frame.length
          this.largestFrame = Math.max(this.largestFrame, frame.length)
          const { faults, random } = this
          if (this.isCut(own.node, other.node) || random.chance(faults.loss)) return
          const copies = random.chance(faults.duplication) ? 2 : 1
          for (let i = 0; i < copies; i++) {
            const delay = faults.delayMinMs + random.float() * (faults.delayMaxMs - faults.delayMinMs)
            const due = this.time.nowMs + delay
            const at = random.chance(faults.reordering) ? due : Math.max(due, lastAt)
            lastAt = Math.max(lastAt, at)
            const bytes = this.#damaged(frame)
            this.time.at(at - this.time.nowMs, () => {
              if (isOpen && !this.isCut(own.node, other.node)) other.handler?.frame(bytes)
            })
          }
        },
      }
    }
    const handlers = open(port(a, b), port(b, a))
    if (handlers === undefined) return
    ;[a.handler, b.handler] = handlers
    this.#links.add(link)
  }

  #damaged(frame: Uint8Array): Uint8Array {
    const bytes = this.tamper === undefined ? frame : this.tamper(frame)
    if (!this.random.chance(this.faults.corruption)) return bytes
    const copy = bytes.slice()
    copy[this.random.int(copy.length)]! ^= 1 << this.random.int(8)
    return copy
  }

  /** A process died: its connections reset. */
  drop(node: number): void {
    for (const link of [...this.#links])
      if (link.a.node === node || link.b.node === node) link.close('connection reset')
  }
}
