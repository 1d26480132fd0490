import { StoreError, type Timers } from '@meridian/core'
import type { Done } from '../api.js'

/**
 * What waits for something to become true. Looked at whenever something has changed; each ends once: met, late, or cancelled by
 * the end of the store.
 */
export class Waits {
  readonly #waiting = new Set<{ poke(): void; cancel(): void }>()
  #isClosed = false

  constructor(readonly timers: Timers) {}

  get count(): number {
    return this.#waiting.size
  }

  /** `check` gives a value once it is met; `late` what is answered after `timeoutMs`. May answer before it returns. */
  until<T>(check: () => T | undefined, timeoutMs: number, late: () => Parameters<Done<T>>[0], done: Done<T>): void {
    const met = check()
    if (met !== undefined) {
      done({ ok: true, value: met })
      return
    }
    if (this.#isClosed) {
      done({ ok: false, error: shuttingDown() })
      return
    }
    const end = (outcome: Parameters<Done<T>>[0]): void => {
      timer[Symbol.dispose]()
      if (this.#waiting.delete(wait)) done(outcome)
    }
    const wait = {
      poke: () => {
        const value = check()
        if (value !== undefined) end({ ok: true, value })
      },
      cancel: () => end({ ok: false, error: shuttingDown() }),
    }
    const timer = this.timers.after(timeoutMs, () => end(late()))
    this.#waiting.add(wait)
  }

  /** Something changed. */
  poke(): void {
    for (const wait of [...this.#waiting]) wait.poke()
  }

  close(): void {
    this.#isClosed = true
    for (const wait of [...this.#waiting]) wait.cancel()
  }

  /** Ends without a word, as a crash does. */
  drop(): void {
    this.#isClosed = true
    this.#waiting.clear()
  }
}

const shuttingDown = (): StoreError => new StoreError('SHUTTING_DOWN', 'the store is shutting down')
