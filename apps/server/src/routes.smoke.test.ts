import { expect, test } from 'vitest'
import { openKit } from './testing/region-kit.js'

test('[HT1] smoke', async () => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  await kit.ok('PUT', '/collections/c/points?wait=true', { points: [{ id: 1, vector: [0.19, 1], payload: { a: 1 } }] })
  const { points } = await kit.ok('POST', '/collections/c/points/query', {
    query: [1, 0],
    with_payload: true,
    with_vector: true,
  })
  expect(points).toEqual([{ id: 1, version: 2, score: 0.19, payload: { a: 1 }, vector: [0.19, 1] }])
})
