/** Fewer searches than this tell nothing yet: their times go on being collected, for this many looks at most. */
const TIMES_MIN = 20
const LOOKS_MAX = 4
/** Times kept between two looks; further ones are not looked at. */
const TIMES_MAX = 4096
/** Weight of the newest look in what is normal. */
const WEIGHT = 0.3
const PERCENTILE = 0.95

/** How long searches take, and how long they take when nothing is being rebuilt. */
export class ServingTimes {
  readonly #times = new Float64Array(TIMES_MAX)
  #count = 0
  #looks = 0
  #calmMs: number | undefined

  add(ms: number): void {
    if (this.#count < TIMES_MAX) this.#times[this.#count++] = ms
  }

  /** 95th percentile since the last look that told; `undefined` for too few searches. `isCalm`: nothing was being rebuilt. */
  look(isCalm: boolean): number | undefined {
    if (this.#count < TIMES_MIN) {
      if (++this.#looks >= LOOKS_MAX) this.forget()
      return undefined
    }
    const times = this.#times.subarray(0, this.#count).sort()
    const ms = times[Math.ceil(times.length * PERCENTILE) - 1]!
    this.forget()
    if (isCalm) this.#calmMs = this.#calmMs === undefined ? ms : this.#calmMs + WEIGHT * (ms - this.#calmMs)
    return ms
  }

  /** What was collected since the last look does not count. */
  forget(): void {
    this.#count = 0
    this.#looks = 0
  }

  get calmMs(): number | undefined {
    return this.#calmMs
  }
}
