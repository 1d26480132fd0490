import type { StorageOp } from '@meridian/core'
import { type RangeOptions, rangeOf } from './key-range.js'

/** Sorted keys and their bytes: what a `MemoryStorage` holds, and what outlives it when a test opens another one on it. */
export class MemoryContents {
  readonly #values = new Map<string, Uint8Array>()
  /** Every key of `#values`, ascending. */
  readonly #sorted: string[] = []

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key)
  }

  apply(ops: readonly StorageOp[]): void {
    for (const op of ops) {
      if (op.type === 'put') this.#put(op.key, op.value)
      else if (op.type === 'delete') this.#removeRange(op.key, `${op.key}\0`)
      else {
        const { lower, upper } = rangeOf(op.prefix, undefined)
        this.#removeRange(lower, upper)
      }
    }
  }

  /** Finds its place anew at every step, so that the contents may change under it. */
  *keys(prefix: string, options: RangeOptions = {}): Generator<string> {
    let { lower, upper } = rangeOf(prefix, options.from)
    for (let left = options.limit ?? Number.POSITIVE_INFINITY; left > 0; left--) {
      const at = options.reverse === true ? this.#indexOf(upper) - 1 : this.#indexOf(lower)
      const key = this.#sorted[at]
      if (key === undefined || key < lower || key >= upper) return
      if (options.reverse === true) upper = key
      else lower = `${key}\0`
      yield key
    }
  }

  #put(key: string, value: Uint8Array): void {
    if (!this.#values.has(key)) this.#sorted.splice(this.#indexOf(key), 0, key)
    this.#values.set(key, value)
  }

  #removeRange(lower: string, upper: string): void {
    const from = this.#indexOf(lower)
    for (const key of this.#sorted.splice(from, Math.max(0, this.#indexOf(upper) - from))) this.#values.delete(key)
  }

  /** Index of the first key that is not below `key`. */
  #indexOf(key: string): number {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#sorted[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }
}
