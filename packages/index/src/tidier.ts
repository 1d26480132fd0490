import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Timers } from '@meridian/core'

/** Bytes of vectors that come and go before it is worth the while. */
const BYTES_MIN = 16 * 1024 * 1024
const LOOK_MS = 1000
/** A larger heap is left to its own collector: looking at all of it would take too long at once (1 to 3 ms a MB). */
const HEAP_BYTES_MAX = 96 * 1024 * 1024

/** Collects this thread's garbage at once, and has half empty pages given up, if that does not take long. */
export const collectGarbage = (): void => {
  if (getHeapStatistics().used_heap_size > HEAP_BYTES_MAX) return
  collector ??= exposed()
  setFlagsFromString('--compact-on-every-full-gc')
  collector()
  setFlagsFromString('--no-compact-on-every-full-gc')
}

let collector: (() => void) | undefined

const exposed = (): (() => void) => {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  return typeof gc === 'function' ? () => void gc() : () => {}
}

/**
 * Has memory given back after much came in and things have become quiet: what was read and sent waits for a collector that does not
 * come to a process which does nothing, and freed memory for an allocator that keeps it.
 *
 *   resting → (much was noted) → waiting → (a second without anything) → tidied: resting
 */
export class Tidier implements Disposable {
  #bytes = 0
  #isBusy = false
  #timer: Disposable | undefined

  /** `isQuiet` is asked before, `tidy` does it. */
  constructor(
    readonly timers: Timers,
    readonly isQuiet: () => boolean,
    readonly tidy: () => void,
  ) {}

  /** Bytes of vectors came in or went; 0 for anything else that should not be disturbed. */
  note(bytes: number): void {
    this.#isBusy = true
    this.#bytes += bytes
    if (this.#bytes >= BYTES_MIN) this.#timer ??= this.#arm()
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
  }

  #arm(): Disposable {
    this.#isBusy = false
    return this.timers.after(LOOK_MS, () => {
      if (this.#isBusy || !this.isQuiet()) {
        this.#timer = this.#arm()
        return
      }
      this.#timer = undefined
      this.#bytes = 0
      this.tidy()
    })
  }
}
