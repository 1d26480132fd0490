import { type IndexHit, METRICS, type Metric } from '@meridian/core'
import fc from 'fast-check'
import hnswlib from 'hnswlib-node'
import { describe, expect, test } from 'vitest'
import { ENGINE } from './graph.js'
import { engineOf } from './native-graph.js'
import { Rows } from './rows.js'
import { isBetter, KERNELS, normalize } from './scoring.js'
import { isSketched, type SketchAddon, type Sketcher } from './sketches.js'
import { Space } from './space.js'
import { clustered, randomOf } from './testing/data.js'
import { TopK } from './top-k.js'
import { NATIVE_METRICS } from './vector-scan.js'

const addon = hnswlib as unknown as Required<SketchAddon>
const kernels = hnswlib.simdKernels()

/** Which of the vectors the sieve keeps; blocks start one byte into their buffers, so that nothing is aligned. */
const keptOf = (
  metric: Metric,
  query: Float32Array,
  vectors: readonly Float32Array[],
  bound: number,
  kernel: string,
) => {
  const perBlock = 3
  const bytes = addon.sketchBytes(query.length)
  const blocks = Array.from({ length: Math.ceil(vectors.length / perBlock) }, () =>
    new Uint8Array(perBlock * bytes + 1).subarray(1),
  )
  vectors.forEach((vector, i) => {
    addon.writeSketch(vector, blocks[Math.floor(i / perBlock)]!, i % perBlock)
  })
  const positions = Uint32Array.from(vectors, (_, i) => i)
  const kept = new Uint32Array(vectors.length)
  const count = addon.sieveSketches(NATIVE_METRICS[metric], query, blocks, perBlock, positions, bound, kept, kernel)
  return [...kept.subarray(0, count)]
}

/** Of every size: subnormal ones, those whose squares leave float32, and ordinary ones. */
const element = fc.oneof(
  { weight: 4, arbitrary: fc.float({ min: -2, max: 2, noNaN: true }) },
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 1e-45, -1e-45, 1.1754944e-38, 3.4028234e38, -3.4028234e38, 255, 1e6),
)

/** Vectors that are hard to tell apart: near one another or the query, shifted far off, constant, of one large element. */
const HARD: readonly ((from: Float32Array, random: () => number) => Float32Array)[] = [
  (from) => from.slice(),
  (from, random) => from.map((number) => number * (1 + (random() - 0.5) * 1e-6)),
  (from, random) => from.map((number) => number + (random() - 0.5) * 1e-3),
  (from) => from.map((number) => number + 1e6),
  (from) => new Float32Array(from.length).fill(from[0]!),
  (from) => new Float32Array(from.length).fill(0, 1).fill(from[0]!, 0, 1),
  (from) => from.map((number) => -number),
  (from, random) => from.map((number) => (random() < 0.02 ? 3e38 : number * 1e-30)),
]
const finite = (vector: Float32Array): Float32Array => vector.map((number) => (Number.isFinite(number) ? number : 3e38))

