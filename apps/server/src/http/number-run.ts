import { isFinite32 } from '@meridian/core'

/** Numbers of one array, inclusive: the longest dense vector there is. */
const COUNT_MAX = 65_536
/** Digits that one 32-bit integer holds for sure, and two of them. */
const DIGITS_INT = 9
const DIGITS_MAX = 18
/** Below 10^15 every integer is a double. */
const DIGITS_EXACT = 15
/** Powers of ten up to this one are doubles. */
const POWER_EXACT = 22
const POWER_MAX = 60
const POWERS = Float64Array.from({ length: POWER_MAX + 1 }, (_, exponent) => Number(`1e${exponent}`))
/** What five roundings of a double come to at most, with room to spare. */
const ERROR = 2 ** -49
const EXPONENT_MAX = 9999

const MINUS = 0x2d
const PLUS = 0x2b
const POINT = 0x2e
const ZERO = 0x30
const COMMA = 0x2c
const CLOSE = 0x5d
const LOWER_E = 0x65

/** Arrays of a body share memory in pieces of so many numbers: one allocation each would cost more than what is in it. */
const PIECE = 16_384

/** Shared by all: an array is read before the next begins. */
const numbers = new Float32Array(COUNT_MAX)

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/**
 * Reads JSON arrays of numbers straight into float32, without a JavaScript value for each. What it gives is to the last bit
 * `Math.fround(Number(text))` for each number; what it does not give, somebody else has to read and to judge.
 *
 * A number of up to 15 digits is an exact integer over or times an exact power, so that one rounding makes the double. Of a
 * longer one only an approximation is made, of a known error: where both ends of the error round to the same float32, so does
 * the double between them, and elsewhere `Number` decides.
 */
export class NumberRuns {
  readonly #bytes: Buffer
  #piece = new Float32Array(0)
  #taken = 0
  /** Where the last array that was read ended: behind its bracket. */
  end = 0

  /** The last byte must be none that can stand in a number. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /**
   * The array whose bracket is at `start`. `undefined` unless it has from 1 to 65,536 elements, all of them numbers as JSON
   * writes them, and each finite as a float32.
   */
  read(start: number): Float32Array | undefined {
    const bytes = this.#bytes
    let count = 0
    let at = start
    for (;;) {
      at++
      while (isSpace(bytes[at])) at++
      const isNegative = bytes[at] === MINUS
      if (isNegative) at++
      const from = at
      let digit = (bytes[at]! - ZERO) >>> 0
      if (digit > 9 || count === COUNT_MAX) return undefined
      let high = digit
      let low = 0
      let digits = digit === 0 ? 0 : 1
      let exponent = 0
      digit = (bytes[++at]! - ZERO) >>> 0
      if (digit < 10) {
        // A zero is not followed by digits.
        if (high === 0) return undefined
        for (; digit < 10; digit = (bytes[++at]! - ZERO) >>> 0) {
          if (digits < DIGITS_INT) high = (Math.imul(high, 10) + digit) | 0
          else if (digits < DIGITS_MAX) low = (Math.imul(low, 10) + digit) | 0
          else {
            exponent++
            continue
          }
          digits++
        }
      }
      if (bytes[at] === POINT) {
        digit = (bytes[++at]! - ZERO) >>> 0
        if (digit > 9) return undefined
        const first = at
        if (digits === 0) for (; digit === 0; digit = (bytes[++at]! - ZERO) >>> 0);
        for (; digit < 10 && digits < DIGITS_INT; digit = (bytes[++at]! - ZERO) >>> 0, digits++)
          high = (Math.imul(high, 10) + digit) | 0
        for (; digit < 10 && digits < DIGITS_MAX; digit = (bytes[++at]! - ZERO) >>> 0, digits++)
          low = (Math.imul(low, 10) + digit) | 0
        exponent -= at - first
        for (; digit < 10; digit = (bytes[++at]! - ZERO) >>> 0);
      }
      if ((bytes[at]! | 0x20) === LOWER_E) {
        const sign = bytes[++at]
        if (sign === MINUS || sign === PLUS) at++
        digit = (bytes[at]! - ZERO) >>> 0
        if (digit > 9) return undefined
        let power = 0
        for (; digit < 10; digit = (bytes[++at]! - ZERO) >>> 0) if (power < EXPONENT_MAX) power = power * 10 + digit
        if (power >= EXPONENT_MAX) exponent = POWER_MAX + 1
        else exponent += sign === MINUS ? -power : power
      }
      const whole = digits <= DIGITS_INT ? high : high * POWERS[digits - DIGITS_INT]! + low
      let value: number
      if (exponent === 0 && digits <= DIGITS_EXACT) value = whole
      else if (exponent > POWER_MAX || exponent < -POWER_MAX) value = Number(bytes.toString('latin1', from, at))
      else {
        value = exponent < 0 ? whole / POWERS[-exponent]! : whole * POWERS[exponent]!
        if (digits > DIGITS_EXACT || exponent > POWER_EXACT || exponent < -POWER_EXACT)
          if (Math.fround(value * (1 - ERROR)) !== Math.fround(value * (1 + ERROR)))
            value = Number(bytes.toString('latin1', from, at))
      }
      numbers[count++] = isNegative ? -value : value
      while (isSpace(bytes[at])) at++
      if (bytes[at] === COMMA) continue
      if (bytes[at] !== CLOSE) return undefined
      this.end = at + 1
      const read = numbers.subarray(0, count)
      return isFinite32(read) ? this.#keep(read) : undefined
    }
  }

  #keep(read: Float32Array): Float32Array {
    if (this.#taken + read.length > this.#piece.length) {
      // A number takes two bytes at least.
      const left = Math.ceil((this.#bytes.length - this.end) / 2) + read.length
      this.#piece = new Float32Array(Math.max(read.length, Math.min(PIECE, left)))
      this.#taken = 0
    }
    const kept = this.#piece.subarray(this.#taken, this.#taken + read.length)
    this.#taken += read.length
    kept.set(read)
    return kept
  }
}
