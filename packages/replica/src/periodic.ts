import type { Timers } from '@meridian/core'

/** What is run at intervals, until all of it is stopped. */
export class Periodic {
  #armed: Disposable[] = []
  #isStopped = false

  constructor(readonly timers: Timers) {}

  /** First after one interval. Armed again before it runs: a run that throws is not the last. */
  every(intervalMs: number, run: () => void): void {
    const at = this.#armed.length
    const arm = (): void => {
      this.#armed[at] = this.timers.after(intervalMs, () => {
        if (this.#isStopped) return
        arm()
        run()
      })
    }
    arm()
  }

  stop(): void {
    this.#isStopped = true
    for (const timer of this.#armed) timer[Symbol.dispose]()
    this.#armed = []
  }
}
