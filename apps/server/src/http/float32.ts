const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))
const NORMAL_MIN = 1.1754943508222875e-38

/**
 * The double that prints as the shortest decimal which reads back as the float32 `value`: 0.19 and not 0.1899999976158142.
 * Six digits always survive a float32, nine always name one.
 */
export const shortFloat32 = (value: number): number => {
  const size = Math.abs(value)
  if (Number.isInteger(value) && size < 1_000_000) return value
  if (!Number.isFinite(value)) return value
  const exponent = Math.floor(Math.log10(size))
  for (let digits = size < NORMAL_MIN ? 1 : 6; digits < 9; digits++) {
    const scale = digits - 1 - exponent
    // An integer below 2^53 over a power up to 10^22 is rounded once: it is the double nearest to the decimal.
    const short =
      scale >= 0 && scale <= 22
        ? Math.round(value * POWERS[scale]!) / POWERS[scale]!
        : Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return Number(value.toPrecision(9))
}

/** A vector as it is printed. */
export const shortFloats = (vector: Float32Array): number[] => {
  const numbers = new Array<number>(vector.length)
  for (let i = 0; i < vector.length; i++) numbers[i] = shortFloat32(vector[i]!)
  return numbers
}
