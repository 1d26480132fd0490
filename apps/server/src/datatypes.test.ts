import { fromHalf, toHalf } from '@meridian/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Kit, openKit } from './testing/region-kit.js'

let kit: Kit
beforeAll(async () => {
  kit = await openKit()
})
afterAll(() => kit[Symbol.asyncDispose]())

const VECTORS = {
  halves: { size: 2, distance: 'Dot', datatype: 'float16' },
  bytes: { size: 2, distance: 'Euclid', datatype: 'uint8' },
  cosine: { size: 3, distance: 'Cosine', datatype: 'float16' },
  pixels: { size: 3, distance: 'Cosine', datatype: 'uint8' },
  rows: { size: 2, distance: 'Dot', datatype: 'uint8', multivector_config: { comparator: 'max_sim' } },
}

const half = (number: number): number => fromHalf(toHalf(number))

test('[VF12] a datatype is shown, of a vector that is added too; float32 is the same as none', async () => {
  await kit.ok('PUT', '/collections/shown', {
    vectors: { ...VECTORS, plain: { size: 2, distance: 'Dot', datatype: 'float32' } },
  })
  const late = { size: 2, distance: 'Dot', datatype: 'uint8' }
  for (let again = 0; again < 2; again++) await kit.ok('PUT', '/collections/shown/vectors/late', { dense: late })
  const shown = (await kit.ok('GET', '/collections/shown')).config.params.vectors
  expect(shown).toEqual({ ...VECTORS, plain: { size: 2, distance: 'Dot' }, late })
  const other = await kit.send('PUT', '/collections/shown/vectors/late', { dense: { size: 2, distance: 'Dot' } })
  expect(other.status).toBe(400)
  expect(other.json.status.error).toContain('already exists with a different configuration')
})

test('[VF12] what is stored is rounded: to the nearest half, or cut to an integer from 0 to 255', async () => {
  await kit.ok('PUT', '/collections/rounded', { vectors: VECTORS })
  await kit.ok('PUT', '/collections/rounded/points?wait=true', {
    points: [
      { id: 1, vector: { halves: [0.1, -65504], bytes: [1.9, -3], rows: [[300, 7.5]] } },
      { id: 2, vector: { bytes: [255.9, 1e9], pixels: [200, 1, 30.9] } },
      { id: 3, vector: {} },
    ],
  })
  await kit.ok('PUT', '/collections/rounded/points/vectors?wait=true', {
    points: [{ id: 3, vector: { bytes: [7.9, 8] } }],
  })
  const points = await kit.ok('POST', '/collections/rounded/points', { ids: [1, 2, 3], with_vector: true })
  expect(points.map(({ vector }: { vector: unknown }) => vector)).toEqual([
    { halves: [expect.closeTo(half(0.1), 8), -65504], bytes: [1, 0], rows: [[255, 7]] },
    { bytes: [255, 255], pixels: [200, 1, 30] },
    { bytes: [7, 8] },
  ])
  expect(half(0.1)).not.toBeCloseTo(0.1, 5)
  const beyond = { points: [{ id: 9, vector: { halves: [1, 65505] } }] }
  const refused = await kit.send('PUT', '/collections/rounded/points', beyond)
  expect(refused).toMatchObject({ status: 422 })
  expect(refused.json.status.error).toContain('points[0].vector.halves: a number is out of the range of a 16-bit float')
})

test('[VF13] queries are rounded as vectors are: what was sent finds itself', async () => {
  await kit.ok('PUT', '/collections/asked', { vectors: VECTORS })
  const sent = { halves: [0.1, 0.7], bytes: [1.9, 300], cosine: [1, 2, 3.3], pixels: [200, 1.5, 30] }
  await kit.ok('PUT', '/collections/asked/points?wait=true', { points: [{ id: 1, vector: sent }] })
  const score = async (using: string, query: unknown): Promise<number> =>
    (await kit.ok('POST', '/collections/asked/points/query', { using, query })).points[0].score
  expect(await score('halves', sent.halves)).toBeCloseTo(half(0.1) ** 2 + half(0.7) ** 2, 6)
  expect(await score('bytes', sent.bytes)).toBe(0)
  for (const name of ['cosine', 'pixels'] as const) expect(await score(name, sent[name])).toBeCloseTo(1, 6)
})

test('[VF13] cosine goes by length 1, of halves and of integers, for every kind of query; reading and writing back changes nothing', async () => {
  await kit.ok('PUT', '/collections/lengths', { vectors: VECTORS })
  const all = [
    [1, 2, 3],
    [30, 20, 10],
    [0, 255, 7],
    [90, 90, 1],
  ]
  const points = all.map((vector, id) => ({ id, vector: { cosine: vector, pixels: vector } }))
  await kit.ok('PUT', '/collections/lengths/points?wait=true', { points })
  const stored = async (): Promise<{ vector: { cosine: number[]; pixels: number[] } }[]> =>
    kit.ok('POST', '/collections/lengths/points', { ids: [0, 1, 2, 3], with_vector: true })
  const before = await stored()
  expect(before.map(({ vector }) => vector.pixels)).toEqual(all)
  for (const { vector } of before) expect(Math.hypot(...vector.cosine)).toBeCloseTo(1, 3)
  const cosine = (a: number[], b: number[]): number =>
    a.reduce((sum, number, i) => sum + number * b[i]!, 0) / (Math.hypot(...a) * Math.hypot(...b))
  const ask = async (body: object): Promise<{ id: number; score: number }[]> =>
    (await kit.ok('POST', '/collections/lengths/points/query', body)).points
  for (const using of ['cosine', 'pixels']) {
    const digits = using === 'cosine' ? 3 : 6
    for (const { id, score } of await ask({ using, query: [50, 60, 70] }))
      expect(score).toBeCloseTo(cosine(all[id]!, [50, 60, 70]), digits)
    for (const { id, score } of await ask({ using, query: 0 }))
      expect(score).toBeCloseTo(cosine(all[id]!, all[0]!), digits)
    // Of several examples, compared without the index; a similarity below 0 is none here.
    const best = { recommend: { positive: [1], strategy: 'best_score' } }
    for (const { id, score } of await ask({ using, query: best })) {
      const similarity = cosine(all[id]!, all[1]!)
      expect(score).toBeCloseTo(0.5 * (similarity / (1 + similarity) + 1), digits)
    }
  }
  await kit.ok('PUT', '/collections/lengths/points?wait=true', { points: before })
  expect(await stored()).toEqual(before)
})
