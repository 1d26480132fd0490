import type { JsonValue } from '@meridian/core'
import type { Test } from '../filter/field.js'
import type { Bits } from './bits.js'
import type { Column } from './column.js'
import { OddValues, sizeOf } from './odd-values.js'

/** The code of a record without a value of its own in the dictionary. */
const NONE = 0

/**
 * Values by number: four bytes a record, and each distinct value once. A test is asked once a value, not once a record; a value
 * that no record has any more is forgotten and its number given to another.
 */
export class ValueColumn implements Column {
  #codes = new Uint32Array(0)
  readonly #codeOf = new Map<JsonValue, number>()
  /** By code; `undefined` where it is free. */
  readonly #values: (JsonValue | undefined)[] = [undefined]
  readonly #uses: number[] = [0]
  readonly #free: number[] = []
  readonly #odd = new OddValues()
  #dictionaryBytes = 0

  get bytes(): number {
    return this.#codes.byteLength + this.#dictionaryBytes + this.#odd.bytes
  }

  set(ordinal: number, values: readonly JsonValue[]): void {
    const [first] = values
    const isPlain = values.length === 1 && (first === null || typeof first !== 'object')
    this.#odd.set(ordinal, values.length > 0 && !isPlain ? values : undefined)
    const before = this.#codes[ordinal] ?? NONE
    const code = isPlain ? this.#take(first!) : NONE
    if (before !== NONE) this.#release(before)
    if (code === NONE && before === NONE) return
    if (ordinal >= this.#codes.length) {
      const wider = new Uint32Array(Math.max(1024, Math.ceil((ordinal + 1) * 1.5)))
      wider.set(this.#codes)
      this.#codes = wider
    }
    this.#codes[ordinal] = code
  }

  fill(bits: Bits, test: Test): void {
    const passing = new Uint8Array(this.#values.length)
    let count = 0
    for (let code = 1; code < this.#values.length; code++) {
      const value = this.#values[code]
      if (value === undefined || !test(value)) continue
      passing[code] = 1
      count++
    }
    const end = count === 0 ? 0 : Math.min(bits.length, this.#codes.length)
    for (let ordinal = 0; ordinal < end; ordinal++) if (passing[this.#codes[ordinal]!] === 1) bits.add(ordinal)
    this.#odd.fill(bits, test)
  }

  #take(value: JsonValue): number {
    let code = this.#codeOf.get(value)
    if (code === undefined) {
      code = this.#free.pop() ?? this.#values.length
      this.#codeOf.set(value, code)
      this.#values[code] = value
      this.#uses[code] = 0
      this.#dictionaryBytes += 64 + sizeOf(value)
    }
    this.#uses[code]!++
    return code
  }

  #release(code: number): void {
    if (--this.#uses[code]! > 0) return
    const value = this.#values[code]!
    this.#codeOf.delete(value)
    this.#values[code] = undefined
    this.#free.push(code)
    this.#dictionaryBytes -= 64 + sizeOf(value)
  }
}
