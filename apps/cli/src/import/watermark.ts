import { assert } from '@meridian/core'
import type { Place } from './row.js'

/**
 * How far a file is done when its batches finish in any order: only what has nothing unfinished before it counts, so that
 * resuming there loses nothing. Batches cover the file without gaps.
 */
export class Watermark {
  #place: Place
  readonly #finished = new Map<number, Place>()

  constructor(start: Place) {
    this.#place = start
  }

  /** Everything before it is done. */
  get place(): Place {
    return this.#place
  }

  /** The batch that began at row `from` and ended before `to` is done. */
  finish(from: number, to: Place): void {
    assert(
      to.row >= from && from >= this.#place.row,
      `batch ${from}-${to.row} ends before it begins, or was done before`,
    )
    this.#finished.set(from, to)
    for (
      let next = this.#finished.get(this.#place.row);
      next !== undefined;
      next = this.#finished.get(this.#place.row)
    ) {
      this.#finished.delete(this.#place.row)
      if (next.row === this.#place.row) break
      this.#place = next
    }
  }
}