describe.each(METRICS)('%s', (metric) => {
  test('[NA14] what the sieve leaves out scores worse than the bound, with every kernel alike', () => {
    const dims = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(128, 784, 3000))
    fc.assert(
      fc.property(dims, fc.array(element, { minLength: 1, maxLength: 50 }), fc.nat(), (length, numbers, seed) => {
        const random = randomOf(seed)
        const any = (): Float32Array =>
          new Float32Array(length).map(
            () => numbers[Math.floor(random() * numbers.length)]! * (random() < 0.5 ? 1 : random()),
          )
        const query = any()
        const vectors = Array.from({ length: 3 }, any)
        for (const hard of HARD) vectors.push(finite(hard(query, random)), finite(hard(vectors[0]!, random)))
        const scores = vectors.map((vector) => KERNELS[metric](query, vector, 0))
        for (const bound of scores) {
          const kept = keptOf(metric, query, vectors, bound, kernels[0]!)
          for (const [i, score] of scores.entries())
            if (!isBetter(metric, bound, score)) expect(kept, `${score} is as good as ${bound}`).toContain(i)
          for (const kernel of kernels) expect(keptOf(metric, query, vectors, bound, kernel)).toEqual(kept)
        }
      }),
      { numRuns: 150 },
    )
  })

  test('[NA14] it leaves out nearly all that it could', () => {
    const vectors = clustered(2000, 96, 4).map(metric === 'Cosine' ? normalize : (vector) => vector)
    const query = vectors.at(-1)!
    const best = new TopK(metric, 10)
    vectors.forEach((vector, i) => {
      best.offer(i, KERNELS[metric](query, vector, 0))
    })
    const kept = keptOf(metric, query, vectors, best.worst!, kernels[0]!)
    if (metric === 'Manhattan') expect(kept).toHaveLength(2000)
    else expect(kept.length).toBeLessThan(100)
  })

  test('[NA14] it relies on the errors that sketches tell: without them it would leave out what is as good', () => {
    if (metric === 'Manhattan') return
    const vectors = clustered(600, 96, 8)
    const query = vectors[0]!
    const bytes = addon.sketchBytes(96)
    const block = new Uint8Array(vectors.length * bytes)
    const positions = Uint32Array.from(vectors, (_, i) => i)
    const scores = vectors.map((vector) => KERNELS[metric](query, vector, 0))
    const lost = (): number => {
      const kept = new Uint32Array(vectors.length)
      let count = 0
      for (const bound of scores.slice(1, 60)) {
        const end = addon.sieveSketches(NATIVE_METRICS[metric], query, [block], 600, positions, bound, kept)
        const left = new Set(kept.subarray(0, end))
        for (const [i, score] of scores.entries()) if (!isBetter(metric, bound, score) && !left.has(i)) count++
      }
      return count
    }
    vectors.forEach((vector, i) => {
      addon.writeSketch(vector, block, i)
    })
    expect(lost()).toBe(0)
    for (let i = 0; i < vectors.length; i++) block.fill(0, i * bytes + 24, i * bytes + 32)
    expect(lost()).toBeGreaterThan(0)
  })

  test('[IX75] rows with sketches answer as rows without, however many are asked for', () => {
    const dims = 160
    const random = randomOf(11)
    const both = [new Rows(dims, metric), new Rows(dims, metric, ENGINE.scoreVectors, ENGINE.sketcher)]
    const centres = clustered(40, dims, 9)
    const value = (): Float32Array => {
      const centre = centres[Math.floor(random() * centres.length)]!
      if (random() < 0.1) return centre
      if (random() < 0.05) return new Float32Array(dims).fill(random())
      return centre.map((number) => number + (random() - 0.5) * 10 ** -Math.floor(random() * 6))
    }
    const put = (ordinal: number): void => {
      const vector = value()
      for (const rows of both) {
        const old = rows.rowOf(ordinal)
        if (old !== undefined) rows.free(old)
        rows.assign(rows.take(vector), ordinal)
      }
    }
    for (let ordinal = 0; ordinal < 6000; ordinal++) put(ordinal)
    for (let i = 0; i < 1500; i++) put(Math.floor(random() * 6000))
    for (let ordinal = 0; ordinal < 6000; ordinal += 5) for (const rows of both) rows.free(rows.rowOf(ordinal)!)
    const among = Uint32Array.from({ length: 2000 }, (_, i) => i * 3)
    const even = [...both[0]!.taken()].filter((row) => row % 2 === 0)
    for (const capacity of [1, 10, 300, 5000, 9000]) {
      for (let i = 0; i < 4; i++) {
        const query = both[0]!.prepare(value())
        const [plain, sketched] = both.map((rows) => {
          const ask = (offer: (best: TopK) => void): IndexHit[] => {
            const best = new TopK(metric, capacity)
            offer(best)
            return best.take()
          }
          return [
            ask((best) => rows.offerAll(query, best)),
            ask((best) => rows.offerAmong(query, among, best)),
            ask((best) => rows.offerRows(query, even, best)),
          ]
        })
        expect(sketched).toEqual(plain)
        expect(plain![0]).toHaveLength(Math.min(capacity, 4800))
      }
    }
    const scored = both.map((rows) => rows.offerAll(rows.prepare(centres[3]!), new TopK(metric, 10)))
    expect(scored[0]).toBe(4800)
    if (metric === 'Manhattan') expect(scored[1]).toBe(4800)
    else expect(scored[1]).toBeLessThan(3500)
  })
})

