import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from './bytes.js'
import type { Entry } from './entry.js'
import {
  checkEntry,
  decodeEntry,
  decodeEntryHead,
  decodeEntryPayload,
  decodeEntryVector,
  encodeEntry,
  headOf,
  VECTOR_DIMS_MAX,
  VECTOR_NAME_BYTES_MAX,
} from './entry-codec.js'
import type { ReplicaId } from './ids.js'
import { JSON_DEPTH_MAX, type JsonObject } from './json.js'
import { anyEntry } from './testing/arbitraries.js'
import { MULTI_LENGTH_MAX, SPARSE_LENGTH_MAX, type VectorValue } from './vector-value.js'

const refused = expect.objectContaining({ code: 'DECODE_FAILED' })
const stamp = { ms: 1, counter: 2, writer: 3 as ReplicaId }
const put = (payload: JsonObject, vectors: [string, Float32Array][] = []): Entry => ({
  ...{ kind: 'put', id: 1, stamp, payload, vectors: new Map(vectors) },
})

/** A put by hand: `vectors` writes what follows their count. */
const putBytes = (count: number, vectors: (out: ByteWriter) => void, payload = '{}'): Uint8Array => {
  const out = new ByteWriter().u8(1).u48(1).u16(0).u8(1).u8(0).varuint(1).varuint(count)
  vectors(out)
  return out.text(payload).finish()
}
const oneVector =
  (name: string, form: number, ...elements: number[]) =>
  (out: ByteWriter): void => {
    out
      .text(name)
      .u8(form)
      .varuint(elements.length)
      .raw(new Uint8Array(Float32Array.from(elements).buffer))
  }

