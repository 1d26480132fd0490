import { type IndexQuery, METRICS, type Metric } from '@meridian/core'
import { describe, expect, test } from 'vitest'
import { ExactIndex } from './exact-index.js'
import { Layer } from './layer.js'
import { GRAPH_LIVE_MIN } from './serving.js'
import { Space } from './space.js'
import { clustered, mean, paramsOf, randomOf, realData, recall } from './testing/data.js'

const REF = { collection: 'c', vector: '' }
const forever = (): boolean => true

/** A space and its dumb twin, always changed together. */
class Twins {
  readonly space: Space
  readonly exact = new ExactIndex()
  version = 0

  constructor(dims: number, metric: Metric) {
    this.space = new Space(paramsOf(dims, metric))
    this.exact.openSpace(REF, paramsOf(dims, metric), [])
  }

  set(ordinal: number, vector: Float32Array): void {
    const version = String(++this.version)
    this.space.set(ordinal, `id-${ordinal}`, version, vector)
    this.exact.set(REF, { ordinal, id: `id-${ordinal}`, version, vector })
  }

  remove(ordinal: number): void {
    this.space.remove(ordinal)
    this.exact.remove(REF, ordinal)
  }

  recall(query: IndexQuery): number {
    const found = this.space.search(query)
    const truth = this.exact.searchNow(REF, query)
    const scores = new Map(this.exact.searchNow(REF, { ...query, limit: 1e9 }).map((hit) => [hit.ordinal, hit.score]))
    // Whatever is found exists, passes `among`, and has the score that a scan gives it; order and ties as a scan's.
    for (const hit of found) expect(scores.get(hit.ordinal)).toBe(hit.score)
    expect(found.length).toBe(truth.length)
    return recall(found, truth)
  }
}

const build = (space: Space): void => {
  while (space.hasWork || space.isRebuilding || space.wanted !== undefined) turn(space, forever)
}

/** What the worker does when nothing holds it up. */
const turn = (space: Space, more: () => boolean): void => {
  if (space.wanted !== undefined) space.rebuild()
  if (space.hasWork) space.step(more)
  else space.stepRebuild(more)
}

describe.each(METRICS)('%s', (metric) => {
  const vectors = clustered(6000, 24, 1)
  const queries = clustered(60, 24, 1).map((vector, i) => vector.map((value, d) => value + ((i + d) % 5) * 0.05))

  test('[IX5] finds at least 0.99 of the true ten', () => {
    const twins = new Twins(24, metric)
    vectors.forEach((vector, ordinal) => {
      twins.set(ordinal, vector)
    })
    build(twins.space)
    expect(twins.space.current === undefined).toBe(metric === 'Manhattan')
    expect(twins.space.stats()).toMatchObject({ live: 6000, pending: 0, dead: 0, state: 'ready' })
    expect(mean(queries.map((vector) => twins.recall({ vector, limit: 10 })))).toBeGreaterThanOrEqual(0.99)
  })

  test('[IX6] `exact` is right to the last bit, with a graph and without', () => {
    const twins = new Twins(24, metric)
    vectors.slice(0, 3000).forEach((vector, ordinal) => {
      twins.set(ordinal, vector)
    })
    const query = { vector: queries[0]!, limit: 50, exact: true }
    const truth = twins.exact.searchNow(REF, query)
    expect(twins.space.search(query)).toEqual(truth)
    build(twins.space)
    expect(twins.space.search(query)).toEqual(truth)
    // A limit near the number of vectors is a scan too: nothing is left out.
    const all = { vector: queries[0]!, limit: 3000 }
    expect(twins.space.search(all)).toEqual(twins.exact.searchNow(REF, all))
  })
})

test('[IX7] finds at least 0.99 under filters of every selectivity, close to the query and far from it', () => {
  const twins = new Twins(16, 'Euclid')
  const vectors = clustered(30_000, 16, 2)
  vectors.forEach((vector, ordinal) => {
    twins.set(ordinal, vector)
  })
  build(twins.space)
  const random = randomOf(3)
  const queries = vectors.slice(0, 12)
  const isOdd = vectors.map((vector) => vector[0]! > 0.2)
  for (const share of [0.0003, 0.01, 0.1, 0.25, 0.5, 0.9]) {
    const among = Uint32Array.from(vectors.keys()).filter(() => random() < share)
    const recalls = queries.map((vector) => twins.recall({ vector, limit: 10, among }))
    expect(mean(recalls), `share ${share}`).toBeGreaterThanOrEqual(0.99)
  }
  // A filter that goes with the vector's place: only one side of the space is allowed.
  const among = Uint32Array.from(vectors.keys()).filter((ordinal) => isOdd[ordinal])
  expect(among.length).toBeGreaterThan(10_000)
  const recalls = queries.map((vector) => twins.recall({ vector, limit: 10, among }))
  expect(mean(recalls)).toBeGreaterThanOrEqual(0.99)
})

