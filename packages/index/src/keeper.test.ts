import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { METRICS, type Metric, SILENT_LOG } from '@meridian/core'
import hnswlib from 'hnswlib-node'
import { afterAll, expect, test } from 'vitest'
import { ExactIndex } from './exact-index.js'
import { Graph } from './graph.js'
import { Layer } from './layer.js'
import { Embedding } from './embedding.js'
import { type Addon, engineOf } from './native-graph.js'
import { Rows } from './rows.js'
import { normalize } from './scoring.js'
import { Snapshots } from './snapshots.js'
import { Space } from './space.js'
import { clustered, paramsOf, randomOf } from './testing/data.js'

const REF = { collection: 'c', vector: '' }
const directory = mkdtempSync(join(tmpdir(), 'meridian-keeper-'))
afterAll(() => rmSync(directory, { recursive: true }))

/** A space, the vectors that it should have, and the definition of its answers. */
class Checked {
  readonly vectors = new Map<number, Float32Array>()
  readonly exact = new ExactIndex()
  #version = 0

  constructor(
    readonly metric: Metric,
    readonly dims: number,
    readonly space = new Space(paramsOf(dims, metric)),
  ) {
    this.exact.openSpace(REF, paramsOf(dims, metric), [])
  }

  set(ordinal: number, vector: Float32Array): void {
    const version = String(++this.#version)
    this.space.set(ordinal, `id-${ordinal}`, version, vector)
    this.exact.set(REF, { ordinal, id: `id-${ordinal}`, version, vector })
    this.vectors.set(ordinal, vector)
  }

  remove(ordinal: number): void {
    this.space.remove(ordinal)
    this.exact.remove(REF, ordinal)
    this.vectors.delete(ordinal)
  }

  /** All vectors are there, and scans of all and of some answer as they should, to the last bit. */
  check(query: Float32Array): void {
    const { rows } = this.space
    expect(rows.live).toBe(this.vectors.size)
    for (const [ordinal, vector] of this.vectors)
      if (!same(rows.vectorAt(rows.rowOf(ordinal)!), this.metric === 'Cosine' ? normalize(vector) : vector))
        expect.unreachable(`vector of ${ordinal} is another`)
    const among = Uint32Array.from([...this.vectors.keys()].sort((a, b) => a - b)).filter((_, i) => i % 3 === 0)
    for (const asked of [
      { vector: query, limit: 30, exact: true },
      { vector: query, limit: 30, exact: true, among },
    ])
      expect(this.space.search(asked)).toEqual(this.exact.searchNow(REF, asked))
  }
}

const same = (a: Float32Array, b: Float32Array): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i])

test.each(METRICS)('[IX46] %s: vectors stay what they are on their way into graphs and out of them', (metric) => {
  const checked = new Checked(metric, 300)
  const { space } = checked
  const random = randomOf(31)
  const fresh = clustered(4200, 300, 32)
  let next = 0
  const change = (count: number, among: number): void => {
    for (let i = 0; i < count; i++) {
      const ordinal = Math.floor(random() * among)
      if (random() < 0.3) checked.remove(ordinal)
      else checked.set(ordinal, fresh[next++]!)
    }
  }
  for (let ordinal = 0; ordinal < 1500; ordinal++) checked.set(ordinal, fresh[next++]!)
  let budget = 700
  space.step(() => --budget > 0)
  checked.check(fresh[0]!)
  while (space.hasWork) space.step(() => true)
  checked.check(fresh[1]!)
  const isKept = metric !== 'Manhattan'
  expect(space.rows.held).toBe(isKept ? 0 : 1500)
  expect(space.stats().bytes).toBeLessThan(1500 * (300 * 4 + 800))
  change(500, 1600)
  checked.check(fresh[2]!)
  for (let round = 0; isKept && round < 2; round++) {
    // The serving graph lacks what the new one has, and the other way round.
    space.rebuild()
    while (space.isRebuilding) {
      let slice = 150
      space.stepRebuild(() => --slice > 0)
      change(40, 1600)
      if (round === 0) space.step(() => random() < 0.8)
    }
    checked.check(fresh[3]!)
  }
  while (space.hasWork) space.step(() => true)
  checked.check(fresh[4]!)
  if (isKept) expect(space.rows.held).toBe(0)
  // Too few for a graph.
  for (const ordinal of [...checked.vectors.keys()].slice(300)) checked.remove(ordinal)
  while (space.hasWork) space.step(() => true)
  expect(space.current).toBeUndefined()
  checked.check(fresh[5]!)
})

test.each(['Cosine', 'Dot'] as const)('[IX46] %s: so they do over a snapshot', async (metric) => {
  const checked = new Checked(metric, 40)
  clustered(1400, 40, 33).forEach((vector, ordinal) => {
    checked.set(ordinal, vector)
  })
  while (checked.space.hasWork) checked.space.step(() => true)
  for (let ordinal = 0; ordinal < 1400; ordinal += 9) checked.remove(ordinal)
  const snapshots = new Snapshots(directory, SILENT_LOG)
  await snapshots.save(REF, checked.space, () => true)
  const { space } = snapshots.load(REF, paramsOf(40, metric))!
  expect(space.rows.held).toBe(0)
  const loaded = new Checked(metric, 40, space)
  for (const [ordinal, vector] of checked.vectors) {
    expect(space.claim(ordinal, `id-${ordinal}`, String(ordinal + 1))).toBe(true)
    loaded.vectors.set(ordinal, vector)
    loaded.exact.set(REF, { ordinal, id: `id-${ordinal}`, version: '', vector })
  }
  space.settle()
  loaded.check(clustered(1, 40, 34)[0]!)
  // It goes on as any other: what is dropped and set anew, and a graph in place of this one.
  clustered(450, 40, 36).forEach((vector, i) => {
    loaded.set(i * 2, vector)
  })
  space.rebuild()
  while (space.isRebuilding || space.hasWork) {
    space.step(() => true)
    space.stepRebuild(() => true)
  }
  loaded.check(clustered(1, 40, 35)[0]!)
})

test('[IX46] a graph of the published addon keeps nothing for the rows', () => {
  const params = paramsOf(8, 'Euclid')
  const published = engineOf({ HierarchicalNSW: (hnswlib as unknown as Addon).HierarchicalNSW })
  const rows = new Rows(8, 'Euclid')
  const layer = new Layer(
    new Embedding(params, { ceiling: 1e30, mean: 0 }),
    Graph.create({ dims: 8, distance: 'l2', hnsw: params.hnsw }, published),
  )
  expect(layer.keeper).toBeUndefined()
  rows.handTo(layer.keeper)
  const row = rows.take(new Float32Array(8).fill(3))
  rows.assign(row, 5)
  layer.enlist(row, rows)
  expect(layer.insert(rows, () => true)).toBe(1)
  expect(rows.held).toBe(1)
  expect([...rows.vectorAt(row)]).toEqual(new Array(8).fill(3))
})
