import type { Timers } from '@meridian/core'

/** Bytes that are looked at before it is worth the while. */
const BYTES_MIN = 16 * 1024 * 1024
/** More than that in a second is work that is not disturbed. */
const BUSY_BYTES = 1024 * 1024
const LOOK_MS = 1000
/** Work without an end is disturbed after so many seconds: what it needs it reads again, from the system's cache. */
const LOOKS_MAX = 60
/** Given back in one turn of the event loop: its 16,384 pages take about 1 ms. */
const SLICE_BYTES = 64 * 1024 * 1024

/** Gives `bytes` of a map from `from` on back to the system; says how many bytes of it pages are in, 0 where it does nothing. */
export type ReleasePages = (from: number, bytes: number) => number

/**
 * Has a process give back pages of a mapped file that it has looked at. They are the system's, which keeps them in its cache, but they
 * count as the process's for as long as nobody else needs the room.
 *
 *   resting → (16 MiB were looked at) → waiting → (a second with hardly any, or a minute) → releasing, a slice a turn → resting
 */
export class ResidentPages implements Disposable {
  #bytes = 0
  #bytesBefore = 0
  #looks = 0
  #timer: Disposable | undefined

  constructor(
    readonly timers: Timers,
    readonly release: ReleasePages,
  ) {}

  /** Bytes were read or written, about. */
  note(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes >= BYTES_MIN) this.#timer ??= this.#look()
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
  }

  #look(): Disposable {
    this.#bytesBefore = this.#bytes
    return this.timers.after(LOOK_MS, () => {
      const isBusy = this.#bytes - this.#bytesBefore > BUSY_BYTES
      if (isBusy && ++this.#looks < LOOKS_MAX) {
        this.#timer = this.#look()
        return
      }
      this.#looks = 0
      this.#bytes = 0
      this.#slice(0)
    })
  }

  #slice(from: number): void {
    const next = from + SLICE_BYTES
    const used = this.release(from, SLICE_BYTES)
    this.#timer = next < used ? this.timers.after(0, () => this.#slice(next)) : undefined
  }
}
