import type { Clock, Timers } from '@meridian/core'

interface Due {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

/** Monotonic time that moves only when a test says so; what is due runs in order of time, then of scheduling. */
export class TestTime {
  nowMs = 0
  #order = 0
  #due: Due[] = []

  at(delayMs: number, run: () => void): void {
    this.#due.push({ atMs: this.nowMs + delayMs, order: this.#order++, run })
  }

  /** Runs everything that comes due within `forMs`, what it schedules included. */
  run(forMs: number): void {
    const until = this.nowMs + forMs
    for (;;) {
      let next: Due | undefined
      for (const each of this.#due)
        if (
          each.atMs <= until &&
          (next === undefined || each.atMs < next.atMs || (each.atMs === next.atMs && each.order < next.order))
        )
          next = each
      if (next === undefined) break
      this.#due.splice(this.#due.indexOf(next), 1)
      this.nowMs = next.atMs
      next.run()
    }
    this.nowMs = until
  }

  /** Steps until `isDone`. Fails after `withinMs`. */
  until(isDone: () => boolean, what: string, withinMs = 60_000): void {
    for (let left = withinMs; !isDone(); left--) {
      if (left === 0) throw new Error(`not within ${withinMs} ms: ${what}`)
      this.run(1)
    }
  }
}

/** Timers of one process: none fires after `kill`. */
export class TestTimers implements Timers {
  #isAlive = true

  constructor(readonly time: TestTime) {}

  elapsedMs(): number {
    return this.time.nowMs
  }

  after(delayMs: number, run: () => void): Disposable {
    let isPending = true
    this.time.at(delayMs, () => {
      if (isPending && this.#isAlive) run()
    })
    return {
      [Symbol.dispose]() {
        isPending = false
      },
    }
  }

  kill(): void {
    this.#isAlive = false
  }
}

/** Wall clock of one node: the common time, and how wrong it is. */
export class TestClock implements Clock {
  offsetMs = 0

  constructor(readonly time: TestTime) {}

  nowMs(): number {
    return 1_700_000_000_000 + this.time.nowMs + this.offsetMs
  }
}
