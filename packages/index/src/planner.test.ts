import type { IndexQuery, SearchWork } from '@meridian/core'
import { expect, test } from 'vitest'
import { planSearch, scanCost, walkCost } from './planner.js'
import { Space } from './space.js'
import { clustered, mean, paramsOf, recall } from './testing/data.js'

const facts = (live: number, allowed: number | undefined, dims: number, ef = 64) => ({ live, allowed, dims, ef })

test('[PL1] few records that match are scanned, many walk the graph, and wide walks of few vectors scan', () => {
  expect(planSearch(facts(60_000, undefined, 784))).toBe('graph')
  expect(planSearch(facts(60_000, 30_000, 784))).toBe('filtered-graph')
  expect(planSearch(facts(60_000, 6000, 784))).toBe('filtered-graph')
  expect(planSearch(facts(60_000, 600, 784))).toBe('scan')
  expect(planSearch(facts(60_000, 0, 784))).toBe('scan')
  expect(planSearch(facts(200_000, 100_000, 128))).toBe('filtered-graph')
  expect(planSearch(facts(200_000, 2000, 128))).toBe('scan')
  expect(planSearch(facts(4000, undefined, 784, 1000))).toBe('scan')
})

test('[PL2] the plan is never dearer than the other, and one threshold parts them', () => {
  for (const dims of [4, 128, 784, 4096])
    for (const live of [2000, 50_000, 1_000_000]) {
      let walked = false
      for (let allowed = 1; allowed <= live; allowed = Math.ceil(allowed * 1.3)) {
        const of = facts(live, allowed, dims)
        const isScan = planSearch(of) === 'scan'
        if (!isScan) expect(walkCost(of)).toBeLessThan(scanCost(of))
        if (walked) expect(isScan).toBe(false)
        walked ||= !isScan
      }
    }
})

test('[PL3] where all that match lie far from the query, a filtered walk still finds 0.99', () => {
  const vectors = clustered(8000, 96, 11)
  const space = new Space(paramsOf(96, 'Euclid'))
  for (const [ordinal, vector] of vectors.entries()) space.set(ordinal, String(ordinal), '1', vector)
  while (space.hasWork) space.step(() => true)
  const query = vectors[0]!
  const distance = (vector: Float32Array): number => vector.reduce((sum, x, i) => sum + (x - query[i]!) ** 2, 0)
  const far = [...vectors.keys()].sort((a, b) => distance(vectors[b]!) - distance(vectors[a]!)).slice(0, 4000)
  const among = Uint32Array.from(far).sort()
  expect(planSearch(facts(8000, among.length, 96, 2 * 64))).toBe('filtered-graph')
  const recalls = [...vectors.keys()]
    .sort((a, b) => distance(vectors[a]!) - distance(vectors[b]!))
    .slice(0, 20)
    .map((ordinal) => {
      const asked = { vector: vectors[ordinal]!, limit: 10, among }
      return recall(space.search(asked), space.search({ ...asked, exact: true }))
    })
  expect(mean(recalls)).toBeGreaterThanOrEqual(0.99)
})

test('[PL4] a search tells how it was done and how much it compared', () => {
  const vectors = clustered(3000, 32, 5)
  const space = new Space(paramsOf(32, 'Euclid'))
  const told: SearchWork[] = []
  const search = (query: Partial<IndexQuery>): SearchWork => {
    space.search({ vector: vectors[7]!, limit: 10, ...query }, (work) => told.push(work))
    return told.at(-1)!
  }
  for (const [ordinal, vector] of vectors.entries()) space.set(ordinal, String(ordinal), '1', vector)
  expect(search({})).toEqual({ plan: 'scan', candidates: 3000, ef: 0, scanned: 3000 })
  while (space.hasWork) space.step(() => true)
  expect(search({})).toEqual({ plan: 'graph', candidates: 3000, ef: 64, scanned: 64 })
  space.set(3000, 'fresh', '1', vectors[7]!)
  expect(search({ ef: 100 })).toEqual({ plan: 'graph', candidates: 3001, ef: 100, scanned: 101 })
  const among = Uint32Array.from({ length: 2800 }, (_, i) => i)
  expect(search({ among, ef: 20 })).toEqual({ plan: 'filtered-graph', candidates: 2800, ef: 20, scanned: 20 })
  // Some of them are gone.
  space.remove(2)
  expect(search({ among: Uint32Array.of(1, 2, 3) })).toEqual({ plan: 'scan', candidates: 3, ef: 0, scanned: 2 })
  expect(search({ exact: true })).toEqual({ plan: 'scan', candidates: 3000, ef: 0, scanned: 3000 })
  expect(search({ limit: 0 })).toEqual({ plan: 'scan', candidates: 3000, ef: 0, scanned: 0 })
  expect(told).toHaveLength(7)
})
