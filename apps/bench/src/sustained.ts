import { promised, type Replica, type WriteReceipt } from '@meridian/replica'
import { records } from './records.js'

const TICK_MS = 20
/** Writes that may be unanswered at a time, in seconds' worth: past it the region is too slow, and the rate shows it. */
const BACKLOG_SECONDS = 2

/** Writes new records at a steady pace, each a request of its own, until it is told to rest. */
export class Sustained {
  readonly #startedAt = performance.now()
  readonly #timer: NodeJS.Timeout
  #next: number
  #written = 0
  #under = 0
  #rested: (() => void) | undefined
  #failure: unknown

  constructor(
    readonly replica: Replica,
    readonly collection: string,
    /** Number of the first record. */
    readonly from: number,
    readonly perSecond: number,
    readonly dims: number,
  ) {
    this.#next = from
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  /** Acknowledged so far. */
  get written(): number {
    return this.#written
  }

  #tick(): void {
    const due = Math.floor(((performance.now() - this.#startedAt) / 1000) * this.perSecond)
    const room = this.perSecond * BACKLOG_SECONDS - this.#under
    const to = Math.min(this.from + due, this.#next + Math.max(0, room))
    for (const op of records(this.#next, to, this.dims)) {
      this.#under++
      promised<WriteReceipt>((done) => this.replica.write({ collection: this.collection, ops: [op] }, done))
        .then(() => {
          this.#written++
        })
        .catch((error: unknown) => {
          this.#failure ??= error
        })
        .finally(() => {
          this.#under--
          if (this.#under === 0) this.#rested?.()
        })
    }
    this.#next = Math.max(this.#next, to)
  }

  /** Once all that was asked for is answered. @throws what a write was refused with */
  async rest(): Promise<void> {
    clearInterval(this.#timer)
    if (this.#under > 0)
      await new Promise<void>((resolve) => {
        this.#rested = resolve
      })
    if (this.#failure !== undefined) throw this.#failure
  }
}
