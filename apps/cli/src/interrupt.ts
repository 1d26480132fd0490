import { EXIT } from './exit.js'

const SAME_PRESS_MS = 300

/**
 * Calls `onFirst` on SIGINT or SIGTERM and `onAgain` on every later one. A wrapper (npm) passes on the Ctrl-C that the
 * terminal has sent to everybody already, so signals within 300 ms of each other count as one.
 */
export const onSignals = (onFirst: () => void, onAgain: () => void): Disposable => {
  let heardMs: number | undefined
  const hear = (): void => {
    const nowMs = performance.now()
    const isSame = heardMs !== undefined && nowMs - heardMs < SAME_PRESS_MS
    const isFirst = heardMs === undefined
    heardMs = nowMs
    if (isFirst) onFirst()
    else if (!isSame) onAgain()
  }
  process.on('SIGINT', hear)
  process.on('SIGTERM', hear)
  return {
    [Symbol.dispose]: () => {
      process.off('SIGINT', hear)
      process.off('SIGTERM', hear)
    },
  }
}

/** Aborts on the first Ctrl-C, so that a command can put things in order; the second ends the process at once. */
export const interruptSignal = (): AbortSignal => {
  const controller = new AbortController()
  onSignals(
    () => controller.abort(),
    () => process.exit(EXIT.interrupted),
  )
  return controller.signal
}
