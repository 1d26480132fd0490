import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader, ByteWriter } from './bytes.js'
import { anyText } from './testing/arbitraries.js'

const refused = expect.objectContaining({ code: 'DECODE_FAILED' })
const reader = (...bytes: number[]): ByteReader => new ByteReader(Uint8Array.from(bytes))

const anyField = fc.oneof(
  fc.record({ type: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 0xff }) }),
  fc.record({ type: fc.constant('u16' as const), value: fc.integer({ min: 0, max: 0xffff }) }),
  fc.record({ type: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 0xffffffff }) }),
  fc.record({ type: fc.constant('u48' as const), value: fc.integer({ min: 0, max: 2 ** 48 - 1 }) }),
  fc.record({ type: fc.constant('varuint' as const), value: fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat()) }),
  fc.record({ type: fc.constant('u64' as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  fc.record({ type: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ type: fc.constant('text' as const), value: anyText }),
)
type Field = typeof anyField extends fc.Arbitrary<infer T> ? T : never

const write = (out: ByteWriter, field: Field): ByteWriter => {
  switch (field.type) {
    case 'u64':
      return out.u64(field.value)
    case 'bytes':
      return out.bytes(field.value)
    case 'text':
      return out.text(field.value)
    default:
      return out[field.type](field.value)
  }
}

describe('byte reader and writer', () => {
  it('[BY1] what was written reads back, from any capacity, out of the middle of a larger buffer', () => {
    fc.assert(
      fc.property(fc.array(anyField, { maxLength: 20 }), fc.nat({ max: 40 }), (fields, capacity) => {
        const out = new ByteWriter(capacity)
        for (const field of fields) write(out, field)
        const length = out.length
        const bytes = out.finish()
        expect(bytes.length).toBe(length)
        const within = new Uint8Array(length + 10).fill(0xff)
        within.set(bytes, 5)
        const input = new ByteReader(within.subarray(5, 5 + length))
        for (const field of fields) expect(input[field.type]()).toEqual(field.value)
        expect([input.offset, input.remaining]).toEqual([length, 0])
        input.end()
      }),
    )
  })

  it('[BY2] every proper prefix of an integer, text or byte string is refused', () => {
    fc.assert(
      fc.property(anyField, (field) => {
        const bytes = write(new ByteWriter(), field).finish()
        for (let length = 0; length < bytes.length; length++)
          expect(() => new ByteReader(bytes.subarray(0, length))[field.type]()).toThrow(refused)
      }),
    )
  })

  it('[BY3] an integer has one encoding, of at most eight bytes, within its bound', () => {
    const ff = new Array<number>(7).fill(0xff)
    expect(reader(...ff, 0x0f).varuint()).toBe(Number.MAX_SAFE_INTEGER)
    expect(reader(0x80, 0x01).varuint(128)).toBe(128)
    expect(() => reader(0x81, 0x01).varuint(128)).toThrow(refused)
    const continued = (count: number): number[] => new Array<number>(count).fill(0x80)
    for (const bytes of [
      [0x80, 0],
      [0x81, 0],
      [...ff, 0x10],
      [...continued(8), 1],
      [...continued(150), 1],
      continued(200),
    ])
      expect(() => reader(...bytes).varuint()).toThrow(refused)
  })

  it('[BY4] a length is checked before anything is allocated, and trailing bytes are refused', () => {
    expect(() => reader(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 1).bytes()).toThrow(refused)
    expect(() => reader(3, 1, 2, 3).bytes(2)).toThrow(refused)
    expect(() => reader(1).end()).toThrow(refused)
    expect(() => reader(2, 0xc3, 0x28).text()).toThrow(refused)
  })

  it('[BY5] bytes read are views on the source; a slice of them is a copy, even out of a Buffer', () => {
    const buffer = Buffer.from([3, 1, 2, 3])
    const input = new ByteReader(buffer)
    const view = input.bytes()
    const copy = view.slice()
    buffer[1] = 9
    expect([...view]).toEqual([9, 2, 3])
    expect([...copy]).toEqual([1, 2, 3])
    expect(copy.buffer.byteLength).toBe(3)
  })

  it('[BY6] text keeps what UTF-8 can carry, a byte order mark included', () => {
    const text = '\uFEFFa\u0000é漢😀'
    expect(new ByteReader(new ByteWriter(1).text(text).finish()).text()).toBe(text)
  })

  it('[BY6] short text and long are written alike, ASCII or not', () => {
    for (let length = 0; length < 150; length++)
      for (const text of ['a'.repeat(length), `${'a'.repeat(length)}é`, `ä${'~'.repeat(length)}`]) {
        const encoded = new TextEncoder().encode(text)
        expect(new ByteWriter(1).u8(7).text(text).u8(9).finish()).toEqual(
          new ByteWriter(1).u8(7).bytes(encoded).u8(9).finish(),
        )
      }
  })
})
