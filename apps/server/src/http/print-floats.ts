import { shortFloat32 } from './float32.js'

/** Room for a float32 with its sign and a comma, and for what is written past its end and overwritten by the next one. */
export const FLOAT_TEXT_MAX = 24

const COMMA = 44
const DOT = 46
const MINUS = 45
const ZERO = 48
const POWERS = Float64Array.from({ length: 17 }, (_, exponent) => Number(`1e${exponent}`))
/** Half the distance to the next float32, by biased exponent. */
const HALF_STEPS = Float64Array.from({ length: 256 }, (_, exponent) => 2 ** (exponent - 151))
/** The three digits of the numbers below 1,000, the first in the lowest byte. */
const TRIPLES = Uint32Array.from(
  { length: 1000 },
  (_, n) => (ZERO + Math.floor(n / 100)) | ((ZERO + (Math.floor(n / 10) % 10)) << 8) | ((ZERO + (n % 10)) << 16),
)
/** `0.00` */
const ZERO_POINT = 0x30302e30
const ZEROS = 0x30303030
/** Adding and taking it away rounds what is below 2^51 and not negative to an integer, ties to the even one. */
const ROUNDER = 2 ** 52
/** More than the products below are off by. */
const PRODUCT_ERROR = 1e-6

/** Where most numbers of embeddings are, and where no exponent is printed. */
const PLAIN_MIN = 1e-6
const PLAIN_MAX = 1e5

const float = new Float32Array(1)
const floatBits = new Uint32Array(float.buffer)
/** How far three candidates are from being named, and the words that their signs stand in. */
const beyond = new Float64Array(3)
const beyondBits = new Uint32Array(beyond.buffer)
/** Of the word that holds a double's sign. */
const HIGH = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0

/**
 * Writes the numbers of `vector`, which are finite, as `JSON.stringify` would print `shortFloat32` of each, with commas between,
 * to `out` from `at`. There must be room for `FLOAT_TEXT_MAX` bytes a number; what lies behind the end is overwritten. Returns
 * the end. Digits are laid out from the integer that they make, with few branches: in numbers as random as those of embeddings,
 * each branch that depends on a digit costs more than the arithmetic.
 */
export const writeFloats = (out: DataView, at: number, vector: Float32Array): number => {
  let end = at
  for (let i = 0; i < vector.length; i++) {
    end = writeFloat(out, end, vector[i]!)
    out.setUint8(end++, COMMA)
  }
  return vector.length === 0 ? end : end - 1
}

const writeFloat = (out: DataView, from: number, given: number): number => {
  float[0] = given
  const bits = floatBits[0]!
  const size = Math.abs(given)
  // Below a power of two the next float32 is nearer than above it.
  if (!(size >= PLAIN_MIN && size < PLAIN_MAX) || (bits & 0x7fffff) === 0) return writeAny(out, from, given)
  const scale = decimalsFor(size)
  const power = POWERS[scale]!
  const scaled = size * power
  const half = HALF_STEPS[(bits >>> 23) & 255]! * power
  // Nine digits always name a float32. Fewer do if what they make is nearer to it than the border to the next one.
  const nine = scaled + ROUNDER - ROUNDER
  const eight = (size * POWERS[scale - 1]! + ROUNDER - ROUNDER) * 10
  const seven = (size * POWERS[scale - 2]! + ROUNDER - ROUNDER) * 100
  const six = (size * POWERS[scale - 3]! + ROUNDER - ROUNDER) * 1000
  const a = Math.abs(eight - scaled) - half
  const b = Math.abs(seven - scaled) - half
  const c = Math.abs(six - scaled) - half
  // So near to the border, the sums are not exact enough.
  if (Math.abs(a) < PRODUCT_ERROR || Math.abs(b) < PRODUCT_ERROR || Math.abs(c) < PRODUCT_ERROR)
    return writeAny(out, from, given)
  beyond[0] = a
  beyond[1] = b
  beyond[2] = c
  const isEight = beyondBits[HIGH]! >>> 31
  const isSeven = beyondBits[2 + HIGH]! >>> 31
  const isSix = beyondBits[4 + HIGH]! >>> 31
  // Fewer digits never do where more do not.
  const digits = nine + isEight * (eight - nine) + isSeven * (seven - eight) + isSix * (six - seven)
  out.setUint8(from, MINUS)
  const at = from + (bits >>> 31)
  if (isSix === 1 || size >= 1 || digits >= 1e9) return writeDecimal(out, at, digits, scale)
  const whole = digits | 0
  const first = (whole / 1_000_000) | 0
  const rest = whole - first * 1_000_000
  const second = (rest / 1000) | 0
  out.setUint32(at, ZERO_POINT, true)
  out.setUint32(at + 4, ZEROS, true)
  const start = at + scale - 7
  out.setUint32(start, TRIPLES[first]!, true)
  out.setUint32(start + 3, TRIPLES[second]!, true)
  out.setUint32(start + 6, TRIPLES[rest - second * 1000]!, true)
  return start + 9 - isEight - isSeven
}

/** Decimals that bring a number from 1e-6 to below 1e5 to nine digits before the point. */
const decimalsFor = (size: number): number => {
  if (size >= 1) return size >= 100 ? (size >= 1000 ? (size >= 10_000 ? 4 : 5) : 6) : size >= 10 ? 7 : 8
  if (size >= 1e-3) return size >= 0.01 ? (size >= 0.1 ? 9 : 10) : 11
  return size >= 1e-5 ? (size >= 1e-4 ? 12 : 13) : 14
}

/** An integer of at most ten digits, with `decimals` of them after the point; zeros at the end are left out. */
const writeDecimal = (out: DataView, at: number, integer: number, decimals: number): number => {
  let digits = integer
  let scale = decimals
  while (scale > 0 && digits % 10 === 0) {
    digits /= 10
    scale--
  }
  let whole = 1
  while (digits >= POWERS[whole + scale]!) whole++
  const end = at + whole + (scale > 0 ? 1 + scale : 0)
  let left = digits | 0
  let place = end - 1
  for (let i = 0; i < scale + whole; i++) {
    if (i === scale && i > 0) out.setUint8(place--, DOT)
    const next = (left / 10) | 0
    out.setUint8(place--, ZERO + left - next * 10)
    left = next
  }
  return end
}

const writeAny = (out: DataView, at: number, given: number): number => {
  const text = JSON.stringify(shortFloat32(given))
  for (let i = 0; i < text.length; i++) out.setUint8(at + i, text.charCodeAt(i))
  return at + text.length
}
