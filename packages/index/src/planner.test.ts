import type { IndexQuery, SearchWork } from '@meridian/core'
import { expect, test } from 'vitest'
import { PLANNER, type Planner, planSearch, type SearchFacts, scanCost, walkCost } from './planner.js'
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
  const space = new Space(paramsOf(96, 'Euclid'), { probeWidth: () => 0, plan: () => 'filtered-graph' })
  for (const [ordinal, vector] of vectors.entries()) space.set(ordinal, String(ordinal), '1', vector)
  while (space.hasWork) space.step(() => true)
  const query = vectors[0]!
  const distance = (vector: Float32Array): number => vector.reduce((sum, x, i) => sum + (x - query[i]!) ** 2, 0)
  const far = [...vectors.keys()].sort((a, b) => distance(vectors[b]!) - distance(vectors[a]!)).slice(0, 4000)
  const among = Uint32Array.from(far).sort()
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

const near = (of: SearchFacts, hits: number): SearchFacts => ({ ...of, near: { hits, of: PLANNER.probeWidth(of) } })

test('[PL5] what lies near the query decides: no match there is scanned, matches all around are walked', () => {
  const half = facts(200_000, 100_000, 256, 128)
  expect(planSearch(half)).toBe('filtered-graph')
  expect(PLANNER.probeWidth(half)).toBe(16)
  expect(PLANNER.plan(near(half, 0))).toBe('scan')
  for (const hits of [4, 8, 12, 16]) expect(PLANNER.plan(near(half, hits))).toBe('filtered-graph')
  const few = facts(1_000_000, 20_000, 784, 128)
  expect(planSearch(few)).toBe('scan')
  const width = PLANNER.probeWidth(few)
  expect(width).toBe(128)
  expect(PLANNER.plan(near(few, 2))).toBe('scan')
  expect(PLANNER.plan(near(few, width))).toBe('filtered-graph')
})

test('[PL5] nothing is looked at where it could not change the plan, or would cost more than it saves', () => {
  expect(PLANNER.probeWidth(facts(60_000, undefined, 784))).toBe(0)
  expect(PLANNER.probeWidth(facts(60_000, 0, 784))).toBe(0)
  expect(PLANNER.probeWidth(facts(60_000, 200, 784, 128))).toBe(0)
  expect(PLANNER.probeWidth(facts(1000, 900, 784, 500))).toBe(0)
  for (const dims of [16, 128, 784])
    for (const live of [2000, 60_000, 1_000_000])
      for (let allowed = 1; allowed <= live; allowed = Math.ceil(allowed * 1.5)) {
        const of = facts(live, allowed, dims, 128)
        const width = PLANNER.probeWidth(of)
        const probe = walkCost({ live, allowed: undefined, dims, ef: width })
        if (width > 0) expect(probe).toBeLessThan(0.15 * Math.min(scanCost(of), Math.max(walkCost(of), scanCost(of))))
      }
})

test('[PL5] a space looks at the nearest vectors and tells the planner how many are allowed', () => {
  const vectors = clustered(3000, 16, 4)
  const seen: SearchFacts[] = []
  const planner: Planner = {
    probeWidth: () => 40,
    plan: (of) => {
      seen.push(of)
      return 'filtered-graph'
    },
  }
  const space = new Space(paramsOf(16, 'Euclid'), planner)
  for (const [ordinal, vector] of vectors.entries()) space.set(ordinal, String(ordinal), '1', vector)
  while (space.hasWork) space.step(() => true)
  const query = { vector: vectors[9]!, limit: 40 }
  const nearest = space.search({ ...query, exact: true }).map(({ ordinal }) => ordinal)
  const rest = [...vectors.keys()].filter((ordinal) => !nearest.includes(ordinal))
  const ask = (among: number[]) => {
    const hits = space.search({ ...query, limit: 5, among: Uint32Array.from(among).sort() })
    expect(hits.every(({ ordinal }) => among.includes(ordinal))).toBe(true)
    return seen.at(-1)!.near!
  }
  expect(ask(rest).hits).toBeLessThan(4)
  expect(ask(nearest).hits).toBeGreaterThan(36)
  const some = ask([...nearest.slice(0, 20), ...rest.slice(0, 1000)])
  expect(some.hits).toBeGreaterThan(17)
  expect(some.hits).toBeLessThan(24)
  expect(some.of).toBe(40)
})
