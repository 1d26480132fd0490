import type { JsonObject } from '@meridian/core'

/** Questions that a collection keeps count of; past it the one asked longest ago is forgotten. */
const TALLIES_MAX = 256

/** The live records whose payload passes a test. */
class Tally {
  #bits = new Uint8Array(0)
  count = 0

  constructor(readonly test: (payload: JsonObject) => boolean) {}

  set(ordinal: number, isMatch: boolean): void {
    const at = ordinal >>> 3
    const bit = 1 << (ordinal & 7)
    const was = ((this.#bits[at] ?? 0) & bit) !== 0
    if (was === isMatch) return
    if (at >= this.#bits.length) {
      const wider = new Uint8Array(Math.max(1024, Math.ceil((at + 1) * 1.5)))
      wider.set(this.#bits)
      this.#bits = wider
    }
    this.#bits[at]! ^= bit
    this.count += isMatch ? 1 : -1
  }
}

/**
 * Counts of records by a test of their payload. The first question scans; from then on a count follows every change, at a bit
 * a record and a payload read per changed record.
 */
export class Tallies {
  readonly #tallies = new Map<string, Tally>()

  /** `test` is a function of `name` alone. `records` is asked only the first time. */
  count(
    name: string,
    test: (payload: JsonObject) => boolean,
    records: () => Iterable<readonly [ordinal: number, payload: JsonObject]>,
  ): number {
    let tally = this.#tallies.get(name)
    if (tally === undefined) {
      tally = new Tally(test)
      for (const [ordinal, payload] of records()) if (test(payload)) tally.set(ordinal, true)
      const oldest = this.#tallies.keys().next()
      if (this.#tallies.size >= TALLIES_MAX && oldest.done !== true) this.#tallies.delete(oldest.value)
    }
    this.#tallies.delete(name)
    this.#tallies.set(name, tally)
    return tally.count
  }

  /** Nothing is known any more: the next question scans. */
  clear(): void {
    this.#tallies.clear()
  }

  /** A record changed; `undefined` when it is not live any more. */
  changed(ordinal: number, payload: () => JsonObject | undefined): void {
    if (this.#tallies.size === 0) return
    const now = payload()
    for (const tally of this.#tallies.values()) tally.set(ordinal, now !== undefined && tally.test(now))
  }
}
