import { StoreError } from '@meridian/core'

/** Counts requests under way, and shuts for a graceful stop. */
export class Gate {
  #inside = 0
  #isClosing = false
  #emptied: (() => void) | undefined

  get isClosing(): boolean {
    return this.#isClosing
  }

  /** Dispose of what it returns when the request is done. @throws StoreError `SHUTTING_DOWN`. */
  enter(): Disposable {
    if (this.#isClosing)
      throw new StoreError('SHUTTING_DOWN', 'this region is stopping; use another one, or try again soon')
    this.#inside++
    let isInside = true
    return {
      [Symbol.dispose]: () => {
        if (!isInside) return
        isInside = false
        if (--this.#inside === 0) this.#emptied?.()
      },
    }
  }

  /** Lets nobody in any more; resolves when everybody is out, or after `waitMs`, with how many are still inside. */
  async close(waitMs: number): Promise<number> {
    this.#isClosing = true
    if (this.#inside === 0) return 0
    let timer: NodeJS.Timeout | undefined
    await Promise.race([
      new Promise<void>((resolve) => {
        this.#emptied = resolve
      }),
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, waitMs)
      }),
    ])
    clearTimeout(timer)
    return this.#inside
  }
}
