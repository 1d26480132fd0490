import type { Timers } from '@meridian/core'

interface Event {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

/** One thread of virtual time: events run in order of time, then of scheduling. Everything in a run hangs on it. */
export class VirtualTime {
  #nowMs = 0
  #order = 0
  /** Binary heap. */
  readonly #heap: Event[] = []

  get nowMs(): number {
    return this.#nowMs
  }

  at(delayMs: number, run: () => void): void {
    const event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run }
    const heap = this.#heap
    heap.push(event)
    let i = heap.length - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (before(heap[parent]!, event)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = event
  }

  /** Runs events up to and including `untilMs`. */
  runUntil(untilMs: number): void {
    while (this.#heap.length > 0 && this.#heap[0]!.atMs <= untilMs) {
      const event = this.#pop()
      this.#nowMs = event.atMs
      event.run()
    }
    this.#nowMs = untilMs
  }

  #pop(): Event {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (before(last, heap[child]!)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
    return first
  }
}

const before = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

/** Timers of one process: none fires after it died. */
export class ProcessTimers implements Timers {
  #isAlive = true

  constructor(readonly time: VirtualTime) {}

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
