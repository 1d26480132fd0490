import type { Block } from '../block.js'
import type { Entry } from '../entry.js'
import { type DatatypeOf, encodeEntry } from '../entry-codec.js'
import type { Stamp } from '../hlc.js'
import type { ReplicaId } from '../ids.js'
import type { PointId } from '../point-id.js'
import type { VectorValue } from '../vector-value.js'
import { VersionVector } from '../version-vector.js'

/*
 * The values whose encodings stand in `fixtures/`, and the samples that the decoders are fuzzed with. A value is never changed,
 * only added: there are stores and peers that hold its bytes.
 */

const replica = (value: number): ReplicaId => value as ReplicaId
const stamp = (ms: number, counter: number, writer: number): Stamp => ({ ms, counter, writer: replica(writer) })
const NOON = stamp(1_767_322_245_678, 3, 7)
const NO_VECTORS = new Map<string, VectorValue>()

export const GOLDEN_IDS: Readonly<Record<string, PointId>> = {
  zero: 0,
  small: 42,
  'two-bytes': 300,
  'largest-number': Number.MAX_SAFE_INTEGER,
  'smallest-wide': 2n ** 53n,
  'largest-wide': 2n ** 64n - 1n,
  uuid: '550e8400-e29b-41d4-a716-446655440000',
  text: 'product/17',
  'text-utf8': 'naïve 漢字 😀',
  'text-digits': '42',
}

export const GOLDEN_VECTORS: Readonly<Record<string, VersionVector>> = {
  zero: VersionVector.ZERO,
  one: VersionVector.of([[replica(1), 1]]),
  three: VersionVector.of([
    [replica(115), 300],
    [replica(99), 128],
    [replica(255), 1],
  ]),
  largest: VersionVector.of([[replica(255), Number.MAX_SAFE_INTEGER]]),
}

export const GOLDEN_ENTRIES: Readonly<Record<string, Entry>> = {
  'put-empty': { kind: 'put', id: 1, stamp: NOON, vectors: NO_VECTORS, payload: {} },
  'put-unnamed-vector': {
    ...{
      kind: 'put',
      id: 2,
      stamp: NOON,
      payload: { city: 'Köln', count: 3, price: 1.5, tags: ['a', null, true], nested: { deep: {} } },
    },
    vectors: new Map([['', Float32Array.of(1, -0.5, 3.4028234663852886e38, 1e-45)]]),
  },
  'put-named-vectors': {
    ...{ kind: 'put', id: '550e8400-e29b-41d4-a716-446655440000', stamp: stamp(0, 0, 1), payload: { '': 0 } },
    vectors: new Map([
      ['image', Float32Array.of(0.1, 0.2)],
      ['text', Float32Array.of(-0, 1, 2)],
    ]),
  },
  'put-odd-keys': {
    ...{ kind: 'put', id: 'product/17', stamp: NOON, vectors: NO_VECTORS },
    payload: JSON.parse('{"__proto__":{"x":1},"10":"b","2":"a","quote\\"":"\\u0000\\ud800"}'),
  },
  'delete-number': { kind: 'delete', id: 300, stamp: stamp(2 ** 48 - 1, 0xffff, 255) },
  'delete-wide': { kind: 'delete', id: 2n ** 64n - 1n, stamp: NOON },
  'patch-set': {
    ...{ kind: 'patch', id: 3, stamp: NOON, clear: false, set: { a: 1, b: 'two' }, unset: ['c', 'd'] },
    ...{ vectors: NO_VECTORS, dropVectors: [] },
  },
  'patch-clear': {
    ...{ kind: 'patch', id: 4, stamp: NOON, clear: true, set: {}, unset: [], vectors: NO_VECTORS, dropVectors: [] },
  },
  'patch-vectors': {
    ...{ kind: 'patch', id: 'x', stamp: NOON, clear: false, set: {}, unset: [] },
    ...{ vectors: new Map([['image', Float32Array.of(0.25)]]), dropVectors: ['', 'text'] },
  },
  'put-forms': {
    ...{ kind: 'put', id: 5, stamp: NOON, payload: {} },
    vectors: new Map<string, VectorValue>([
      ['words', { indices: Uint32Array.of(0, 7, 0xffffffff), values: Float32Array.of(0.5, -1, 2) }],
      ['empty', { indices: Uint32Array.of(), values: Float32Array.of() }],
      ['tokens', { dims: 2, data: Float32Array.of(1, 0.5, -2, 0, 0.1, 3) }],
    ]),
  },
  'patch-sparse': {
    ...{ kind: 'patch', id: 6, stamp: NOON, clear: false, set: {}, unset: [], dropVectors: [] },
    vectors: new Map([['words', { indices: Uint32Array.of(42), values: Float32Array.of(1.5) }]]),
  },
  'put-marked': {
    ...{ kind: 'put', id: 7, payload: { text: 'v300' }, vectors: new Map([['', Float32Array.of(0.5)]]) },
    stamp: { ...NOON, content: { generation: 0, version: 300, model: 'textembedding-gecko@003' } },
  },
  'delete-marked': {
    ...{ kind: 'delete', id: 8 },
    stamp: { ...NOON, content: { generation: 1, version: Number.MAX_SAFE_INTEGER, model: '' } },
  },
  'patch-marked': {
    ...{ kind: 'patch', id: 9, clear: false, set: { a: 1 }, unset: [], vectors: NO_VECTORS, dropVectors: [] },
    stamp: { ...NOON, content: { generation: 0, version: 0, model: 'naïve' } },
  },
}

/** Written with the datatypes that `GOLDEN_DATATYPES` gives their vectors. */
export const GOLDEN_TYPED_ENTRIES: Readonly<Record<string, Entry>> = {
  'put-datatypes': {
    ...{ kind: 'put', id: 10, stamp: NOON, payload: {} },
    vectors: new Map<string, VectorValue>([
      ['halves', Float32Array.of(1, -0.5, 65504, 2 ** -24, -0)],
      ['bytes', Float32Array.of(0, 1, 255)],
      ['', Float32Array.of(0.1)],
    ]),
  },
  'patch-datatypes': {
    ...{ kind: 'patch', id: 'y', stamp: NOON, clear: false, set: {}, unset: [], dropVectors: [] },
    vectors: new Map<string, VectorValue>([
      ['halves', { dims: 2, data: Float32Array.of(1, 0.5, -2, 0) }],
      ['bytes', { dims: 1, data: Float32Array.of(7, 8) }],
    ]),
  },
}

export const GOLDEN_DATATYPES: DatatypeOf = (name) =>
  name === 'halves' ? 'float16' : name === 'bytes' ? 'uint8' : undefined

const entries = Object.values(GOLDEN_ENTRIES).map(encodeEntry)

export const GOLDEN_BLOCKS: Readonly<Record<string, Block>> = {
  one: { seq: 1, seen: VersionVector.ZERO, moved: false, entries: entries.slice(4, 5) },
  many: { seq: 129, seen: GOLDEN_VECTORS.three!, moved: false, entries: entries.slice(0, 9) },
  moved: { seq: Number.MAX_SAFE_INTEGER, seen: GOLDEN_VECTORS.one!, moved: true, entries: entries.slice(0, 2) },
}

/** Frame bodies. */
export const GOLDEN_BODIES: Readonly<Record<string, Uint8Array>> = {
  byte: Uint8Array.of(0),
  text: new TextEncoder().encode('meridian'),
  entry: entries[1]!,
}
