const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))
const NORMAL_MIN = 1.1754943508222875e-38

/** To the nearest integer, ties to the even one. For what is not negative. */
const roundEven = (value: number): number => {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded
}

/**
 * The double that prints as the shortest decimal which reads back as the float32 `value`: 0.19 and not 0.1899999976158142.
 * Six digits always survive a float32, nine always name one. Of two that are as near, the even one, as Ryu prints it.
 */
export const shortFloat32 = (value: number): number => {
  const size = Math.abs(value)
  if (Number.isInteger(value) && size < 1_000_000) return value
  if (!Number.isFinite(value)) return value
  const exponent = Math.floor(Math.log10(size))
  for (let digits = size < NORMAL_MIN ? 1 : 6; digits <= 9; digits++) {
    const scale = digits - 1 - exponent
    // An integer below 2^53 over a power up to 10^22 is rounded once: it is the double nearest to the decimal.
    const short =
      scale >= 0 && scale <= 22 ? roundEven(size * POWERS[scale]!) / POWERS[scale]! : Number(size.toPrecision(digits))
    if (Math.fround(short) === size) return value < 0 ? -short : short
  }
  return value
}

/** More than the longest text of a float32 with its sign and a comma: `-0.00000123456789,`. */
const TEXT_MAX = 24
const COMMA = 44
const DOT = 46
const MINUS = 45
const ZERO = 48

/** Grows to the longest vector printed; the printing of one is over before the next begins. */
let scratch = Buffer.alloc(4096)

/**
 * The JSON text of a vector of finite numbers, each the shortest decimal, as `JSON.stringify` would print `shortFloat32` of it.
 * Digits are laid into bytes from the integer they make: several times as fast as printing doubles.
 */
export const printFloats = (vector: Float32Array): string => {
  if (scratch.length < vector.length * TEXT_MAX) scratch = Buffer.alloc(vector.length * TEXT_MAX)
  const out = scratch
  let end = 0
  for (let i = 0; i < vector.length; i++) {
    if (i > 0) out[end++] = COMMA
    end = printFloat(out, end, vector[i]!)
  }
  return `[${out.toString('latin1', 0, end)}]`
}

/** Where most numbers of embeddings are, and where no exponent is printed. */
const PLAIN_MIN = 1e-6
const PLAIN_MAX = 1e5

/** Returns the new end. */
const printFloat = (out: Buffer, at: number, value: number): number => {
  const size = value < 0 ? -value : value
  if (!(size >= PLAIN_MIN && size < PLAIN_MAX)) {
    const text = JSON.stringify(shortFloat32(value))
    for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i)
    return at + text.length
  }
  // Decimals that leave six digits; two more name most numbers, three name all.
  let scale = decimalsFor(size)
  let digits = roundEven(size * POWERS[scale + 2]!)
  if (Math.fround(digits / POWERS[scale + 2]!) === size) {
    scale += 2
    for (let less = 1; less <= 2; less++) {
      const fewer = roundEven(size * POWERS[scale - 1]!)
      if (Math.fround(fewer / POWERS[scale - 1]!) !== size) break
      digits = fewer
      scale--
    }
  } else {
    scale += 3
    digits = roundEven(size * POWERS[scale]!)
  }
  while (scale > 0 && digits % 10 === 0) {
    digits /= 10
    scale--
  }
  return printDecimal(out, value < 0 ? printMinus(out, at) : at, digits, scale)
}

const printMinus = (out: Buffer, at: number): number => {
  out[at] = MINUS
  return at + 1
}

/** Decimals that bring a number from 1e-6 to below 1e5 to six digits before the point. */
const decimalsFor = (size: number): number => {
  if (size >= 1) return size >= 100 ? (size >= 1000 ? (size >= 10_000 ? 1 : 2) : 3) : size >= 10 ? 4 : 5
  if (size >= 1e-3) return size >= 0.01 ? (size >= 0.1 ? 6 : 7) : 8
  return size >= 1e-5 ? (size >= 1e-4 ? 9 : 10) : 11
}

/** An integer of at most nine digits with `scale` of them after the point. */
const printDecimal = (out: Buffer, at: number, digits: number, scale: number): number => {
  let count = 1
  for (let bound = 10; bound <= digits; bound *= 10) count++
  const whole = Math.max(1, count - scale)
  const end = at + whole + (scale > 0 ? 1 + scale : 0)
  let left = digits
  let place = end - 1
  for (let i = 0; i < scale; i++) {
    const next = (left / 10) | 0
    out[place--] = ZERO + left - next * 10
    left = next
  }
  if (scale > 0) out[place--] = DOT
  for (let i = 0; i < whole; i++) {
    const next = (left / 10) | 0
    out[place--] = ZERO + left - next * 10
    left = next
  }
  return end
}
