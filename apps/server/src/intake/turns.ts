import type { Timers } from '@meridian/core'

/** How long a write waits for its turn at most; then it goes in all the same. */
const WAIT_MS = 2000
/** Between two turns, and between two looks. */
const LOOK_MS = 10
/** Writes that wait; further ones go in at once: each holds its body. */
const WAITING_MAX = 64

/**
 * Lets the writes of a collection in one by one while its graphs are behind, each when they have come nearer: as fast as vectors
 * are inserted, and evenly, so that what is searched meanwhile waits for one write and not for all that were held up. Nothing is
 * refused here.
 */
export class Turns {
  /** Of each collection that has writes waiting, that of the last one. */
  readonly #last = new Map<string, Promise<void>>()
  #waiting = 0
  #taken = 0

  constructor(
    readonly timers: Timers,
    readonly isBehind: (collection: string) => boolean,
  ) {}

  /** Writes that waited, since the start. */
  get taken(): number {
    return this.#taken
  }

  /** Resolves when a write may go in; `undefined`: it may now. */
  take(collection: string): Promise<void> | undefined {
    const before = this.#last.get(collection)
    if ((before === undefined && !this.isBehind(collection)) || this.#waiting >= WAITING_MAX) return undefined
    const turn = this.#wait(collection, before).then(() => {
      if (this.#last.get(collection) === turn) this.#last.delete(collection)
    })
    this.#last.set(collection, turn)
    return turn
  }

  async #wait(collection: string, before: Promise<void> | undefined): Promise<void> {
    const untilMs = this.timers.elapsedMs() + WAIT_MS
    this.#taken++
    this.#waiting++
    await before
    do await new Promise<void>((resolve) => void this.timers.after(LOOK_MS, resolve))
    while (this.isBehind(collection) && this.timers.elapsedMs() < untilMs)
    this.#waiting--
  }
}
