import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Datatype, decodeNumbers, encodeNumbers, fromHalf, METRICS, toHalf } from '@meridian/core'
import hnswlib from 'hnswlib-node'
import { afterAll, describe, expect, test } from 'vitest'
import { KERNELS, normalize } from './scoring.js'
import { randomOf } from './testing/data.js'

const directory = mkdtempSync(join(tmpdir(), 'meridian-packed-'))
afterAll(() => rmSync(directory, { recursive: true }))

const DATATYPES: readonly Datatype[] = ['float16', 'uint8']
const random = randomOf(11)
/** What is stored of numbers. */
const stored = (datatype: Datatype, numbers: Float32Array): Float32Array =>
  decodeNumbers(datatype, encodeNumbers(datatype, numbers))
/** Numbers of every size that the datatype has: of halves those below 2^-14 too, and either zero. */
const numberOf = (datatype: Datatype): number =>
  datatype === 'uint8'
    ? Math.floor(random() * 256)
    : random() < 0.1
      ? (random() - 0.5) * 2 ** -14
      : random() < 0.05
        ? -0
        : random() * 4 - 2
const vectorOf = (datatype: Datatype, dims: number): Float32Array =>
  stored(
    datatype,
    Float32Array.from({ length: dims }, () => numberOf(datatype)),
  )
const LENGTHS = [...Array.from({ length: 130 }, (_, i) => i + 1), 257, 784]

describe.each(hnswlib.simdKernels())('kernel %s', (kernel) => {
  test.each(DATATYPES)(
    '[NA16] %s: squared distances agree with doubles at every length, elements kept whole included',
    (datatype) => {
      for (const dims of LENGTHS) {
        const floats = dims > 1 ? Math.floor(random() * Math.min(dims, 35)) : 0
        const graph = new hnswlib.HierarchicalNSW(`l2-${datatype}`, dims, kernel, floats)
        graph.initIndex(2)
        const make = (): Float32Array => {
          const vector = vectorOf(datatype, dims)
          for (let i = dims - floats; i < dims; i++) vector[i] = random() * 3
          return vector
        }
        const [a, b] = [make(), make()]
        graph.addPoint(a, 0)
        const found = graph.searchKnn(b, 1).distances[0]!
        const truth = a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0)
        // Rounding of each addition; one element left out would be far more.
        expect(Math.abs(found - truth), `${dims} dimensions`).toBeLessThanOrEqual((dims / 4 + 8) * 2 ** -24 * truth)
        const back = new Float32Array(dims)
        graph.readPoint(0, back)
        expect(new Uint8Array(back.buffer)).toEqual(new Uint8Array(a.buffer))
        expect(graph.searchKnn([...b], 1).distances[0]).toBe(found)
      }
    },
  )

  test.each(DATATYPES)(
    '[NA16] %s: cosines agree with doubles at every length, whatever the lengths of vectors',
    (datatype) => {
      for (const dims of LENGTHS) {
        const graph = new hnswlib.HierarchicalNSW(`cosine-${datatype}`, dims, kernel)
        graph.initIndex(2)
        const a = vectorOf(datatype, dims)
        const b = stored(
          datatype,
          vectorOf(datatype, dims).map((x) => (datatype === 'uint8' ? x : x * 37)),
        )
        graph.addPoint(a, 0)
        const product = (p: Float32Array, q: Float32Array): number => p.reduce((sum, x, i) => sum + x * q[i]!, 0)
        const lengths = product(a, a) * product(b, b)
        const truth = lengths > 0 ? 1 - product(a, b) / Math.sqrt(lengths) : 1
        // Sums of squares, of which the distance is a part, have errors of 2^-24 an addition.
        const part = lengths > 0 ? (product(a, a) + product(b, b)) / Math.sqrt(lengths) : 0
        expect(Math.abs(graph.searchKnn(b, 1).distances[0]! - truth)).toBeLessThanOrEqual(
          (dims / 4 + 8) * 2 ** -24 * (1 + part),
        )
      }
    },
  )

  test.each(['l2-float16', 'cosine-float16', 'unit-float16', 'l2-uint8', 'cosine-uint8'] as const)(
    '[NA16] %s: a graph gives distances that no bound changes',
    (space) => {
      const datatype: Datatype = space.endsWith('16') ? 'float16' : 'uint8'
      for (const dims of [7, 300]) {
        const graph = new hnswlib.HierarchicalNSW(space, dims, kernel)
        graph.initIndex(400, 16, 200)
        const vectors = Array.from({ length: 400 }, () => vectorOf(datatype, dims))
        for (const [label, vector] of vectors.entries()) graph.addPoint(vector, label)
        for (const query of vectors.slice(0, 5)) {
          // All of them: there is no bound before the list is full.
          graph.setEf(400)
          const all = graph.searchKnn(query, 400)
          expect(all.neighbors.length).toBeGreaterThan(390)
          const distance = new Map([...all.neighbors].map((label, at) => [label, all.distances[at]!]))
          for (const ef of [10, 60]) {
            graph.setEf(ef)
            const { neighbors, distances } = graph.searchKnn(query, 10)
            expect([...distances]).toEqual(Array.from(neighbors, (label, at) => distance.get(label) ?? distances[at]))
            expect(distances[0]).toBe(all.distances[0])
          }
        }
      }
    },
  )
})

