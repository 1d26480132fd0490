import { mix32 } from '../hash.js'
import type { Random } from '../ports.js'

/**
 * Reproducible randomness: equal seeds give equal sequences, on every machine and for ever, so that a failing seed can be
 * written down. A 32-bit Weyl sequence through a mixer (as SplitMix does); period 2^32; good for tests and for nothing else.
 */
export class SeededRandom implements Random {
  #state: number

  constructor(readonly seed: number) {
    this.#state = mix32(seed ^ 0x5bd1e995)
  }

  uint32(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    return mix32(this.#state)
  }

  /** From 0 (inclusive) to 1 (exclusive), in steps of 2^-32. */
  float(): number {
    return this.uint32() / 0x100000000
  }

  /** An integer from 0 to `max`, exclusive. `max` is from 1 to 2^32. */
  int(max: number): number {
    return Math.floor(this.float() * max)
  }

  /** True with probability `p`; never for 0, always for 1. */
  chance(p: number): boolean {
    return this.float() < p
  }

  /** One of `array`, which must not be empty. */
  pick<T>(array: readonly T[]): T {
    return array[this.int(array.length)] as T
  }

  /** `array` in a random order, as a new array. */
  shuffled<T>(array: readonly T[]): T[] {
    const result = [...array]
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.int(i + 1)
      ;[result[i], result[j]] = [result[j] as T, result[i] as T]
    }
    return result
  }

  /** An independent sequence: drawing from it does not shift this one any further. */
  fork(): SeededRandom {
    return new SeededRandom(this.uint32())
  }
}
