import { METRICS, type Metric } from '@meridian/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isBetter, KERNELS, normalize, score } from './scoring.js'
import { TopK } from './top-k.js'

const float = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 })
const pair = fc
  .integer({ min: 1, max: 40 })
  .chain((dims) =>
    fc.tuple(
      ...[0, 1].map(() => fc.float32Array({ minLength: dims, maxLength: dims, noNaN: true, min: -1000, max: 1000 })),
    ),
  )

const plain: Record<Metric, (a: number[], b: number[]) => number> = {
  Cosine: (a, b) => a.reduce((sum, x, i) => sum + x * b[i]!, 0),
  Dot: (a, b) => a.reduce((sum, x, i) => sum + x * b[i]!, 0),
  Euclid: (a, b) => Math.hypot(...a.map((x, i) => x - b[i]!)),
  Manhattan: (a, b) => a.reduce((sum, x, i) => sum + Math.abs(x - b[i]!), 0),
}

test.each(METRICS)('[SC1] %s is what its definition says, at any offset, to float32', (metric) => {
  fc.assert(
    fc.property(pair, fc.nat(5), ([a, b], offset) => {
      const data = new Float32Array(offset + b!.length)
      data.set(b!, offset)
      const expected = plain[metric]([...a!], [...b!])
      const scale = plain.Dot([...a!].map(Math.abs), [...b!].map(Math.abs)) + Math.abs(expected)
      const found = KERNELS[metric](a!, data, offset)
      expect(found).toBe(Math.fround(found))
      expect(Math.abs(found - expected)).toBeLessThanOrEqual(1e-6 * scale + 1e-30)
    }),
  )
})

test('[SC2] normalising gives length 1, leaves zero and unit vectors alone, and is idempotent to the byte', () => {
  expect([...normalize(Float32Array.of(3, 4))]).toEqual([Math.fround(0.6), Math.fround(0.8)])
  for (const alone of [Float32Array.of(0, 0), Float32Array.of(1e-4, 1e-4), Float32Array.of(0.6, 0.8)]) {
    expect(normalize(alone)).toBe(alone)
  }
  fc.assert(
    fc.property(
      fc.float32Array({ minLength: 1, maxLength: 300, noNaN: true, min: -(2 ** 50), max: 2 ** 50 }),
      (vector) => {
        const once = normalize(vector)
        expect(normalize(once)).toBe(once)
      },
    ),
  )
  expect(score('Cosine', Float32Array.of(2, 0), Float32Array.of(5, 0))).toBe(1)
})

test('[SC3] similarities are better when larger, distances when smaller', () => {
  expect(METRICS.map((metric) => isBetter(metric, 2, 1))).toEqual([true, true, false, false])
  expect(METRICS.map((metric) => isBetter(metric, 1, 1))).toEqual([false, false, false, false])
})

test.each(METRICS)(
  '[SC4] %s: the best k of any sequence are those of sorting it, ties by smaller ordinal',
  (metric) => {
    const hits = fc.uniqueArray(fc.record({ ordinal: fc.nat(200), score: fc.oneof(fc.constantFrom(0, 1, 2), float) }), {
      selector: (hit) => hit.ordinal,
      maxLength: 60,
    })
    fc.assert(
      fc.property(hits, fc.nat(70), (all, k) => {
        const best = new TopK(metric, k)
        for (const hit of all) best.offer(hit.ordinal, hit.score)
        const sorted = [...all].sort((a, b) =>
          a.score === b.score ? a.ordinal - b.ordinal : isBetter(metric, a.score, b.score) ? -1 : 1,
        )
        expect(best.take()).toEqual(sorted.slice(0, k).map((hit) => ({ ...hit, score: hit.score || 0 })))
      }),
    )
  },
)