test.each(hnswlib.simdKernels())(
  '[NA16] kernel %s: halves of length 1 are compared by half of their squared distance',
  (kernel) => {
    for (const dims of [1, 2, 3, 17, 64, 300]) {
      const graph = new hnswlib.HierarchicalNSW('unit-float16', dims, kernel)
      graph.initIndex(1)
      const make = (): Float32Array =>
        stored('float16', normalize(Float32Array.from({ length: dims }, () => random() - 0.5)))
      const [a, b] = [make(), make()]
      graph.addPoint(a, 0)
      const [x, y] = [normalize(a), normalize(b)]
      const cosine = x.reduce((sum, number, i) => sum + number * y[i]!, 0)
      const found = graph.searchKnn(b, 1).distances[0]!
      expect(Math.abs(found - (1 - cosine))).toBeLessThan(1e-3 * (1 - cosine) + 1e-6)
      const scores = new Float32Array(1)
      graph.scoreLabels!('cosine', x, Uint32Array.of(0), scores)
      expect(scores[0]).toBe(KERNELS.Cosine(x, x, 0))
    }
  },
)

test('[NA16] every half comes back as it was, and floats become the nearest', () => {
  const halves = Array.from({ length: 65_536 }, (_, bits) => bits).filter((bits) => (bits & 0x7c00) !== 0x7c00)
  for (const kernel of hnswlib.simdKernels()) {
    const graph = new hnswlib.HierarchicalNSW('l2-float16', halves.length, kernel)
    graph.initIndex(1, 2, 2)
    const numbers = Float32Array.from(halves, fromHalf)
    graph.addPoint(numbers, 0)
    const back = new Float32Array(halves.length)
    graph.readPoint(0, back)
    expect(Buffer.from(back.buffer).equals(Buffer.from(numbers.buffer))).toBe(true)
  }
  const between = Float32Array.from({ length: 60_000 }, (_, i) => {
    const [low, high] = [fromHalf(i % 31_743), fromHalf((i % 31_743) + 1)]
    return i % 3 === 0 ? (low + high) / 2 : low + (high - low) * random()
  }).map((number) => (random() < 0.5 ? number : -number))
  between.set([1e30, -1e30, 65_504, 65_519.9, 65_520, Number.POSITIVE_INFINITY])
  const graph = new hnswlib.HierarchicalNSW('l2-float16', between.length)
  graph.initIndex(1, 2, 2)
  graph.addPoint(between, 0)
  const back = new Float32Array(between.length)
  graph.readPoint(0, back)
  expect(back).toEqual(between.map((number) => fromHalf(toHalf(number))))
  const bytes = new hnswlib.HierarchicalNSW('l2-uint8', 7)
  bytes.initIndex(1)
  bytes.addPoint([-3, 0.4, 0.6, 254.7, 300, Number.NaN, 17], 0)
  const kept = new Float32Array(7)
  bytes.readPoint(0, kept)
  expect([...kept]).toEqual([0, 0, 1, 255, 255, 0, 17])
})