test('[IX2] a change is found at once, before the graph has it', () => {
  const twins = new Twins(8, 'Dot')
  const vectors = clustered(4000, 8, 4)
  vectors.forEach((vector, ordinal) => {
    twins.set(ordinal, vector)
    if (ordinal % 7 === 0) twins.space.step(() => false)
  })
  const { pending } = twins.space.stats()
  expect(pending).toBeGreaterThan(1000)
  expect(pending).toBeLessThan(4000)
  expect(mean(vectors.slice(0, 50).map((vector) => twins.recall({ vector, limit: 10 })))).toBeGreaterThanOrEqual(0.99)
  const far = new Float32Array(8).fill(50)
  twins.set(4000, far)
  expect(twins.space.search({ vector: far, limit: 1 })).toEqual([{ ordinal: 4000, score: 20_000 }])
  twins.remove(4000)
  expect(twins.space.search({ vector: far, limit: 1 })[0]!.ordinal).not.toBe(4000)
})

test('[IX2] a filter lets through what is not in the graph yet, once, and nothing else', () => {
  const twins = new Twins(6, 'Euclid')
  const vectors = clustered(14_000, 6, 12)
  vectors.forEach((vector, ordinal) => {
    twins.set(ordinal, vector)
  })
  let budget = 11_000
  twins.space.step(() => --budget > 0)
  expect(twins.space.stats()).toMatchObject({ live: 14_000, pending: 3000 })
  const among = Uint32Array.from(vectors.keys()).filter((ordinal) => ordinal % 9 !== 4)
  expect(among.length).toBeGreaterThan(10_000)
  // `recall` checks that hits pass the filter, and come in the order and number of a scan's.
  const recalls = [0, 500, 12_000, 12_500, 13_903].map((i) => twins.recall({ vector: vectors[i]!, limit: 10, among }))
  expect(mean(recalls)).toBeGreaterThanOrEqual(0.98)
  const pending = twins.space.search({ vector: vectors[13_903]!, limit: 3, among })
  expect(pending[0]).toEqual({ ordinal: 13_903, score: 0 })
  expect(new Set(pending.map((hit) => hit.ordinal)).size).toBe(3)
})

test('[IX3] churn never shows a deleted or superseded vector, and wears the graph no further than its bound', () => {
  const twins = new Twins(12, 'Cosine')
  const random = randomOf(5)
  const fresh = clustered(40_000, 12, 6)
  let next = 0
  for (let ordinal = 0; ordinal < 4000; ordinal++) twins.set(ordinal, fresh[next++]!)
  build(twins.space)
  let rebuilds = 0
  let graph = twins.space.current
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < 300; i++) {
      const ordinal = Math.floor(random() * 4500)
      if (random() < 0.3) twins.remove(ordinal)
      else twins.set(ordinal, fresh[next++]!)
    }
    let budget = 400
    while (budget > 0 && (twins.space.hasWork || twins.space.isRebuilding || twins.space.wanted !== undefined))
      turn(twins.space, () => --budget > 0)
    if (twins.space.current !== graph) rebuilds++
    graph = twins.space.current
    // `recall` checks every hit against the twin.
    const recalls = fresh.slice(next - 10, next).map((vector) => twins.recall({ vector, limit: 10 }))
    expect(mean(recalls)).toBeGreaterThanOrEqual(0.97)
  }
  expect(rebuilds).toBeGreaterThan(1)
  build(twins.space)
  const { live, pending, dead, state } = twins.space.stats()
  expect({ pending, state }).toEqual({ pending: 0, state: 'ready' })
  expect(dead).toBeLessThanOrEqual(Math.max(1000, (live + dead) * 0.2))
  expect(mean(fresh.slice(0, 100).map((vector) => twins.recall({ vector, limit: 10 })))).toBeGreaterThanOrEqual(0.99)
})

