import { setImmediate } from 'node:timers/promises'

/** How long the event loop is kept at most, about. */
const SLICE_MS = 8

/** Cuts long work into slices, so that other requests go on and an aborted one ends. */
export class Pacer {
  #started = performance.now()
  /** Whether other work may have run since the start: what was read before may have changed. */
  hasPaused = false

  constructor(readonly signal: AbortSignal) {}

  /** Whether it is time to `pause`. */
  get isDue(): boolean {
    return performance.now() - this.#started > SLICE_MS
  }

  /** @throws whatever the signal was aborted with. */
  async pause(): Promise<void> {
    await setImmediate()
    this.signal.throwIfAborted()
    this.#started = performance.now()
    this.hasPaused = true
  }
}
