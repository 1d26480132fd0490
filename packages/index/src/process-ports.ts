import type { Timers } from '@meridian/core'

/** Node's own. Nothing here keeps a process alive. */
export const NODE_TIMERS: Timers = {
  elapsedMs: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs).unref()
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
}

/** Milliseconds of processors that this process has used, all threads together. */
export const usedCpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
