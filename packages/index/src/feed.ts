import { Share } from './share.js'

/** Vectors that came within this time have more behind them. */
const FED_MS = 50
/** Of its time that a worker builds while they come. */
const SHARE_MIN = 0.25
/**
 * So many numbers that are in no graph yet take a search some milliseconds to scan: building gets all of the time. While searches
 * come, it does so soon: who writes is slowed to the pace of the graph then, so there is nothing to rest for.
 */
const TAIL_NUMBERS_MAX = 8_000_000
const SEARCHED_NUMBERS_MAX = 500_000

/**
 * With few processors, vectors are taken in by the same ones that build graphs. While they keep coming, building rests between
 * two slices: it can be done later, and a burst is acknowledged as fast as it can be made durable. What waits is scanned by each
 * search, so the more there is of it, the shorter are the rests; most of all while searches come.
 */
export class Feed {
  #fedAtMs = Number.NEGATIVE_INFINITY
  #building = new Share(Number.NEGATIVE_INFINITY)

  /** `isShared`: there is no processor to spare for building. */
  constructor(readonly isShared: boolean) {}

  /** Vectors have come. */
  came(nowMs: number): void {
    // Before, it could build all the time: there is nothing to make up for.
    if (nowMs - this.#fedAtMs >= FED_MS) this.#building = new Share(nowMs)
    this.#fedAtMs = nowMs
  }

  /** A slice of building took `ms`; of its space, `tailNumbers` are in no graph yet. `isSearched`: searches come. */
  built(nowMs: number, ms: number, tailNumbers: number, isSearched = false): void {
    const most = isSearched ? SEARCHED_NUMBERS_MAX : TAIL_NUMBERS_MAX
    const share = Math.min(1, Math.max(SHARE_MIN, tailNumbers / most))
    this.#building.took(nowMs, ms, share)
  }

  /** Milliseconds until the next slice may be built. */
  restMs(nowMs: number): number {
    if (!this.isShared || nowMs - this.#fedAtMs >= FED_MS) return 0
    return this.#building.restMs(nowMs)
  }
}
