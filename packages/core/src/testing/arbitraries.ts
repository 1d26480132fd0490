import * as fc from 'fast-check'
import type { Block } from '../block.js'
import { type ContentMark, isNoMark } from '../content-mark.js'
import type { DeleteEntry, Entry, PatchEntry, PutEntry } from '../entry.js'
import { encodeEntry } from '../entry-codec.js'
import type { Stamp } from '../hlc.js'
import type { ReplicaId } from '../ids.js'
import type { JsonObject } from '../json.js'
import { integerId, type PointId } from '../point-id.js'
import type { MultiVector, SparseVector, VectorValue } from '../vector-value.js'
import { VersionVector } from '../version-vector.js'

/*
 * Random values for the property tests of this package. Names, keys and times come from small sets, so that writes meet.
 */

export const anyReplica: fc.Arbitrary<ReplicaId> = fc.integer({ min: 1, max: 255 }).map((value) => value as ReplicaId)
const fewReplicas = fc.integer({ min: 1, max: 3 }).map((value) => value as ReplicaId)

export const anyStamp: fc.Arbitrary<Stamp> = fc.record({
  ms: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 2 ** 48 - 1 })),
  counter: fc.oneof(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 0xffff })),
  writer: anyReplica,
})

export const anyText: fc.Arbitrary<string> = fc.string({ unit: 'grapheme', maxLength: 20 })

export const anyId: fc.Arbitrary<PointId> = fc.oneof(
  fc.nat({ max: 10 }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => integerId(value)!),
  fc.uuid(),
  anyText.filter((text) => text.length > 0),
)

export const anyNumber = fc.float({ noNaN: true, noDefaultInfinity: true })
const anyDense = fc.array(anyNumber, { maxLength: 4 }).map((elements) => Float32Array.from(elements))

export const anySparse: fc.Arbitrary<SparseVector> = fc
  .uniqueArray(fc.tuple(fc.oneof(fc.nat({ max: 9 }), fc.integer({ min: 0, max: 0xffffffff })), anyNumber), {
    ...{ maxLength: 6, selector: ([index]) => index },
  })
  .map((pairs) => {
    pairs.sort(([a], [b]) => a - b)
    const values = Float32Array.from(pairs, ([, value]) => value)
    return { indices: Uint32Array.from(pairs, ([index]) => index), values }
  })

export const anyMulti: fc.Arbitrary<MultiVector> = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }))
  .chain(([dims, rows]) =>
    fc
      .array(anyNumber, { minLength: dims * rows, maxLength: dims * rows })
      .map((elements) => ({ dims, data: Float32Array.from(elements) })),
  )

const anyVector: fc.Arbitrary<VectorValue> = fc.oneof({ weight: 3, arbitrary: anyDense }, anySparse, anyMulti)
/** Shared by every generated record; the odd ones have broken stores before. */
const keys = fc.constantFrom('a', 'b', 'c', '__proto__', 'toString', '')
const vectorNames = fc.constantFrom('', 'image', '__proto__')
const anyVectors = fc.array(fc.tuple(vectorNames, anyVector), { maxLength: 3 }).map((pairs) => new Map(pairs))

/** As JSON text carries it: no `undefined`, no -0. */
export const anyPayload: fc.Arbitrary<JsonObject> = fc
  .array(fc.tuple(keys, fc.jsonValue({ maxDepth: 2 })), { maxLength: 4 })
  .map((pairs) => JSON.parse(JSON.stringify(Object.fromEntries(pairs))) as JsonObject)

export const anyPut = (id: fc.Arbitrary<PointId>, stamp: fc.Arbitrary<Stamp>): fc.Arbitrary<PutEntry> =>
  fc.record({ kind: fc.constant('put' as const), id, stamp, vectors: anyVectors, payload: anyPayload })

export const anyDelete = (id: fc.Arbitrary<PointId>, stamp: fc.Arbitrary<Stamp>): fc.Arbitrary<DeleteEntry> =>
  fc.record({ kind: fc.constant('delete' as const), id, stamp })

export const anyPatch = (id: fc.Arbitrary<PointId>, stamp: fc.Arbitrary<Stamp>): fc.Arbitrary<PatchEntry> =>
  fc.record({
    kind: fc.constant('patch' as const),
    id,
    stamp,
    clear: fc.boolean(),
    set: anyPayload,
    unset: fc.array(keys, { maxLength: 2 }),
    vectors: anyVectors,
    dropVectors: fc.array(vectorNames, { maxLength: 2 }),
  })

export const anyEntry = (
  id: fc.Arbitrary<PointId> = anyId,
  stamp: fc.Arbitrary<Stamp> = anyStamp,
): fc.Arbitrary<Entry> => fc.oneof(anyPut(id, stamp), anyDelete(id, stamp), anyPatch(id, stamp), anyPatch(id, stamp))

const closeStamp: fc.Arbitrary<Stamp> = fc.record({
  ms: fc.integer({ min: 0, max: 4 }),
  counter: fc.integer({ min: 0, max: 2 }),
  writer: fewReplicas,
})

/** Few enough that they meet. */
export const anyMark: fc.Arbitrary<ContentMark | undefined> = fc.option(
  fc
    .record({
      generation: fc.nat({ max: 1 }),
      version: fc.oneof(fc.nat({ max: 2 }), fc.maxSafeNat()),
      model: fc.constantFrom('', 'old', 'new', '__proto__'),
    })
    .filter((mark) => !isNoMark(mark)),
  { nil: undefined },
)

/** As `anyHistory`, of a collection whose writes say what they were made from. */
export const anyMarkedHistory = (maxLength: number): fc.Arbitrary<Entry[]> =>
  fc.tuple(anyHistory(maxLength), fc.array(anyMark, { minLength: maxLength, maxLength })).map(([entries, marks]) =>
    entries.map((entry, i) => {
      const content = marks[i]
      return content === undefined ? entry : { ...entry, stamp: { ...entry.stamp, content } }
    }),
  )

/** Writes of one id by a few writers within a few milliseconds. No two share a stamp: a writer never issues one twice. */
export const anyHistory = (maxLength: number): fc.Arbitrary<Entry[]> =>
  fc.uniqueArray(anyEntry(fc.constant(1), closeStamp), {
    maxLength,
    selector: ({ stamp }) => `${stamp.ms}/${stamp.counter}@${stamp.writer}`,
  })

export const anyVersionVector: fc.Arbitrary<VersionVector> = fc
  .array(fc.tuple(fc.oneof(fewReplicas, anyReplica), fc.oneof(fc.nat({ max: 4 }), fc.maxSafeNat())), { maxLength: 6 })
  .map((pairs) => VersionVector.of(pairs))

export const anyBlock: fc.Arbitrary<Block> = fc.record({
  seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  seen: anyVersionVector,
  moved: fc.boolean(),
  entries: fc.array(anyEntry(), { minLength: 1, maxLength: 5 }).map((entries) => entries.map(encodeEntry)),
})
