/** Promises that wait for the worker's answer, by request id. */
export class PendingReplies {
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>()
  #lastId = 0

  get size(): number {
    return this.#waiting.size
  }

  /** An aborted request rejects with the signal's reason; its answer, if it comes, is ignored. */
  expect(signal?: AbortSignal): { readonly id: number; readonly answer: Promise<unknown> } {
    const id = ++this.#lastId
    const answer = new Promise<unknown>((resolve, reject) => {
      if (!signal) {
        this.#waiting.set(id, { resolve, reject })
        return
      }
      const abort = (): void => this.reject(id, signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      this.#waiting.set(id, {
        resolve: (value) => {
          signal.removeEventListener('abort', abort)
          resolve(value)
        },
        reject: (error) => {
          signal.removeEventListener('abort', abort)
          reject(error)
        },
      })
    })
    return { id, answer }
  }

  isWaiting(id: number): boolean {
    return this.#waiting.has(id)
  }

  resolve(id: number, value: () => unknown): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    waiting?.resolve(value())
  }

  reject(id: number, error: unknown): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    waiting?.reject(error)
  }

  rejectAll(error: unknown): void {
    for (const id of [...this.#waiting.keys()]) this.reject(id, error)
  }
}