test('[IX4] small spaces have no graph, and one that shrinks drops it', () => {
  const twins = new Twins(4, 'Euclid')
  const vectors = clustered(2500, 4, 7)
  vectors.slice(0, GRAPH_LIVE_MIN - 1).forEach((vector, ordinal) => {
    twins.set(ordinal, vector)
  })
  expect(twins.space.hasWork).toBe(false)
  vectors.forEach((vector, ordinal) => {
    twins.set(ordinal, vector)
  })
  build(twins.space)
  expect(twins.space.current?.graph.live).toBe(2500)
  for (let ordinal = 0; ordinal < 2400; ordinal++) twins.remove(ordinal)
  build(twins.space)
  expect(twins.space.current).toBeUndefined()
  expect(twins.recall({ vector: vectors[0]!, limit: 10 })).toBe(1)
})

test('[IX3] the check of churn can fail: a removal that the space does not hear of is noticed', () => {
  const twins = new Twins(4, 'Euclid')
  const vectors = clustered(20, 4, 9)
  for (const [ordinal, vector] of vectors.entries()) twins.set(ordinal, vector)
  twins.exact.remove(REF, 3)
  expect(() => twins.recall({ vector: vectors[3]!, limit: 5 })).toThrow()
})

test('[IX27] products of vectors of very different lengths are found, and longer ones than ever get a graph that suits them', () => {
  const twins = new Twins(12, 'Dot')
  const random = randomOf(10)
  const vectors = clustered(6000, 12, 11).map((vector, i) => {
    const length = Math.exp(3 * random()) * (i < 3000 ? 1 : 100)
    return vector.map((value) => value * length)
  })
  const queries = clustered(50, 12, 12)
  const meanRecall = (): number => mean(queries.map((vector) => twins.recall({ vector, limit: 10 })))
  for (let ordinal = 0; ordinal < 3000; ordinal++) twins.set(ordinal, vectors[ordinal]!)
  build(twins.space)
  expect(meanRecall()).toBeGreaterThanOrEqual(0.99)
  const first = twins.space.current!
  for (let ordinal = 3000; ordinal < 6000; ordinal++) twins.set(ordinal, vectors[ordinal]!)
  expect(first.loose.size).toBeGreaterThan(1000)
  expect(twins.space.wanted).toBe('outgrown')
  // Those that are gone again ask for nothing.
  for (let ordinal = 3000; ordinal < 6000; ordinal++) twins.remove(ordinal)
  expect([first.outgrown, twins.space.wanted]).toEqual([0, undefined])
  for (let ordinal = 3000; ordinal < 6000; ordinal++) twins.set(ordinal, vectors[ordinal]!)
  expect(meanRecall()).toBeGreaterThanOrEqual(0.99)
  build(twins.space)
  expect(twins.space.current).not.toBe(first)
  expect(twins.space.current!.loose.size).toBeLessThan(60)
  expect(meanRecall()).toBeGreaterThanOrEqual(0.99)
})

test('[IX8] equal scores come in the order of ordinals', () => {
  const twins = new Twins(4, 'Euclid')
  const same = Float32Array.of(1, 2, 3, 4)
  for (let ordinal = 50; ordinal-- > 0; ) twins.set(ordinal, same)
  expect(twins.space.search({ vector: same, limit: 5 }).map((hit) => hit.ordinal)).toEqual([0, 1, 2, 3, 4])
})

test('[IX9] the same version of a record does not touch the graph; vectors that no graph can hold are found by scan', () => {
  const twins = new Twins(4, 'Euclid')
  clustered(1500, 4, 8).forEach((vector, ordinal) => {
    twins.set(ordinal, vector)
  })
  build(twins.space)
  const revision = twins.space.current!.revision
  twins.space.set(7, 'id-7', '8', new Float32Array(4))
  expect(twins.space.current!.revision).toBe(revision)
  const huge = new Float32Array(4).fill(1e30)
  twins.set(2000, huge)
  build(twins.space)
  expect(twins.space.current!.graph.slots).toBe(1500)
  expect(twins.space.search({ vector: huge, limit: 1 })).toEqual([{ ordinal: 2000, score: 0 }])
  expect(twins.space.search({ vector: huge.map(() => 1), limit: 1 })[0]!.ordinal).not.toBe(2000)
  twins.space.set(3, 'id-3', 'bad', Float32Array.of(1, Number.NaN, 0, 0))
  expect(twins.space.rows.rowOf(3)).toBeUndefined()
})

