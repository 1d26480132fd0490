import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Timers } from '@meridian/core'
import { ENGINE } from './graph.js'

/** Bytes of vectors that come and go before it is worth the while. */
const BYTES_MIN = 16 * 1024 * 1024
const LOOK_MS = 1000
/** V8 gives up the room for young objects, 33 MB of it, only where next to nothing was allocated for 5 s. */
const SETTLE_MS = 6000
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

/** Has the room for young objects of this thread given up, if it was quiet for `SETTLE_MS`. Takes no time: there are hardly any. */
export const shrinkNursery = (): void => {
  collector ??= exposed()
  // The first takes the measure of how much is allocated, which the second goes by.
  for (let i = 0; i < 2; i++) collector({ type: 'minor' })
}

/** All that an index gives back by itself when it has been quiet, at once; for a process that was quiet for `SETTLE_MS` and has none yet. */
export const giveMemoryBack = (): void => {
  collectGarbage()
  shrinkNursery()
  ENGINE.trimMemory()
}

type Collector = (options?: { readonly type: 'minor' }) => void
let collector: Collector | undefined

const exposed = (): Collector => {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  return typeof gc === 'function' ? (options) => void (options ? gc(options) : gc()) : () => {}
}

/**
 * Has memory given back after much came in and things have become quiet: what was read and sent waits for a collector that does not
 * come to a process which does nothing, and freed memory for an allocator that keeps it.
 *
 *   resting → (much was noted) → waiting → (a second without anything) → tidied → (six without anything) → settled: resting
 */
export class Tidier implements Disposable {
  #bytes = 0
  #isBusy = false
  #timer: Disposable | undefined

  /** `isQuiet` is asked before `tidy`, and before `settle`, which comes after that. */
  constructor(
    readonly timers: Timers,
    readonly isQuiet: () => boolean,
    readonly tidy: () => void,
    readonly settle: () => void,
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
      this.#bytes = 0
      this.tidy()
      this.#timer = this.#armSettling()
    })
  }

  #armSettling(): Disposable {
    this.#isBusy = false
    return this.timers.after(SETTLE_MS, () => {
      if (this.#bytes >= BYTES_MIN) this.#timer = this.#arm()
      else if (this.#isBusy || !this.isQuiet()) this.#timer = this.#armSettling()
      else {
        this.#timer = undefined
        this.settle()
      }
    })
  }
}
