import fc from 'fast-check'
import { expect, test } from 'vitest'
import { shortFloat32, shortFloats } from './float32.js'

/** The definition: fewest digits that read back as the same float32. */
const shortest = (value: number): number => {
  for (let digits = 1; ; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
}

const digitsOf = (value: number): number =>
  JSON.stringify(value)
    .replace(/e.*|\D/g, '')
    .replace(/^0+|0+$/g, '').length

test('[HT20] a float32 prints as its shortest decimal', () => {
  expect(JSON.stringify(shortFloats(Float32Array.of(0.19, 1, -0.5, 1e-7, 3.4028235e38, 16777216, 1e-45)))).toBe(
    '[0.19,1,-0.5,1e-7,3.4028235e+38,16777216,1e-45]',
  )
})

test('[HT20] it reads back as the same number, and no decimal with fewer digits does', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const short = shortFloat32(value)
      expect(Math.fround(short)).toBe(value)
      expect(digitsOf(short)).toBe(digitsOf(shortest(value)))
    }),
    { numRuns: 5000 },
  )
})
