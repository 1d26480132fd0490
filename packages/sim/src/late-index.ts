import { type IndexedVector, type SpaceRef, StoreError, type VectorIndex } from '@meridian/core'
import type { SeededRandom } from '@meridian/core/seeded-random'
import { ExactIndex } from '@meridian/index'
import type { ProcessTimers } from './virtual-time.js'

const DELAY_MAX_MS = 40

/** Nothing of a vector that is in a damaged block: it is left out, as the port says. */
const readNow = ({ ordinal, id, version, read }: IndexedVector): IndexedVector[] => {
  try {
    const vector = read()
    return [{ ordinal, id, version, read: () => vector }]
  } catch (error) {
    if (error instanceof StoreError && error.code === 'STORAGE_CORRUPT') return []
    throw error
  }
}

/**
 * A second copy of the index that takes everything in order and a while later: what is merged is not searchable yet. `tee` feeds
 * it beside the real one.
 */
export class LateIndex {
  readonly index = new ExactIndex()
  readonly #queue: (() => void)[] = []
  #freeAtMs = 0
  #retoldUntilMs = 0

  constructor(
    readonly timers: ProcessTimers,
    readonly random: SeededRandom,
  ) {}

  tee(real: VectorIndex): VectorIndex {
    return {
      openSpace: (space, params, vectors) => {
        const again = [...vectors].flatMap((each) => readNow(each))
        real.openSpace(space, params, again)
        this.later(() => this.index.openSpace(space, params, again))
        this.retold()
      },
      set: (space, vector) => {
        real.set(space, vector)
        this.later(() => this.index.set(space, vector))
      },
      remove: (space, ordinal) => {
        real.remove(space, ordinal)
        this.later(() => this.index.remove(space, ordinal))
      },
      dropSpace: (space: SpaceRef) => {
        real.dropSpace(space)
        this.later(() => this.index.dropSpace(space))
      },
      search: (...args) => real.search(...args),
      traces: (space, id) => real.traces(space, id),
      terms: (space) => real.terms(space),
      stats: (space) => real.stats(space),
      flush: () => real.flush(),
      close: () => real.close(),
    }
  }

  /**
   * The replica handed over what no vector tells of: it let in what had waited for its stamp's time, or opened a space anew (two
   * regions' collections have just become one).
   */
  retold(): void {
    this.#retoldUntilMs = this.#freeAtMs
  }

  /** Whether some of that is still to be taken. */
  get isBeingRetold(): boolean {
    return this.timers.elapsedMs() <= this.#retoldUntilMs
  }

  /** Runs `run` when everything handed over before has been taken. */
  later(run: () => void): void {
    this.#queue.push(run)
    const now = this.timers.elapsedMs()
    this.#freeAtMs = Math.max(this.#freeAtMs, now + (this.random.chance(0.2) ? this.random.float() * DELAY_MAX_MS : 0))
    // What came before is taken before, whatever rounding does to the two times.
    this.timers.after(this.#freeAtMs - now, () => this.#queue.shift()!())
  }
}
