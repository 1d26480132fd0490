import fc from 'fast-check'
import { expect, test } from 'vitest'
import { shortFloat32 } from './float32.js'
import { FLOAT_TEXT_MAX, writeFloats } from './print-floats.js'

const printFloats = (vector: Float32Array): string => {
  const out = Buffer.alloc(vector.length * FLOAT_TEXT_MAX)
  const end = writeFloats(new DataView(out.buffer, out.byteOffset, out.length), 0, vector)
  return `[${out.toString('latin1', 0, end)}]`
}

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
  expect(printFloats(Float32Array.of(0.19, 1, -0.5, 1e-7, 3.4028235e38, 16777216, 1e-45))).toBe(
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

test('[HT20] of two decimals as near the even one is printed, whatever the sign', () => {
  const ties = Float32Array.of(2.44140625e-4, -2.44140625e-4, 4.39453125e-3, -4.39453125e-3)
  expect(printFloats(ties)).toBe('[0.00024414062,-0.00024414062,0.0043945312,-0.0043945312]')
})

const printed = (values: readonly number[]): string => JSON.stringify(values.map(shortFloat32))

test('[HT20] a vector prints as its numbers do one by one', () => {
  const any = fc.float({ noNaN: true, noDefaultInfinity: true })
  const usual = fc.tuple(fc.float({ min: -1, max: 1, noNaN: true }), fc.integer({ min: -7, max: 6 }))
  const value = fc.oneof(
    any,
    usual.map(([number, power]) => Math.fround(number * 10 ** power)),
  )
  fc.assert(
    fc.property(fc.array(value, { maxLength: 300 }), (values) => {
      expect(printFloats(Float32Array.from(values))).toBe(printed(values))
    }),
    { numRuns: 500 },
  )
})

test('[HT20] every power of ten and of two, and its neighbours, print so too', () => {
  const bits = new Uint32Array(1)
  const float = new Float32Array(bits.buffer)
  const values: number[] = [0, -0]
  for (let power = -45; power < 39; power++) values.push(10 ** power)
  for (let power = -149; power < 128; power++) values.push(2 ** power)
  const near = values.flatMap((value) => {
    float[0] = value
    const [at] = bits
    return [-2, -1, 0, 1, 2].flatMap((step) => {
      bits[0] = Math.max(0, at! + step)
      return [float[0]!, -float[0]!]
    })
  })
  const finite = near.filter((value) => Number.isFinite(value))
  const texts = printFloats(Float32Array.from(finite)).slice(1, -1).split(',')
  expect(texts.length).toBe(finite.length)
  expect(finite.filter((value, i) => texts[i] !== JSON.stringify(shortFloat32(value)))).toEqual([])
})

test('[HT20] any bits of the plain range print so, those near a tie too', () => {
  const bits = new Uint32Array(1)
  const float = new Float32Array(bits.buffer)
  float[0] = 1e-6
  const least = bits[0]!
  float[0] = 1e5
  const most = bits[0]!
  // A prime step meets every exponent with ever other mantissas.
  const values: number[] = []
  for (bits[0] = least; bits[0] < most; bits[0] += 1471) values.push(float[0])
  const texts = printFloats(Float32Array.from(values)).slice(1, -1).split(',')
  expect(values.length).toBeGreaterThan(200_000)
  expect(values.filter((value, i) => texts[i] !== JSON.stringify(shortFloat32(value)))).toEqual([])
})