const native = hnswlib.scoreVectors!

test.each(METRICS)(
  '[NA17] %s: small numbers are scored to the bits of the plain loop, in blocks and in graphs',
  (metric) => {
    const kernel = KERNELS[metric]
    const name =
      metric === 'Cosine' ? 'cosine' : metric === 'Dot' ? 'dot' : metric === 'Euclid' ? 'euclid' : 'manhattan'
    for (const datatype of DATATYPES)
      for (const dims of [1, 2, 3, 5, 16, 33, 130, 300, 5000]) {
        const count = 23
        const vectors = Array.from({ length: count }, () => vectorOf(datatype, dims))
        // Of length 1 already, nearly; and of none.
        vectors[3] = stored(datatype, normalize(vectors[3]!))
        vectors[4] = new Float32Array(dims)
        const query = normalize(Float32Array.from({ length: dims }, () => random() - 0.5))
        const compared = metric === 'Cosine' ? vectors.map(normalize) : vectors
        const expected = Float32Array.from(compared, (vector) => kernel(query, vector, 0))
        const order = Uint32Array.from({ length: 60 }, () => Math.floor(random() * count))
        const bits = (scores: Float32Array): number[] => [...new Uint32Array(scores.buffer)]
        const truth = bits(Float32Array.from(order, (at) => expected[at]!))
        // Blocks start one element into their buffers, so that no load of halves is aligned.
        const perBlock = 4
        const blocks = Array.from({ length: Math.ceil(count / perBlock) }, (_, block) => {
          const numbers = vectors.slice(block * perBlock, (block + 1) * perBlock).flatMap((vector) => [...vector])
          return datatype === 'uint8'
            ? Uint8Array.from([0, ...numbers]).subarray(1)
            : Uint16Array.from([0, ...numbers.map(toHalf)]).subarray(1)
        })
        const floats = random() < 0.5 ? 3 : 0
        const graph = new hnswlib.HierarchicalNSW(
          `${metric === 'Cosine' ? 'cosine' : 'l2'}-${datatype}`,
          dims + floats,
          undefined,
          floats,
        )
        graph.initIndex(count)
        for (const [label, vector] of vectors.entries()) {
          const longer = new Float32Array(dims + floats).fill(7)
          longer.set(vector)
          graph.addPoint(longer, label)
        }
        graph.markDelete(5)
        for (const isPlain of [false, true]) {
          const scores = new Float32Array(60)
          native(name, query, blocks as Uint8Array[], perBlock, order, scores, isPlain)
          expect(bits(scores), `${datatype} ${dims}`).toEqual(truth)
          graph.scoreLabels!(name, query, order, scores.fill(0), isPlain)
          expect(bits(scores), `${datatype} ${dims}`).toEqual(truth)
        }
        const start = Math.ceil(dims / 2)
        const some = new Float32Array(60)
        graph.scoreLabels!(name, query.subarray(0, start), order, some)
        const starts = vectors.map((vector) => (metric === 'Cosine' ? normalize(vector.slice(0, start)) : vector))
        expect(bits(some)).toEqual(
          bits(Float32Array.from(order, (at) => kernel(query.subarray(0, start), starts[at]!, 0))),
        )
      }
  },
)

