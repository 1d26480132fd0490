import type { JsonValue } from '@meridian/core'
import type { Test } from '../filter/field.js'
import type { Bits } from './bits.js'
import type { Column } from './column.js'
import { OddValues } from './odd-values.js'

/** Longer by half, filled with NaN. */
export const widened = (from: Float64Array<ArrayBuffer>, index: number): Float64Array<ArrayBuffer> => {
  if (index < from.length) return from
  const wider = new Float64Array(Math.max(1024, Math.ceil((index + 1) * 1.5))).fill(Number.NaN)
  wider.set(from)
  return wider
}

/** Numbers: eight bytes a record. NaN, which JSON has not, stands where there is none. */
export class NumberColumn implements Column {
  #numbers = new Float64Array(0)
  readonly #odd = new OddValues()

  get bytes(): number {
    return this.#numbers.byteLength + this.#odd.bytes
  }

  set(ordinal: number, values: readonly JsonValue[]): void {
    const [first] = values
    const number = values.length === 1 && typeof first === 'number' ? first : Number.NaN
    const isOdd = values.length > 0 && Number.isNaN(number)
    this.#odd.set(ordinal, isOdd ? values : undefined)
    if (ordinal >= this.#numbers.length && Number.isNaN(number)) return
    this.#numbers = widened(this.#numbers, ordinal)
    this.#numbers[ordinal] = number
  }

  fill(bits: Bits, test: Test): void {
    const end = Math.min(bits.length, this.#numbers.length)
    for (let ordinal = 0; ordinal < end; ordinal++) {
      const number = this.#numbers[ordinal]!
      if (!Number.isNaN(number) && test(number)) bits.add(ordinal)
    }
    this.#odd.fill(bits, test)
  }
}