describe('entry codec', () => {
  it('[EN1] every entry reads back', () => {
    fc.assert(
      fc.property(anyEntry(), (entry) => {
        expect(decodeEntry(encodeEntry(entry))).toEqual(entry)
      }),
      { numRuns: 500 },
    )
  })

  it('[EN2] the partial readers agree with the whole one', () => {
    fc.assert(
      fc.property(anyEntry(), (entry) => {
        const bytes = encodeEntry(entry)
        const { kind, id, stamp } = entry
        const none = { clear: false, vectors: [], dropVectors: [], set: [], unset: [] }
        const names = entry.kind === 'delete' ? [] : [...entry.vectors.keys()]
        const patch = entry.kind === 'patch' && {
          ...{ clear: entry.clear, dropVectors: entry.dropVectors, set: Object.keys(entry.set), unset: entry.unset },
        }
        expect(decodeEntryHead(bytes)).toEqual({ kind, id, stamp, ...none, vectors: names, ...patch })
        expect(headOf(entry)).toEqual(decodeEntryHead(bytes))
        expect(checkEntry(bytes)).toEqual(decodeEntryHead(bytes))
        const payload = entry.kind === 'put' ? entry.payload : entry.kind === 'patch' ? entry.set : {}
        expect(decodeEntryPayload(bytes)).toEqual(payload)
        const vectors: ReadonlyMap<string, VectorValue> = entry.kind === 'delete' ? new Map() : entry.vectors
        for (const name of ['absent', ...vectors.keys()])
          expect(decodeEntryVector(bytes, name)).toEqual(vectors.get(name))
      }),
      { numRuns: 500 },
    )
  })

  it('[EN3] vectors are copies, aligned and right, from a Buffer and at any offset', () => {
    const bytes = encodeEntry(put({}, [['v', Float32Array.of(1, 2, 3)]]))
    for (let offset = 0; offset < 4; offset++) {
      const buffer = Buffer.alloc(bytes.length + 8, 0xff)
      buffer.set(bytes, offset)
      const view = buffer.subarray(offset, offset + bytes.length)
      const vector = decodeEntryVector(view, 'v')
      const entry = decodeEntry(view)
      buffer.fill(0)
      expect(vector).toEqual(Float32Array.of(1, 2, 3))
      expect(entry).toEqual(decodeEntry(bytes))
    }
  })

  it('[EN4] a proper prefix of an entry, and an entry with anything behind it, is refused', () => {
    fc.assert(
      fc.property(anyEntry(), fc.nat(), (entry, cut) => {
        const bytes = encodeEntry(entry)
        for (const read of [decodeEntry, checkEntry]) {
          expect(() => read(bytes.subarray(0, cut % bytes.length))).toThrow(refused)
          expect(() => read(Uint8Array.from([...bytes, 0]))).toThrow(refused)
        }
      }),
    )
  })

  it('[EN5] unsound values are refused: numbers that are not finite, unknown forms, names twice, bounds passed', () => {
    const sound = putBytes(1, oneVector('v', 0, 1, 2))
    expect(decodeEntry(sound)).toMatchObject({ vectors: new Map([['v', Float32Array.of(1, 2)]]) })
    const twice = (out: ByteWriter): void => {
      for (const value of [1, 2]) oneVector('v', 0, value)(out)
    }
    const bad: Record<string, Uint8Array> = {
      NaN: putBytes(1, oneVector('v', 0, Number.NaN)),
      infinity: putBytes(1, oneVector('v', 0, Number.NEGATIVE_INFINITY)),
      form: putBytes(1, oneVector('v', 3, 1)),
      'named twice': putBytes(2, twice),
      'long name': putBytes(1, oneVector('n'.repeat(VECTOR_NAME_BYTES_MAX + 1), 0, 1)),
      'too many dimensions': putBytes(1, oneVector('v', 0, ...new Array<number>(VECTOR_DIMS_MAX + 1).fill(0))),
      'vectors that are not there': putBytes(99_999, oneVector('v', 0, 1)),
      'not JSON': putBytes(0, () => {}, '{'),
      'no object': putBytes(0, () => {}, '[]'),
      'null object': putBytes(0, () => {}, 'null'),
      kind: Uint8Array.from([9, ...sound.subarray(1)]),
    }
    for (const [what, bytes] of Object.entries(bad))
      for (const read of [decodeEntry, checkEntry]) expect(() => read(bytes), what).toThrow(refused)
    expect(() => decodeEntry(putBytes(1, oneVector('n'.repeat(VECTOR_NAME_BYTES_MAX), 0, 1)))).not.toThrow()
  })

  it('[EN6] payloads nest to one depth, for writers and readers alike', () => {
    const nested = (depth: number): JsonObject => {
      let value: JsonObject = {}
      for (let level = 1; level < depth; level++) value = { k: value }
      return value
    }
    const deepest = put(nested(JSON_DEPTH_MAX))
    expect(decodeEntry(encodeEntry(deepest))).toEqual(deepest)
    for (const depth of [JSON_DEPTH_MAX + 1, 100_000])
      expect(() => encodeEntry(put(nested(depth)))).toThrow(expect.objectContaining({ code: 'VALIDATION' }))
    for (const depth of [JSON_DEPTH_MAX, 200_000]) {
      const text = `{"k":${'['.repeat(depth)}${']'.repeat(depth)}}`
      for (const read of [decodeEntry, checkEntry]) expect(() => read(putBytes(0, () => {}, text))).toThrow(refused)
    }
  })

  it('[EN7] sparse vectors ascend without repeats and are finite; multivectors have whole, finite rows, at least one', () => {
    const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer)
    const sparse = (indices: number[], values: number[], count = indices.length): Uint8Array =>
      putBytes(1, (out) => {
        out.text('v').u8(1).varuint(count)
        out.raw(new Uint8Array(Uint32Array.from(indices).buffer)).raw(floats(...values))
      })
    const multi = (dims: number, rows: number, ...values: number[]): Uint8Array =>
      putBytes(1, (out) => {
        out
          .text('v')
          .u8(2)
          .varuint(dims)
          .varuint(rows)
          .raw(floats(...values))
      })
    expect(decodeEntryVector(sparse([1, 5], [2, 3]), 'v')).toEqual({
      ...{ indices: Uint32Array.of(1, 5), values: Float32Array.of(2, 3) },
    })
    expect(decodeEntryVector(multi(2, 2, 1, 2, 3, 4), 'v')).toEqual({ dims: 2, data: Float32Array.of(1, 2, 3, 4) })
    expect(decodeEntryVector(sparse([], []), 'v')).toMatchObject({ indices: new Uint32Array() })
    const bad: Record<string, Uint8Array> = {
      descending: sparse([5, 1], [1, 1]),
      repeated: sparse([5, 5], [1, 1]),
      NaN: sparse([1, 2], [1, Number.NaN]),
      'more than there are': sparse([1], [1], 2),
      'too many': sparse([1], [1], SPARSE_LENGTH_MAX + 1),
      'no dimensions': multi(0, 1),
      'no rows': multi(2, 0),
      infinity: multi(1, 2, 1, Number.POSITIVE_INFINITY),
      'half a row': multi(2, 2, 1, 2, 3),
      'too many rows': multi(2, MULTI_LENGTH_MAX / 2 + 1),
    }
    for (const [what, bytes] of Object.entries(bad))
      for (const read of [decodeEntry, checkEntry]) expect(() => read(bytes), what).toThrow(refused)
  })
})
