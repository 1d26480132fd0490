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
