interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  /** Of all that wait with the same signal. */
  readonly ids: Set<number> | undefined
}

/** Promises that wait for the worker's answer, by request id. */
export class PendingReplies {
  readonly #waiting = new Map<number, Waiting>()
  /** One listener for each signal, however many requests come and go with it: a signal may last as long as a connection. */
  readonly #bySignal = new WeakMap<AbortSignal, Set<number>>()
  #lastId = 0

  get size(): number {
    return this.#waiting.size
  }

  /** An aborted request rejects with the signal's reason; its answer, if it comes, is ignored. */
  expect(signal?: AbortSignal): { readonly id: number; readonly answer: Promise<unknown> } {
    const id = ++this.#lastId
    const ids = signal && this.#idsOf(signal)
    ids?.add(id)
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, ids })
    })
    return { id, answer }
  }

  isWaiting(id: number): boolean {
    return this.#waiting.has(id)
  }

  resolve(id: number, value: () => unknown): void {
    this.#take(id)?.resolve(value())
  }

  reject(id: number, error: unknown): void {
    this.#take(id)?.reject(error)
  }

  rejectAll(error: unknown): void {
    for (const id of [...this.#waiting.keys()]) this.reject(id, error)
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    waiting?.ids?.delete(id)
    return waiting
  }

  #idsOf(signal: AbortSignal): Set<number> {
    const known = this.#bySignal.get(signal)
    if (known !== undefined) return known
    const ids = new Set<number>()
    this.#bySignal.set(signal, ids)
    const abort = (): void => {
      for (const id of [...ids]) this.reject(id, signal.reason)
    }
    signal.addEventListener('abort', abort, { once: true })
    return ids
  }
}
