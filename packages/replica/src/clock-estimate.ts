/** Samples kept; the one with the shortest round trip among them is believed. */
const SAMPLES = 8
const ROUND_TRIP_MAX_MS = 1000
/** Clocks are read in whole milliseconds and drift a little. */
const SLACK_MS = 20

/**
 * Offset of a peer's wall clock from ours by the four-timestamp method of NTP (RFC 5905, section 8): heartbeats echo the
 * last stamp heard and how long it was held, so that a slow or held link does not look like a wrong clock.
 */
export class ClockEstimate {
  #samples: { readonly offsetMs: number; readonly roundTripMs: number }[] = []

  /** `heard`: a heartbeat that arrived at local wall time `nowMs`. */
  add(heard: { readonly wallMs: number; readonly echoMs: number; readonly heldMs: number }, nowMs: number): void {
    if (heard.echoMs === 0) return
    const roundTripMs = nowMs - heard.echoMs - heard.heldMs
    if (roundTripMs < 0 || roundTripMs > ROUND_TRIP_MAX_MS) return
    const offsetMs = heard.wallMs + roundTripMs / 2 - nowMs
    // The truth is within half a round trip of each sample. Where two exclude each other, one of the clocks was set meanwhile.
    const isOf = (each: { readonly offsetMs: number; readonly roundTripMs: number }): boolean =>
      Math.abs(each.offsetMs - offsetMs) <= (each.roundTripMs + roundTripMs) / 2 + SLACK_MS
    this.#samples = this.#samples.filter(isOf)
    this.#samples.push({ offsetMs, roundTripMs })
    if (this.#samples.length > SAMPLES) this.#samples.shift()
  }

  /** Peer minus us; undefined before the first good sample. */
  get offsetMs(): number | undefined {
    if (this.#samples.length === 0) return undefined
    return this.#samples.reduce((best, sample) => (sample.roundTripMs < best.roundTripMs ? sample : best)).offsetMs
  }
}

/**
 * How far our clock is from the median of the peers', or 0 when there is no telling: with fewer than two peers heard, either
 * of two clocks may be the wrong one. Of an even number the middle value nearer to us counts.
 */
export const ownOffsetMs = (offsets: readonly number[]): number => {
  if (offsets.length < 2) return 0
  const sorted = [...offsets].sort((a, b) => a - b)
  const upper = sorted[sorted.length >> 1]!
  const lower = sorted[(sorted.length - 1) >> 1]!
  return -(Math.abs(upper) < Math.abs(lower) ? upper : lower)
}
