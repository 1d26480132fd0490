import type { VectorParams } from '@meridian/core'
import { describe, expect, test } from 'vitest'
import { ExactIndex } from './exact-index.js'
import { Space } from './space.js'
import { mean, paramsOf, randomOf, realData, recall } from './testing/data.js'

const REF = { collection: 'c', vector: '' }

/** A space of products beside the definition of its answers. */
class Products {
  readonly exact = new ExactIndex()
  readonly space: Space
  #version = 0

  constructor(readonly params: VectorParams) {
    this.space = new Space(params)
    this.exact.openSpace(REF, params, [])
  }

  set(ordinal: number, vector: Float32Array): void {
    const version = String(++this.#version)
    this.space.set(ordinal, `id-${ordinal}`, version, vector)
    this.exact.set(REF, { ordinal, id: `id-${ordinal}`, version, vector })
  }

  remove(ordinal: number): void {
    this.space.remove(ordinal)
    this.exact.remove(REF, ordinal)
  }

  /** What the worker does when nothing holds it up. */
  build(): void {
    const { space } = this
    while (space.hasWork || space.isRebuilding || space.wanted !== undefined) {
      if (space.wanted !== undefined) space.rebuild()
      if (space.hasWork) space.step(() => true)
      else space.stepRebuild(() => true)
    }
  }

  recall(queries: readonly Float32Array[], among?: Uint32Array): number {
    return mean(
      queries.map((vector) => {
        const query = { vector, limit: 10, ...(among && { among }) }
        return recall(this.space.search(query), this.exact.searchNow(REF, query))
      }),
    )
  }
}

const gaussian = (count: number, dims: number, seed: number): Float32Array[] => {
  const random = randomOf(seed)
  const gauss = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return Array.from({ length: count }, () => Float32Array.from({ length: dims }, gauss))
}

const ofLength = (vector: Float32Array, length: number): Float32Array => {
  const factor = length / Math.hypot(...vector)
  return vector.map((value) => value * factor)
}

/** Lengths from `low` to `high`, each about as likely. */
const stretched = (vectors: readonly Float32Array[], low: number, high: number): Float32Array[] => {
  const random = randomOf(31)
  return vectors.map((vector) => ofLength(vector, low + (high - low) * random()))
}

const filled = (params: VectorParams, vectors: readonly Float32Array[]): Products => {
  const products = new Products(params)
  vectors.forEach((vector, ordinal) => {
    products.set(ordinal, vector)
  })
  products.build()
  return products
}

const isSigned = ({ space }: Products): boolean => space.current!.embedding.lengths.mean > 0

const DOT = paramsOf(64, 'Dot')
const INT8: VectorParams = { ...DOT, quantization: { quantile: 1 } }
const QUERIES = gaussian(60, 64, 2)

describe.each([
  ['whole vectors', DOT],
  ['codes', INT8],
])('%s', (_, params) => {
  test('[IX78] lengths from 0.2 to 2.2: the largest products are found, in any order of insertion, and among the short ones too', () => {
    const vectors = stretched(gaussian(6000, 64, 1), 0.2, 2.2)
    const products = filled(params, vectors)
    expect(isSigned(products)).toBe(true)
    expect(products.recall(QUERIES)).toBeGreaterThanOrEqual(0.95)
    const short = Uint32Array.from(vectors.keys()).filter((i) => Math.hypot(...vectors[i]!) < 1.2)
    expect(short.length).toBeGreaterThan(2500)
    expect(products.recall(QUERIES, short)).toBeGreaterThanOrEqual(0.98)
  })

  test('[IX78] a few long ones among many short ones: the walk is wider, and they are found', () => {
    const random = randomOf(41)
    const tail = gaussian(12_000, 64, 3).map((vector) => ofLength(vector, Math.exp(-0.5 * Math.log(1 - random()))))
    const products = filled(params, tail)
    expect(products.space.current!.embedding.ef(10)).toBeGreaterThan(50)
    expect(products.recall(QUERIES)).toBeGreaterThanOrEqual(0.93)
  })

  test('[IX78] what is deleted is gone, what comes later is found, and a graph built anew finds as much', () => {
    const vectors = stretched(gaussian(6000, 64, 4), 0.2, 2.2)
    const products = filled(params, vectors.slice(0, 3000))
    for (let i = 0; i < 3000; i += 3) products.remove(i)
    for (let i = 3000; i < 6000; i++) products.set(i, vectors[i]!)
    products.build()
    expect(products.space.stats()).toMatchObject({ live: 5000, dead: 1000, pending: 0 })
    expect(products.recall(QUERIES)).toBeGreaterThanOrEqual(0.95)
    const before = products.space.current
    products.space.rebuild()
    products.build()
    expect(products.space.current).not.toBe(before)
    expect(products.space.stats()).toMatchObject({ live: 5000, dead: 0, pending: 0 })
    expect(products.recall(QUERIES)).toBeGreaterThanOrEqual(0.95)
  })

  test('[IX79] lengths alike: one number is enough; when many that are shorter or longer come, they are scanned until a graph suits them', () => {
    const vectors = stretched(gaussian(6000, 64, 5), 0.97, 1)
    const products = filled(params, vectors.slice(0, 4000))
    expect(isSigned(products)).toBe(false)
    expect(products.space.current!.graph.shape.dims).toBe(params.quantization ? 96 : 65)
    expect(products.recall(QUERIES)).toBeGreaterThanOrEqual(0.95)
    const before = products.space.current!
    const others = [0, 0.01, 0.6, 1.7].flatMap((length, kind) =>
      vectors.slice(4000 + kind * 300, 4300 + kind * 300).map((vector) => ofLength(vector, length)),
    )
    for (const [i, vector] of others.entries()) products.set(4000 + i, vector)
    while (products.space.hasWork) products.space.step(() => true)
    expect(before.loose.size).toBe(1200)
    expect(products.space.wanted).toBe('outgrown')
    expect(products.recall(QUERIES)).toBeGreaterThanOrEqual(0.95)
    products.build()
    expect(products.space.current).not.toBe(before)
    expect([isSigned(products), products.space.current!.loose.size]).toEqual([true, 0])
    expect(products.space.wanted).toBeUndefined()
    expect(products.recall(QUERIES)).toBeGreaterThanOrEqual(0.95)
  })

  test('[IX79] vectors of no length at all have a graph, too', () => {
    const products = filled(
      params,
      Array.from({ length: 1500 }, () => new Float32Array(64)),
    )
    expect(products.space.stats()).toMatchObject({ live: 1500, pending: 0 })
    expect(products.recall(QUERIES.slice(0, 3))).toBe(1)
  })
})

test('[IX78] real vectors of unlike lengths: as many are found as of equal lengths', async ({ skip }) => {
  const data = await realData('movies-lsa-256')
  if (!data) return skip('shared/data is not beside this checkout')
  const part = (from: Float32Array, count: number): Float32Array[] =>
    Array.from({ length: count }, (_, i) => from.subarray(i * data.dims, (i + 1) * data.dims))
  const queries = part(data.queries, 60)
  const vectors = part(data.vectors, 5000)
  const params = paramsOf(data.dims, 'Dot')
  const alike = filled(params, stretched(vectors, 1, 1)).recall(queries)
  for (const [low, high] of [
    [0.2, 2.2],
    [0.75, 1.25],
  ] as const)
    expect(filled(params, stretched(vectors, low, high)).recall(queries)).toBeGreaterThanOrEqual(Math.min(0.95, alike))
})