test('[IX75] a search while vectors wait for the graph scores few of them, and finds the nearest', () => {
  const hnsw = { m: 16, efConstruct: 100 }
  const space = new Space({ size: 128, metric: 'Euclid', hnsw })
  const vectors = clustered(7000, 128, 2)
  const set = (i: number): void => space.set(i, String(i), '1', vectors[i]!)
  for (let i = 0; i < 2000; i++) set(i)
  while (space.hasWork) space.step(() => true)
  for (let i = 2000; i < 7000; i++) set(i)
  for (let i = 2000; i < 7000; i += 9) space.remove(i)
  const plain = new Rows(128, 'Euclid')
  for (let i = 2000; i < 7000; i++) if ((i - 2000) % 9 > 0) plain.assign(plain.take(vectors[i]!), i)
  for (let i = 2001; i < 7000; i += 90) {
    const query = vectors[i]!
    let scanned = 0
    const found = space.search({ vector: query, limit: 10 }, (work) => {
      scanned = work.scanned
    })
    const nearest = new TopK('Euclid', 10)
    plain.offerAll(query, nearest)
    const farthest = found.at(-1)!
    for (const hit of nearest.take()) if (hit.score < farthest.score) expect(found).toContainEqual(hit)
    expect(scanned).toBeLessThan(2000)
  }
  // A filter that lets vectors of both kinds through.
  const among = Uint32Array.from({ length: 3000 }, (_, i) => i * 2 + 1)
  for (const exact of [true, false]) {
    const hits = space.search({ vector: vectors[5001]!, limit: 5, among, exact })
    expect(hits[0]).toEqual({ ordinal: 5001, score: 0 })
  }
})

test('[IX75] sketches count as memory, and go with the vectors', () => {
  const rows = new Rows(784, 'Euclid', ENGINE.scoreVectors, ENGINE.sketcher)
  const taken = Array.from({ length: 500 }, (_, i) => rows.take(new Float32Array(784).fill(i)))
  expect(rows.heldBytes).toBe(rows.held * (784 * 4 + addon.sketchBytes(784)))
  expect(addon.sketchBytes(784)).toBeLessThanOrEqual(784 + 64)
  for (const row of taken) rows.free(row)
  expect(rows.heldBytes).toBe(0)
})

test('[NA8] without the patch, and where sketches are of no use, there are none', () => {
  expect(engineOf({ HierarchicalNSW: hnswlib.HierarchicalNSW as never }).sketcher).toBeUndefined()
  expect(METRICS.filter((metric) => isSketched(784, metric))).toEqual(
    METRICS.filter((metric) => metric !== 'Manhattan'),
  )
  expect([isSketched(127, 'Dot'), isSketched(65_537, 'Dot')]).toEqual([false, false])
  const refusing: Sketcher = { ...ENGINE.sketcher!, write: () => expect.unreachable() }
  new Rows(784, 'Manhattan', ENGINE.scoreVectors, refusing).take(new Float32Array(784))
})

test('[NA5] what is no sketch, no block or no place is refused', () => {
  const vector = new Float32Array(40)
  const block = new Uint8Array(3 * addon.sketchBytes(40))
  const sieve = (...given: unknown[]) => (addon.sieveSketches as (...all: unknown[]) => number)(...given)
  const one = Uint32Array.of(1)
  expect(() => addon.sketchBytes(0)).toThrow('between 1')
  expect(() => addon.sketchBytes(65_537)).toThrow('1 to 65536')
  expect(() => addon.writeSketch(vector, block, 3)).toThrow('No room')
  expect(() => addon.writeSketch(vector, block, 0.5)).toThrow('integer')
  expect(() => addon.writeSketch(vector.fill(Number.NaN), block, 0)).toThrow('finite')
  expect(() => addon.writeSketch(new Float32Array(0), block, 0)).toThrow('1 to 65536')
  vector.fill(1)
  expect(() => sieve('dot', vector, [block], 3, Uint32Array.of(3), 0, one)).toThrow('No vector at position 3')
  expect(() => sieve('dot', vector, [new Float32Array(900)], 3, one, 0, one)).toThrow('No vector')
  expect(() => sieve('dot', vector, [block], 3, Uint32Array.of(1, 2), 0, one)).toThrow('room')
  expect(() => sieve('dot', vector, [block], 0, one, 0, one)).toThrow('integer')
  expect(() => sieve('none', vector, [block], 3, one, 0, one)).toThrow()
  expect(() => sieve('dot', vector, [block], 3, one, 0, one, 'none')).toThrow('kernel')
  expect(() => sieve('dot', vector, [block], 3, one, 0)).toThrow('Expected')
  const gone = new Uint8Array(block)
  structuredClone(gone, { transfer: [gone.buffer] })
  expect(() => sieve('dot', vector, [gone], 3, one, 0, one)).toThrow('No vector')
  // Bytes that are no sketch: anything may be kept, nothing is read beyond them.
  const random = randomOf(5)
  for (let i = 0; i < 500; i++) {
    for (let at = 0; at < block.length; at++) block[at] = random() * 256
    expect(sieve('euclid', vector, [block], 3, Uint32Array.of(0, 1, 2), random() * 9, new Uint32Array(3))).toBeLessThan(
      4,
    )
  }
})
