import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from './bytes.js'
import { DATATYPES, decodeNumbers, encodeNumbers, fromHalf, HALF_MAX, rounded, toHalf } from './datatype.js'
import type { Entry } from './entry.js'
import {
  decodeEntry,
  decodeEntryHead,
  decodeEntryPayload,
  decodeEntryVector,
  headOf,
  writeEntry,
} from './entry-codec.js'
import { anyEntry, anyNumber } from './testing/arbitraries.js'
import { isSparse, numbersOf, type VectorValue } from './vector-value.js'

const anyDatatype = fc.constantFrom(...DATATYPES)
const anyFloat = fc.oneof(
  anyNumber,
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.float({ noNaN: true, min: -Math.fround(1), max: Math.fround(1) }),
)

/** The finite half next to a number, by trying the two around it; of two as near the one with the even fraction. */
const nearestHalf = (number: number): number => {
  const magnitude = Math.min(Math.abs(number), HALF_MAX)
  let low = 0
  for (let step = 0x4000; step > 0; step >>= 1) if (fromHalf(low + step) <= magnitude) low += step
  const down = magnitude - fromHalf(low)
  const up = fromHalf(low + 1) - magnitude
  const half = up < down || (up === down && low % 2 === 1) ? low + 1 : low
  return number < 0 || Object.is(number, -0) ? half + 0x8000 : half
}

const written = (entry: Entry, datatype: (typeof DATATYPES)[number] | undefined): Uint8Array => {
  const out = new ByteWriter()
  writeEntry(out, entry, () => datatype)
  return out.finish()
}

describe('datatypes', () => {
  it('[EN8] every finite half is its own, and the half of a number is the nearest, of two the even one', () => {
    const wrong: number[] = []
    for (let half = 0; half < 65_536; half++) {
      const number = fromHalf(half)
      if (Number.isFinite(number) && toHalf(number) !== half) wrong.push(number)
      if ((half & 0x7fff) >= 0x7bff) continue
      // Between this one and the next, and just beside that.
      const middle = (number + fromHalf(half + 1)) / 2
      for (const beside of [middle, middle * (1 - 2 ** -20), middle * (1 + 2 ** -20)]) {
        const float = Math.fround(beside)
        if (toHalf(float) !== nearestHalf(float)) wrong.push(float)
      }
    }
    expect(wrong).toEqual([])
    fc.assert(fc.property(anyFloat, (number) => toHalf(Math.fround(number)) === nearestHalf(Math.fround(number))))
    expect([65_504, 65_519, 65_520, 3e38, -1e9].map((number) => fromHalf(toHalf(number)))).toEqual([
      ...[65_504, 65_504, 65_504, 65_504, -65_504],
    ])
  })

  it('[EN9] integers are what Qdrant makes of numbers: the fraction is cut off, and 0 and 255 are the ends', () => {
    const numbers = Float32Array.of(-1e9, -1, -0.5, -0, 0, 0.99, 1, 254.9, 255, 256, 3e38)
    expect([...numbersOf(rounded('uint8', numbers))]).toEqual([0, 0, 0, 0, 0, 0, 1, 254, 255, 255, 255])
  })

  it('[EN9] rounding is idempotent, leaves what it does not change, and is what bytes read back as', () => {
    fc.assert(
      fc.property(anyDatatype, fc.array(anyFloat, { minLength: 1, maxLength: 40 }), (datatype, elements) => {
        const numbers = Float32Array.from(elements)
        const once = rounded(datatype, numbers)
        expect(rounded(datatype, once)).toBe(once)
        const bytes = encodeNumbers(datatype, numbers)
        expect(bytes.length).toBe(numbers.length * (datatype === 'uint8' ? 1 : 2))
        expect(decodeNumbers(datatype, bytes)).toEqual(once)
        const multi: VectorValue = { dims: 1, data: numbers }
        expect(rounded(datatype, multi)).toEqual({ dims: 1, data: once })
      }),
    )
    const sparse: VectorValue = { indices: Uint32Array.of(3), values: Float32Array.of(0.1) }
    expect(rounded('uint8', sparse)).toBe(sparse)
  })

  it('[EN10] an entry that is written with a datatype reads back rounded, by every reader', () => {
    fc.assert(
      fc.property(anyEntry(), anyDatatype, (entry, datatype) => {
        const bytes = written(entry, datatype)
        const expected =
          entry.kind === 'delete'
            ? entry
            : {
                ...entry,
                vectors: new Map([...entry.vectors].map(([name, value]) => [name, rounded(datatype, value)])),
              }
        expect(decodeEntry(bytes)).toEqual(expected)
        expect(written(expected as Entry, datatype)).toEqual(bytes)
        expect(decodeEntryHead(bytes)).toEqual(headOf(entry))
        if (entry.kind === 'delete') return
        for (const [name, value] of entry.vectors)
          expect(decodeEntryVector(bytes, name)).toEqual(rounded(datatype, value))
        expect(decodeEntryPayload(bytes)).toEqual(entry.kind === 'put' ? entry.payload : entry.set)
        let saved = 0
        for (const value of entry.vectors.values())
          if (!isSparse(value)) saved += numbersOf(value).length * (datatype === 'uint8' ? 3 : 2)
        expect(bytes.length).toBe(written(entry, undefined).length - saved)
      }),
      { numRuns: 300 },
    )
  })

  it('[EN5] a half that is no finite number, a sparse vector with a datatype and an unknown one are refused', () => {
    const bytes = (form: number, numbers: readonly number[]): Uint8Array => {
      const out = new ByteWriter().u8(1).u48(1).u16(0).u8(1).u8(0).varuint(1).varuint(1)
      return out.text('v').u8(form).varuint(1).raw(Uint8Array.from(numbers)).text('{}').finish()
    }
    expect(decodeEntry(bytes(16, [0, 0x3c]))).toMatchObject({ vectors: new Map([['v', Float32Array.of(1)]]) })
    expect(decodeEntry(bytes(32, [7]))).toMatchObject({ vectors: new Map([['v', Float32Array.of(7)]]) })
    const bad: (readonly [form: number, numbers: readonly number[]])[] = [
      [16, [0, 0x7c]],
      [16, [1, 0xfc]],
      [17, [0, 0, 0, 0, 0, 0x3c]],
      [33, [0, 0, 0, 0, 7]],
      [48, [7]],
      [64, [7]],
      [32, []],
      [16, [0]],
    ]
    for (const [form, numbers] of bad)
      expect(() => decodeEntry(bytes(form, numbers)), `${form}`).toThrow(
        expect.objectContaining({ code: 'DECODE_FAILED' }),
      )
  })
})
