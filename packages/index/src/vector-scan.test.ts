import { type IndexHit, METRICS } from '@meridian/core'
import fc from 'fast-check'
import hnswlib from 'hnswlib-node'
import { describe, expect, test } from 'vitest'
import { ENGINE } from './graph.js'
import { engineOf } from './native-graph.js'
import { Rows } from './rows.js'
import { randomOf } from './testing/data.js'
import { TopK } from './top-k.js'
import { type NativeScoreVectors, scoreInJs, scoreNatively } from './vector-scan.js'

const native = hnswlib.scoreVectors as NativeScoreVectors
const ways: Record<string, NativeScoreVectors> = {
  best: native,
  plain: (metric, query, blocks, perBlock, positions, scores) =>
    native(metric, query, blocks, perBlock, positions, scores, true),
}

/** Of every size: subnormal ones, those whose squares leave float32, and ordinary ones. */
const element = fc.oneof(
  { weight: 4, arbitrary: fc.float({ min: -2, max: 2, noNaN: true }) },
  fc.float({ noNaN: true, noDefaultInfinity: true }),
)

describe.each(Object.entries(ways))('%s instructions', (_name, way) => {
  test.each(METRICS)('[SC5] %s: a native scan makes the scores of the plain loop, to the last bit', (metric) => {
    const shapes = fc.record({
      dims: fc.oneof(fc.integer({ min: 1, max: 21 }), fc.constantFrom(64, 100, 127)),
      perBlock: fc.integer({ min: 1, max: 9 }),
      count: fc.integer({ min: 1, max: 30 }),
    })
    fc.assert(
      fc.property(shapes, fc.array(element, { minLength: 1, maxLength: 60 }), fc.nat(), (shape, numbers, seed) => {
        const { dims, perBlock, count } = shape
        const random = randomOf(seed)
        const any = (): number => numbers[Math.floor(random() * numbers.length)]! * (random() < 0.5 ? 1 : random())
        // Blocks start one element into their buffers, so that no load is aligned.
        const blocks = Array.from({ length: Math.ceil(count / perBlock) }, () =>
          new Float32Array(perBlock * dims + 1).map(any).subarray(1),
        )
        const query = new Float32Array(dims).map(any)
        const positions = Uint32Array.from({ length: count + 3 }, () => Math.floor(random() * count))
        const expected = new Float32Array(positions.length)
        const found = new Float32Array(positions.length)
        scoreInJs(metric, query, blocks, perBlock, positions, expected)
        scoreNatively(way)(metric, query, blocks, perBlock, positions, found)
        expect([...new Uint32Array(found.buffer)]).toEqual([...new Uint32Array(expected.buffer)])
      }),
      { numRuns: 300 },
    )
  })
})

test('[SC5] the native scan is in use where the addon has it, the plain loop where it has none', () => {
  expect(ENGINE.scoreVectors).not.toBe(scoreInJs)
  expect(engineOf({ HierarchicalNSW: hnswlib.HierarchicalNSW as never }).scoreVectors).toBe(scoreInJs)
})

test.each(METRICS)('[SC5] %s: rows freed and taken again, in many blocks, are found alike both ways', (metric) => {
  const dims = 300
  const random = randomOf(3)
  const vector = (): Float32Array => new Float32Array(dims).map(() => random() - 0.5)
  const both = [new Rows(dims, metric), new Rows(dims, metric, scoreInJs)]
  for (let ordinal = 0; ordinal < 5000; ordinal++) {
    const value = vector()
    for (const rows of both) rows.assign(rows.take(value), ordinal)
  }
  for (let ordinal = 0; ordinal < 5000; ordinal += 3) for (const rows of both) rows.free(rows.rowOf(ordinal)!)
  for (let ordinal = 9000; ordinal < 9500; ordinal++) {
    const value = vector()
    for (const rows of both) rows.assign(rows.take(value), ordinal)
  }
  const query = vector()
  const among = Uint32Array.from({ length: 4000 }, (_, i) => i * 2)
  const ask = (rows: Rows, offer: (best: TopK) => void): IndexHit[] => {
    const best = new TopK(rows.metric, 50)
    offer(best)
    return best.take()
  }
  const answers = both.map((rows) => {
    const prepared = rows.prepare(query)
    return [
      ask(rows, (best) => rows.offerAll(prepared, best)),
      ask(rows, (best) => rows.offerAmong(prepared, among, best)),
      ask(rows, (best) => rows.offerRows(prepared, new Set([1, 4, 7]), best)),
    ]
  })
  expect(answers[0]).toEqual(answers[1])
  const [all, some, few] = answers[0]!
  expect(all).toHaveLength(50)
  expect(some!.every(({ ordinal }) => ordinal % 2 === 0 && (ordinal % 3 !== 0 || ordinal >= 9000))).toBe(true)
  expect(few).toHaveLength(3)
})
