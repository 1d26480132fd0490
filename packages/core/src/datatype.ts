import { isDense, isMulti, type VectorValue } from './vector-value.js'

/**
 * How the numbers of a dense space are stored where not as float32: in halves, or as integers from 0 to 255. Numbers are rounded by
 * the region that takes a write, before anything else sees them. A vector is handed around as float32 even so; what holds many packs them.
 */
export type Datatype = 'float16' | 'uint8'
export const DATATYPES: readonly Datatype[] = ['float16', 'uint8']

/** Largest half. */
export const HALF_MAX = 65504
const HALF_BYTES = 2

/** Bytes of a number. */
export const numberBytesOf = (datatype: Datatype | undefined): number =>
  datatype === undefined ? 4 : datatype === 'float16' ? HALF_BYTES : 1

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** Bits of the half next to a finite number, ties to even; beyond the largest, the largest. */
export const toHalf = (number: number): number => {
  float[0] = Math.max(-HALF_MAX, Math.min(HALF_MAX, number))
  const whole = bits[0]!
  const sign = (whole >>> 16) & 0x8000
  const magnitude = whole & 0x7fffffff
  // Below 2^-14 halves are whole multiples of 2^-24.
  if (magnitude < 0x38800000) return sign | roundEven(Math.abs(float[0]!) * 2 ** 24)
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
}

/** Exact: products with powers of two are. */
const roundEven = (number: number): number => {
  const low = Math.floor(number)
  const rest = number - low
  return rest > 0.5 || (rest === 0.5 && (low & 1) === 1) ? low + 1 : low
}

/** Infinities and what is no number included. */
export const fromHalf = (half: number): number => {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >>> 10) & 31
  const fraction = half & 1023
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25))
}

let halves: Float32Array | undefined
/** By its bits: 256 KiB, made when the first is read. */
const table = (): Float32Array => (halves ??= Float32Array.from({ length: 65536 }, (_, half) => fromHalf(half)))

/** As Qdrant has it: the fraction is cut off, and what is below 0 or above 255 becomes that. */
const toByte = (number: number): number => Math.max(0, Math.min(255, Math.trunc(number)))

/** Finite numbers as bytes of the datatype, little-endian. Decoding gives what `rounded` does. */
export const encodeNumbers = (datatype: Datatype, numbers: Float32Array): Uint8Array => {
  const { length } = numbers
  const out = new Uint8Array(length * numberBytesOf(datatype))
  if (datatype === 'uint8') for (let i = 0; i < length; i++) out[i] = toByte(numbers[i]!)
  else
    for (let i = 0; i < length; i++) {
      const half = toHalf(numbers[i]!)
      out[2 * i] = half & 0xff
      out[2 * i + 1] = half >>> 8
    }
  return out
}

/** A copy. Halves may be no finite numbers: the caller checks. */
export const decodeNumbers = (datatype: Datatype, bytes: Uint8Array): Float32Array => {
  if (datatype === 'uint8') return new Float32Array(bytes)
  const ofHalf = table()
  const out = new Float32Array(bytes.length / HALF_BYTES)
  for (let i = 0; i < out.length; i++) out[i] = ofHalf[bytes[2 * i]! | (bytes[2 * i + 1]! << 8)]!
  return out
}

/** The numbers that are stored. Idempotent; the same object where nothing changes. */
export const rounded = (datatype: Datatype, value: VectorValue): VectorValue => {
  if (isDense(value)) return roundedNumbers(datatype, value)
  if (!isMulti(value)) return value
  const data = roundedNumbers(datatype, value.data)
  return data === value.data ? value : { dims: value.dims, data }
}

const roundedNumbers = (datatype: Datatype, numbers: Float32Array): Float32Array => {
  const round = datatype === 'uint8' ? toByte : (number: number) => table()[toHalf(number)]!
  // -0 is a half, and no byte.
  return numbers.every((number) => Object.is(round(number), number)) ? numbers : numbers.map(round)
}