test('[IX5] vectors without a direction do not stand before those with one', () => {
  const space = new Space(paramsOf(32, 'Cosine'))
  // Nearly orthogonal vectors: by Euclid, zero is nearer to a query than its true neighbours are.
  const random = randomOf(31)
  const any = (): Float32Array => new Float32Array(32).map(() => random() * 2 - 1)
  for (let i = 0; i < 4000; i++) space.set(i, String(i), '1', i % 4 === 0 ? new Float32Array(32) : any())
  build(space)
  for (let i = 0; i < 40; i++) {
    const hits = space.search({ vector: any(), limit: 10 })
    expect(hits.filter(({ score }) => score > 0.2)).toHaveLength(10)
  }
})

test('[IX5] real vectors: SIFT', async ({ skip }) => {
  const data = await realData('sift-128-9k')
  if (!data) return skip('shared/data/sift-128-9k is not on this machine')
  const at = (all: Float32Array, i: number): Float32Array => all.subarray(i * data.dims, (i + 1) * data.dims)
  const twins = new Twins(data.dims, 'Euclid')
  for (let ordinal = 0; ordinal < data.count; ordinal++) twins.set(ordinal, at(data.vectors, ordinal))
  build(twins.space)
  const recalls = Array.from({ length: 300 }, (_, i) => twins.recall({ vector: at(data.queries, i), limit: 10 }))
  expect(mean(recalls)).toBeGreaterThanOrEqual(0.99)
})

test('[IX60] while a graph is built anew, changes of rows that it has seen and of rows it has not both reach it', () => {
  const twins = new Twins(8, 'Euclid')
  const random = randomOf(21)
  const fresh = clustered(12_000, 8, 22)
  let next = 0
  for (let ordinal = 0; ordinal < 3000; ordinal++) twins.set(ordinal, fresh[next++]!)
  while (twins.space.hasWork) twins.space.step(forever)
  const first = twins.space.current
  twins.space.rebuild()
  while (twins.space.isRebuilding) {
    let budget = 40
    twins.space.stepRebuild(() => --budget > 0)
    expect(twins.space.current).toBe(twins.space.isRebuilding ? first : twins.space.current)
    for (let i = 0; i < 12; i++) {
      const ordinal = Math.floor(random() * 3200)
      if (random() < 0.4) twins.remove(ordinal)
      else twins.set(ordinal, fresh[next++]!)
    }
    twins.recall({ vector: fresh[next - 1]!, limit: 10 })
  }
  expect(twins.space.current).not.toBe(first)
  while (twins.space.hasWork) twins.space.step(forever)
  const { live, pending, dead } = twins.space.stats()
  expect({ pending, slots: twins.space.current!.graph.live }).toEqual({ pending: 0, slots: live })
  expect(dead).toBeLessThan(1500)
  expect(mean(fresh.slice(0, 100).map((vector) => twins.recall({ vector, limit: 10 })))).toBeGreaterThanOrEqual(0.99)
})

test('[IX60] what is fresh waits for a graph that will be there soon, and is not kept waiting for one that stands still', () => {
  const space = new Space(paramsOf(8, 'Euclid'))
  const vectors = clustered(4000, 8, 25)
  for (let i = 0; i < 3000; i++) space.set(i, `id-${i}`, '1', vectors[i]!)
  build(space)
  space.rebuild()
  for (let i = 3000; i < 4000; i++) space.set(i, `id-${i}`, '1', vectors[i]!)
  while (space.hasWork) space.step(forever)
  expect(space.stats()).toMatchObject({ pending: 1000, state: 'rebuilding' })
  space.rebuild(false)
  while (space.hasWork) space.step(forever)
  expect(space.stats()).toMatchObject({ pending: 0, state: 'rebuilding' })
  space.rebuild()
  build(space)
  expect(space.stats()).toMatchObject({ live: 4000, pending: 0, dead: 0, state: 'ready' })
})

test('[IX63] a graph built anew has room for what it takes from the start, and a little more', () => {
  const space = new Space(paramsOf(8, 'Euclid'))
  const vectors = clustered(8000, 8, 28)
  for (let i = 0; i < 8000; i++) space.set(i, `id-${i}`, '1', vectors[i]!)
  build(space)
  space.rebuild()
  while (space.isRebuilding) space.stepRebuild(forever)
  expect(space.stats()).toMatchObject({ live: 8000, pending: 0, dead: 0, state: 'ready' })
  // In steps of an eighth it would have been another number.
  expect(space.current!.graph.capacity).toBe(8800)
})

