import { randomFillSync } from 'node:crypto'
import type { Clock, Random, Timers } from '@meridian/core'

/** The operating system's wall clock. */
export const systemClock: Clock = { nowMs: () => Date.now() }

/** `setTimeout` fires at once for delays above this; longer ones are waited for in steps. */
const STEP_MS_MAX = 2 ** 31 - 1

/** The process's monotonic clock and timers. A pending timer keeps the process alive: dispose of it to let go. */
export const systemTimers: Timers = {
  elapsedMs: () => performance.now(),
  after(delayMs, run) {
    let timer: NodeJS.Timeout
    const wait = (restMs: number): void => {
      const stepMs = Math.min(restMs, STEP_MS_MAX)
      timer = setTimeout(() => (restMs > stepMs ? wait(restMs - stepMs) : run()), stepMs)
    }
    wait(Math.max(0, delayMs))
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
}

const pool = new Uint32Array(256)
let used = pool.length

/** Unpredictable numbers from the operating system, drawn a kilobyte at a time. */
export const systemRandom: Random = {
  uint32() {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    return pool[used++]!
  },
}