test('[NA17] a file of small numbers is read back whole, with its last byte and no other space', () => {
  for (const space of ['l2-float16', 'cosine-float16', 'unit-float16', 'l2-uint8', 'cosine-uint8'] as const) {
    const datatype: Datatype = space.endsWith('16') ? 'float16' : 'uint8'
    const graph = new hnswlib.HierarchicalNSW(space, 13, undefined, 2)
    graph.initIndex(300)
    const vectors = Array.from({ length: 300 }, () => vectorOf(datatype, 13))
    for (const [label, vector] of vectors.entries()) graph.addPoint(vector, label)
    graph.markDelete(9)
    const path = join(directory, space)
    graph.writeIndexSync(path)
    const loaded = new hnswlib.HierarchicalNSW(space, 13, undefined, 2)
    loaded.readIndexSync(path)
    for (const query of vectors.slice(0, 20)) expect(loaded.searchKnn(query, 10)).toEqual(graph.searchKnn(query, 10))
    loaded.writeIndexSync(`${path}.again`)
    expect(readFileSync(`${path}.again`).equals(readFileSync(path))).toBe(true)
    const other = new hnswlib.HierarchicalNSW(space, 13)
    expect(() => other.readIndexSync(path)).toThrow('corrupted')
    writeFileSync(path, readFileSync(path).subarray(0, -5))
    expect(() => loaded.readIndexSync(path)).toThrow()
    // Still what it was.
    expect(loaded.searchKnn(vectors[1]!, 3).neighbors[0]).toBe(1)
  }
})

test('[NA5] spaces, vectors and blocks of small numbers that do not fit are exceptions', () => {
  const make = (...args: unknown[]): unknown => Reflect.construct(hnswlib.HierarchicalNSW, args)
  for (const args of [
    ['l2-float32', 3],
    ['l2-float16', 3, 'none'],
    ['l2-float16', 3, undefined, 3],
    ['l2-float16', 3, undefined, -1],
    ['l2-float16', 3, undefined, 0.5],
    ['l2-float16', 3, undefined, '1'],
    ['l2-uint8', 65_537],
    ['l2-float16', 3, undefined, 1, 5],
  ])
    expect(() => make(...args), String(args)).toThrow()
  const graph = new hnswlib.HierarchicalNSW('l2-float16', 4, undefined, 1)
  expect(() => graph.readPoint(0, new Float32Array(1))).toThrow(RangeError)
  graph.initIndex(2)
  graph.addPoint([1, 2, 3, 4], 0)
  expect(() => graph.getPoint(0)).toThrow('readPoint')
  expect(() => graph.readPoint(0, new Int8Array(4) as never)).toThrow(TypeError)
  expect(() => graph.readPoint(0, new Float32Array(5))).toThrow(RangeError)
  for (const wrong of [new Int8Array(4), new Uint16Array(4), new Float32Array(3), [1, 2, 3, 'a']])
    expect(() => graph.addPoint(wrong as Float32Array, 1)).toThrow()
  const scores = new Float32Array(2)
  expect(() => graph.scoreLabels!('dot', new Float32Array(4), Uint32Array.of(0), scores)).toThrow(RangeError)
  expect(() => native('dot', new Float32Array(3), [new Uint16Array(5)], 2, Uint32Array.of(1), scores)).toThrow(
    RangeError,
  )
  const mixed = [new Uint16Array(3), new Uint8Array(3)] as unknown as Uint8Array[]
  expect(() => native('dot', new Float32Array(3), mixed, 1, Uint32Array.of(0, 1), scores)).toThrow(RangeError)
  expect(() => native('dot', new Float32Array(3), [new Int16Array(3)] as never, 1, Uint32Array.of(0), scores)).toThrow(
    RangeError,
  )
  const detached = new Uint16Array(3)
  structuredClone(detached, { transfer: [detached.buffer] })
  expect(() => native('dot', new Float32Array(3), [detached], 1, Uint32Array.of(0), scores)).toThrow(RangeError)
})
