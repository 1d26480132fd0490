/** A search within this time has more behind it. */
const SEARCHED_MS = 250
/** What takes this thread some milliseconds to write: a hundred vectors, more or less. */
const LARGE_BYTES = 64 * 1024
/** Writes that wait; further ones go in at once: each holds its body. */
const WAITING_MAX = 64

/**
 * While searches come, large writes go in one at a time. Those that arrive together would share a commit, which is cheaper, but this
 * thread then encodes, shows and indexes all of them at one stretch, and who searches meanwhile waits for that.
 */
export class Passage {
  readonly #waiting: (() => void)[] = []
  #inside = 0
  #searchedAtMs = Number.NEGATIVE_INFINITY

  constructor(readonly elapsedMs: () => number) {}

  /** There was a search. */
  searched(): void {
    this.#searchedAtMs = this.elapsedMs()
  }

  /** Whether searches come. */
  get isSearched(): boolean {
    return this.elapsedMs() - this.#searchedAtMs < SEARCHED_MS
  }

  /** Runs a write whose body has `bytes`: at once, or when those before it are over. */
  async through<T>(bytes: number, write: () => Promise<T>): Promise<T> {
    if (bytes < LARGE_BYTES) return write()
    if (this.#mustWait) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#inside++
    try {
      return await write()
    } finally {
      // Who is next takes this one's place; when searches have ceased, all do.
      const next = this.#waiting.shift()
      if (next === undefined) this.#inside--
      else {
        next()
        if (!this.isSearched) this.#release()
      }
    }
  }

  get #mustWait(): boolean {
    return this.#inside > 0 && this.isSearched && this.#waiting.length < WAITING_MAX
  }

  #release(): void {
    for (const go of this.#waiting.splice(0)) {
      this.#inside++
      go()
    }
  }
}
