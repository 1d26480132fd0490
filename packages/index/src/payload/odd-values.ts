import type { JsonValue } from '@meridian/core'
import type { Test } from '../filter/field.js'
import type { Bits } from './bits.js'

/** Of records whose values fit no array: several of them, or of another type than the column's. Kept as they are. */
export class OddValues {
  readonly #values = new Map<number, readonly JsonValue[]>()
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** `undefined`: the record's are not odd. */
  set(ordinal: number, values: readonly JsonValue[] | undefined): void {
    const before = this.#values.get(ordinal)
    if (before !== undefined) {
      this.#bytes -= 64 + sizeOf(before)
      this.#values.delete(ordinal)
    }
    if (values === undefined) return
    this.#bytes += 64 + sizeOf(values)
    this.#values.set(ordinal, values)
  }

  fill(bits: Bits, test: Test): void {
    for (const [ordinal, values] of this.#values) if (values.some(test)) bits.add(ordinal)
  }
}

/** Rough heap bytes. */
export const sizeOf = (value: JsonValue | readonly JsonValue[]): number => {
  if (typeof value === 'string') return 24 + value.length * 2
  if (value === null || typeof value !== 'object') return 8
  let bytes = 32
  for (const [key, item] of Object.entries(value)) bytes += (Array.isArray(value) ? 8 : 24 + key.length) + sizeOf(item)
  return bytes
}
