import { expect, test } from 'vitest'
import { ExactIndex } from './exact-index.js'
import { clustered, paramsOf, randomOf } from './testing/data.js'

const REF = { collection: 'c', vector: '' }

test('[IX24] the exact index is its definition: sort everything by distance', async () => {
  const index = new ExactIndex()
  const vectors = clustered(300, 5, 1)
  const listed = vectors.map((vector, ordinal) => ({ ordinal, id: `${ordinal}`, version: '1', read: () => vector }))
  index.openSpace(REF, paramsOf(5, 'Euclid'), listed)
  const live = new Map(vectors.entries())
  const random = randomOf(2)
  for (let round = 0; round < 200; round++) {
    const ordinal = Math.floor(random() * 320)
    const vector = vectors[Math.floor(random() * 300)]!
    if (random() < 0.4) {
      index.remove(REF, ordinal)
      live.delete(ordinal)
    } else {
      index.set(REF, { ordinal, id: `${ordinal}`, version: `${round}`, vector })
      live.set(ordinal, vector)
    }
    const among = round % 3 === 0 ? Uint32Array.from({ length: 160 }, (_, i) => i * 2) : undefined
    const query = vectors[round]!
    const expected = [...live]
      .filter(([each]) => !among || each % 2 === 0)
      .map(([each, found]) => ({ each, distance: Math.fround(Math.hypot(...found.map((x, d) => x - query[d]!))) }))
      .sort((a, b) => a.distance - b.distance || a.each - b.each)
    const hits = await index.search(REF, { vector: query, limit: 7, ...(among && { among }) })
    for (const [i, hit] of hits.entries()) expect(hit.score).toBeCloseTo(expected[i]!.distance, 5)
    expect(hits.map((hit) => hit.ordinal)).toEqual(expected.slice(0, 7).map(({ each }) => each))
  }
  expect(index.stats(REF)).toMatchObject({ live: live.size, pending: 0, dead: 0, state: 'ready' })
})

test('[IX20] the exact index refuses and leaves out what the other does', async () => {
  const index = new ExactIndex()
  index.openSpace(REF, paramsOf(2, 'Dot'), [])
  expect(() => index.searchNow(REF, { vector: new Float32Array(3), limit: 1 })).toThrow('expected dim: 2, got 3')
  index.set(REF, { ordinal: 1, id: 'a', version: '1', vector: Float32Array.of(1, 1) })
  index.set(REF, { ordinal: 1, id: 'a', version: '2', vector: Float32Array.of(1, Number.NaN) })
  expect(index.searchNow(REF, { vector: Float32Array.of(1, 1), limit: 1 })).toEqual([])
  index.dropSpace(REF)
  await expect(index.search(REF, { vector: new Float32Array(2), limit: 1 })).rejects.toMatchObject({
    code: 'NOT_READY',
  })
  await index.close()
  await expect(index.search(REF, { vector: new Float32Array(2), limit: 1 })).rejects.toMatchObject({
    code: 'SHUTTING_DOWN',
  })
})