test('[IX60] a rebuild that has little time is done though vectors are replaced as fast as they are inserted', () => {
  const twins = new Twins(8, 'Euclid')
  const fresh = clustered(30_000, 8, 26)
  const random = randomOf(27)
  let next = 0
  for (let ordinal = 0; ordinal < 2000; ordinal++) twins.set(ordinal, fresh[next++]!)
  build(twins.space)
  const first = twins.space.current
  twins.space.rebuild(false)
  let turns = 0
  for (let i = 0; i < 300; i++) twins.set(Math.floor(random() * 2000), fresh[next++]!)
  while (twins.space.isRebuilding) {
    // There is always something fresh: as many as the slices for fresh vectors can take, into two graphs; the rebuild gets one in ten.
    for (let i = 0; i < 20; i++) twins.set(Math.floor(random() * 2000), fresh[next++]!)
    for (let slice = 0; slice < 4; slice++) {
      let budget = 10
      twins.space.step(() => --budget > 0)
    }
    let budget = 4
    twins.space.stepRebuild(() => --budget > 0)
    expect(++turns).toBeLessThan(1200)
  }
  expect(twins.space.current).not.toBe(first)
  expect(twins.space.stats().pending).toBeLessThan(400)
  for (const vector of fresh.slice(next - 20, next)) twins.recall({ vector, limit: 10 })
})

test('[IX61] what waits to be filled counts as a slot: a load that overwrites does not look worn before its time', () => {
  const space = new Space(paramsOf(8, 'Euclid'))
  const vectors = clustered(8000, 8, 29)
  for (let i = 0; i < 6000; i++) space.set(i, `id-${i}`, '1', vectors[i]!)
  build(space)
  const overwrite = (from: number, to: number): void => {
    for (let i = from; i < to; i++) space.set(i, `id-${i}`, '2', vectors[7999 - i]!)
  }
  overwrite(0, 1400)
  expect(space.wanted).toBeUndefined()
  while (space.hasWork) space.step(forever)
  expect(space.wanted).toBeUndefined()
  overwrite(1400, 1600)
  expect(space.wanted).toBe('dead')
})

test('[IX61] a graph that finds few of its own vectors is built anew, once: data that no graph does better with asks no more', () => {
  const poor = { size: 32, metric: 'Euclid', hnsw: { m: 2, efConstruct: 2 } } as const
  const random = randomOf(23)
  const noise = Array.from({ length: 9000 }, () => Float32Array.from({ length: 32 }, () => random() - 0.5))
  const measured = (space: Space): number | undefined => {
    while (space.hasWork) space.step(forever)
    while (space.hasQuestion) space.ask()
    return space.stats().graph?.selfRecall
  }
  const built = new Space(poor)
  for (let i = 0; i < 3000; i++) built.set(i, `id-${i}`, '1', noise[i]!)
  expect(measured(built)).toBeLessThan(0.9)
  expect(built.wanted).toBeUndefined()
  // The same graph as if it came from a file: what it was when new is not known.
  const loaded = new Space(poor)
  const layer = Layer.create(poor, loaded.rows)
  loaded.adopt(layer)
  for (let i = 0; i < 3000; i++) loaded.set(i, `id-${i}`, '1', noise[i]!)
  expect(measured(loaded)).toBeLessThan(0.9)
  expect(loaded.wanted).toBe('recall')
  build(loaded)
  expect(loaded.current).not.toBe(layer)
  measured(loaded)
  expect(loaded.wanted).toBeUndefined()
})

test('[IX61] a sound graph finds itself, equal vectors included, and is measured again after changes', () => {
  const space = new Space(paramsOf(8, 'Dot'))
  const vectors = clustered(2000, 8, 24)
  vectors.forEach((vector, i) => {
    space.set(i, `id-${i}`, '1', vectors[i % 7 === 0 ? 0 : i] ?? vector)
  })
  build(space)
  expect(space.hasQuestion).toBe(true)
  while (space.hasQuestion) space.ask()
  expect(space.stats().graph).toMatchObject({ selfRecall: expect.closeTo(1, 1), slots: 2000 })
  for (let i = 0; i < 400; i++) space.set(i, `id-${i}`, '2', vectors[i + 700]!)
  while (space.hasWork) space.step(forever)
  expect(space.hasQuestion).toBe(false)
  for (let i = 0; i < 400; i++) space.set(i, `id-${i}`, '3', vectors[i + 900]!)
  while (space.hasWork) space.step(forever)
  expect(space.hasQuestion).toBe(true)
})
