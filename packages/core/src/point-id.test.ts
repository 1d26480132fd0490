import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader, ByteWriter } from './bytes.js'
import {
  compareIds,
  formatId,
  hashId,
  ID_TEXT_BYTES_MAX,
  integerId,
  type PointId,
  readId,
  shardOf,
  uuidId,
  writeId,
} from './point-id.js'
import { anyId } from './testing/arbitraries.js'

const encoded = (id: PointId): Uint8Array => {
  const out = new ByteWriter()
  writeId(out, id)
  return out.finish()
}
const readAll = (bytes: Iterable<number>): PointId => {
  const input = new ByteReader(Uint8Array.from(bytes))
  const id = readId(input)
  input.end()
  return id
}
const textId = (text: Uint8Array | string): number[] => {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  return [...new ByteWriter().u8(2).bytes(bytes).finish()]
}
const UUID = '550e8400-e29b-41d4-a716-446655440000'

describe('point id', () => {
  it('[ID1] every id reads back as the same value, and different ids have different bytes', () => {
    fc.assert(
      fc.property(anyId, anyId, (a, b) => {
        expect(readAll(encoded(a))).toBe(a)
        expect(Buffer.compare(encoded(a), encoded(b)) === 0).toBe(a === b)
      }),
      { numRuns: 1000 },
    )
  })

  it('[ID2] an integer from 0 to 2^64 - 1 has one form: number up to 2^53 - 1, bigint above', () => {
    expect(integerId(0)).toBe(0)
    expect(Object.is(integerId(-0), 0)).toBe(true)
    expect(integerId(7n)).toBe(7)
    expect(integerId(2 ** 53 - 1)).toBe(2 ** 53 - 1)
    expect(integerId(2n ** 53n - 1n)).toBe(2 ** 53 - 1)
    expect(integerId(2n ** 53n)).toBe(2n ** 53n)
    expect(integerId(2n ** 64n - 1n)).toBe(2n ** 64n - 1n)
    for (const bad of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, -1n, 2n ** 64n])
      expect(integerId(bad)).toBeUndefined()
  })

  it('[ID3] a UUID has one form, whichever way it was written', () => {
    const simple = UUID.replaceAll('-', '')
    for (const form of [
      UUID,
      UUID.toUpperCase(),
      simple,
      simple.toUpperCase(),
      `urn:uuid:${UUID}`,
      `URN:UUID:${UUID.toUpperCase()}`,
    ])
      expect(uuidId(form)).toBe(UUID)
    for (const none of [
      '',
      'x',
      UUID.slice(1),
      `${UUID}0`,
      `{${UUID}}`,
      `urn:uuid:${simple}`,
      `${UUID}\n`,
      UUID.replace('5', 'g'),
    ])
      expect(uuidId(none)).toBeUndefined()
  })

  it('[ID4] order is total: integers by value, then UUIDs, then other strings', () => {
    fc.assert(
      fc.property(fc.tuple(anyId, anyId, anyId), (ids) => {
        for (const a of ids)
          for (const b of ids) {
            expect(Math.sign(compareIds(a, b))).toBe(-Math.sign(compareIds(b, a)) || 0)
            expect(compareIds(a, b) === 0).toBe(a === b)
          }
        const [low, , high] = [...ids].sort(compareIds)
        expect(compareIds(low!, high!)).toBeLessThanOrEqual(0)
      }),
      { numRuns: 1000 },
    )
    const sorted: PointId[] = [0, 2, 10, 2 ** 53 - 1, 2n ** 53n, 2n ** 64n - 1n, UUID, '', '0', 'B', 'a', 'é']
    expect([...sorted].reverse().sort(compareIds)).toEqual(sorted)
  })

  it('[ID5] other encodings of an id are refused', () => {
    expect(readAll(textId('a'))).toBe('a')
    expect(readAll(textId('a'.repeat(ID_TEXT_BYTES_MAX)))).toHaveLength(ID_TEXT_BYTES_MAX)
    const bad: Record<string, number[]> = {
      'empty text': textId(''),
      'text above its bound': textId('a'.repeat(ID_TEXT_BYTES_MAX + 1)),
      'a uuid as text': textId(UUID),
      'text that is not UTF-8': textId(Uint8Array.of(0xc3, 0x28)),
      'an encoded surrogate': textId(Uint8Array.of(0xed, 0xa0, 0x80)),
      'a small integer in the wide form': [8, 0, 0, 0, 0, 0, 0, 0, 1],
      'an over-long integer': [0, 0x81, 0],
      'an integer of the wide form in the short one': [0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10],
      'an unknown tag': [3, 0],
      'a cut uuid': [1, ...new Array<number>(15).fill(7)],
      nothing: [],
    }
    for (const [what, bytes] of Object.entries(bad))
      expect(() => readAll(bytes), what).toThrow(expect.objectContaining({ code: 'DECODE_FAILED' }))
  })

  it('[ID6] shards are named evenly, in range, and 64-bit integers are written in full', () => {
    const counts = new Array<number>(7).fill(0)
    for (let id = 0; id < 7000; id++) counts[shardOf(id, 7)]!++
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
    fc.assert(
      fc.property(anyId, fc.integer({ min: 1, max: 256 }), (id, shards) => {
        expect(shardOf(id, shards)).toBe(hashId(id) % shards)
        expect(shardOf(id, shards)).toBeLessThan(shards)
      }),
    )
    expect(formatId(2n ** 64n - 1n)).toBe('18446744073709551615')
  })
})
