import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Datatype,
  type IndexQuery,
  METRICS,
  type Metric,
  rounded,
  SILENT_LOG,
  type VectorParams,
} from '@meridian/core'
import hnswlib from 'hnswlib-node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ExactIndex } from './exact-index.js'
import { graphBytes } from './graph-memory.js'
import { type Addon, engineOf } from './native-graph.js'
import { PLANNER } from './planner.js'
import { normalize } from './scoring.js'
import { decodeHead, encodeHead } from './snapshot-codec.js'
import { Snapshots } from './snapshots.js'
import { Space } from './space.js'
import { clustered, mean, paramsOf, randomOf, realData, recall } from './testing/data.js'

const REF = { collection: 'c', vector: '' }
const DATATYPES: readonly Datatype[] = ['float16', 'uint8']
const EACH = DATATYPES.flatMap((datatype) => METRICS.map((metric) => [datatype, metric] as const))
let directory: string
let snapshots: Snapshots
let warnings: string[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'meridian-packed-space-'))
  warnings = []
  snapshots = new Snapshots(directory, { ...SILENT_LOG, warn: (_, message) => void warnings.push(message) })
})
afterEach(() => rmSync(directory, { recursive: true }))

const packedParams = (size: number, metric: Metric, datatype: Datatype): VectorParams => ({
  ...paramsOf(size, metric),
  datatype,
})
/** As a region stores a vector: `Cosine` halves are normalised first. */
const storedAs = ({ metric, datatype }: VectorParams, vector: Float32Array): Float32Array => {
  if (datatype === 'uint8')
    return rounded(
      'uint8',
      vector.map((x) => 110 + 45 * x),
    ) as Float32Array
  return rounded('float16', metric === 'Cosine' ? normalize(vector) : vector) as Float32Array
}

/** What the worker does when nothing holds it up. */
const build = (space: Space): void => {
  while (space.hasWork || space.isRebuilding || space.wanted !== undefined) {
    if (space.wanted !== undefined) space.rebuild()
    if (space.hasWork) space.step(() => true)
    else space.stepRebuild(() => true)
  }
}

/** A space and the definition of its answers, which holds floats. */
class Checked {
  readonly exact = new ExactIndex()
  readonly versions = new Map<number, string>()
  readonly space: Space
  #version = 0

  constructor(readonly params: VectorParams) {
    this.space = new Space(params, PLANNER, snapshots.filesFor(REF, params))
    this.exact.openSpace(REF, params, [])
  }

  set(ordinal: number, vector: Float32Array): void {
    const version = String(++this.#version)
    this.versions.set(ordinal, version)
    this.space.set(ordinal, `id-${ordinal}`, version, vector)
    this.exact.set(REF, { ordinal, id: `id-${ordinal}`, version, vector })
  }

  remove(ordinal: number): void {
    this.versions.delete(ordinal)
    this.space.remove(ordinal)
    this.exact.remove(REF, ordinal)
  }

  /** All there is, to the last bit. */
  checkScans(query: Float32Array, space = this.space): void {
    const among = Uint32Array.from([...this.versions.keys()].sort((a, b) => a - b)).filter((_, i) => i % 3 === 0)
    for (const asked of [
      { vector: query, limit: 400, exact: true },
      { vector: query, limit: 400, exact: true, among },
    ])
      expect(space.search(asked)).toEqual(this.exact.searchNow(REF, asked))
  }

  /** Whatever is found is there, with its score to the last bit. */
  recall(query: IndexQuery, space = this.space): number {
    const found = space.search(query)
    const scores = new Map(this.exact.searchNow(REF, { ...query, limit: 1e9 }).map((hit) => [hit.ordinal, hit.score]))
    for (const hit of found) expect(scores.get(hit.ordinal)).toBe(hit.score)
    return recall(found, this.exact.searchNow(REF, query))
  }
}

test.each(EACH)(
  '[IX74] %s, %s: a space of small numbers answers as one of floats does, in a part of its memory',
  async (datatype, metric) => {
    const dims = 130
    const params = packedParams(dims, metric, datatype)
    const checked = new Checked(params)
    const floats = new Checked(paramsOf(dims, metric))
    const both = [checked, floats]
    const vectors = clustered(2600, dims, 71).map((vector) => storedAs(params, vector))
    const queries = clustered(2600, dims, 71)
      .slice(0, 25)
      .map((vector, i) =>
        storedAs(
          params,
          vector.map((x) => x + Math.sin(i + x) / 3),
        ),
      )
    for (const each of both) for (let ordinal = 0; ordinal < 2000; ordinal++) each.set(ordinal, vectors[ordinal]!)
    // None of them are in a graph yet.
    checked.checkScans(queries[0]!)
    const bytes = { float16: 2, uint8: 1 }[datatype]
    expect(checked.space.rows.heldBytes).toBeLessThan(
      floats.space.rows.heldBytes - 2000 * dims * (4 - bytes) + 2 * 128 * 1024,
    )
    for (const each of both) build(each.space)
    const hasGraph = metric !== 'Manhattan'
    expect(checked.space.current?.graph.shape.packed?.numbers).toBe(hasGraph ? datatype : undefined)
    if (hasGraph) {
      expect(checked.space.rows.held).toBe(0)
      const less = floats.space.stats().bytes - checked.space.stats().bytes
      expect(less).toBeGreaterThanOrEqual(2000 * (dims * (4 - bytes) - 20))
      expect(graphBytes(params, 1)).toBeLessThanOrEqual(graphBytes(floats.params, 1) - dims * (4 - bytes) + 20)
    }
    const recallOf = (each: Checked, space = each.space): number =>
      mean(queries.map((vector) => each.recall({ vector, limit: 10 }, space)))
    checked.checkScans(queries[1]!)
    expect(recallOf(checked)).toBeGreaterThanOrEqual(Math.min(0.99, recallOf(floats)))
    const among = Uint32Array.from({ length: 700 }, (_, i) => i * 2)
    expect(mean(queries.map((vector) => checked.recall({ vector, limit: 10, among })))).toBeGreaterThanOrEqual(0.98)
    // What waits, what is gone, what is superseded; and a graph built anew from what the other one holds.
    for (let ordinal = 0; ordinal < 500; ordinal += 2) checked.remove(ordinal)
    for (let ordinal = 1; ordinal < 500; ordinal += 2) checked.set(ordinal, vectors[2000 + ordinal]!)
    checked.checkScans(queries[2]!)
    build(checked.space)
    if (hasGraph) checked.space.rebuild()
    build(checked.space)
    checked.checkScans(queries[3]!)
    expect(recallOf(checked)).toBeGreaterThanOrEqual(0.98)
    await snapshots.save(REF, checked.space, () => true)
    const loaded = snapshots.load(REF, params)?.space
    expect(loaded !== undefined).toBe(hasGraph)
    if (loaded === undefined) return
    for (const [ordinal, version] of checked.versions)
      expect(loaded.claim(ordinal, `id-${ordinal}`, version)).toBe(true)
    loaded.settle()
    expect([loaded.wanted, loaded.rows.held]).toEqual([undefined, 0])
    for (const vector of queries.slice(0, 5)) checked.checkScans(vector, loaded)
    expect(recallOf(checked, loaded)).toBeGreaterThanOrEqual(0.98)
    const slots = loaded.current!.graph.slots
    const file = readdirSync(directory).find((name) => name.endsWith('.graph'))!
    const extra = metric === 'Dot' ? 32 * 4 : metric === 'Cosine' ? 16 : 0
    expect(statSync(join(directory, file)).size).toBeLessThan(slots * (Math.ceil((dims * bytes) / 4) * 4 + extra + 240))
  },
)

test.each(EACH)(
  '[IX74] %s, %s: what the datatype does not hold is found even so, and in no graph',
  (datatype, metric) => {
    const params = packedParams(20, metric, datatype)
    const checked = new Checked(params)
    const vectors = clustered(1500, 20, 73)
    for (const [ordinal, vector] of vectors.entries()) checked.set(ordinal, storedAs(params, vector))
    // Rows of both kinds, taken and freed, before there is a graph and after.
    const odd = [new Float32Array(20).fill(1e9), vectors[3]!.map((x) => x * 1.00001), new Float32Array(20).fill(-0.3)]
    const look = (): void => {
      for (const query of [storedAs(params, vectors[9]!), ...odd]) {
        checked.checkScans(query)
        checked.recall({ vector: query, limit: 10 })
      }
    }
    for (const [i, vector] of odd.entries()) checked.set(2000 + i, vector)
    look()
    build(checked.space)
    look()
    if (metric !== 'Manhattan') expect(checked.space.current!.loose.size).toBe(3)
    for (const [i, vector] of odd.entries()) checked.set(500 + i, vector)
    checked.set(2001, storedAs(params, vectors[7]!))
    checked.remove(2002)
    look()
    build(checked.space)
    if (metric !== 'Manhattan') checked.space.rebuild()
    build(checked.space)
    look()
  },
)

test('[IX74] halves that are not of length 1 are found in a Cosine space, and in no graph', () => {
  const params = packedParams(30, 'Cosine', 'float16')
  const checked = new Checked(params)
  const vectors = clustered(1200, 30, 74)
  for (const [ordinal, vector] of vectors.entries()) checked.set(ordinal, storedAs(params, vector))
  for (let i = 0; i < 20; i++)
    checked.set(
      5000 + i,
      rounded(
        'float16',
        vectors[i]!.map((x) => x * (0.001 + i)),
      ) as Float32Array,
    )
  build(checked.space)
  expect(checked.space.current!.loose.size).toBe(20)
  for (const vector of [...vectors.slice(0, 3), vectors[3]!.map((x) => x * 50)]) {
    checked.checkScans(vector)
    expect(checked.recall({ vector, limit: 10 })).toBeGreaterThan(0.8)
  }
})

test.each(['Cosine', 'Euclid', 'Dot'] as const)(
  '[IX74] %s: codes over halves have the halves in their file, and come and go without changing one',
  async (metric) => {
    // Of few dimensions lengths differ most from 1 once they are halves.
    for (const dims of [3, 40]) {
      const params = packedParams(dims, metric, 'float16')
      const checked = new Checked(params)
      const vectors = clustered(1300, dims, 75).map((vector) => storedAs(params, vector))
      for (const [ordinal, vector] of vectors.entries()) checked.set(ordinal, vector)
      build(checked.space)
      for (const quantile of [1, undefined]) {
        checked.space.quantize(quantile === undefined ? undefined : { quantile })
        build(checked.space)
        expect(checked.space.current!.graph.shape.bytes).toBe(quantile === undefined ? undefined : true)
        for (const vector of vectors.slice(0, 5)) checked.checkScans(vector)
        await snapshots.save(REF, checked.space, () => true)
        const quantization = quantile === undefined ? {} : { quantization: { quantile } }
        const loaded = snapshots.load(REF, { ...params, ...quantization })!.space
        for (const [ordinal, version] of checked.versions) loaded.claim(ordinal, `id-${ordinal}`, version)
        loaded.settle()
        for (const vector of vectors.slice(0, 5)) checked.checkScans(vector, loaded)
        const file = readdirSync(directory).find((name) => name.endsWith('.vectors'))
        if (quantile !== undefined) expect(statSync(join(directory, file!)).size).toBe(1300 * dims * 2)
        loaded.close()
      }
    }
  },
)

test('[IX12] with one flipped bit anywhere, or a cut, a snapshot of small numbers is refused', async () => {
  const random = randomOf(77)
  for (const datatype of DATATYPES) {
    const params = packedParams(8, 'Cosine', datatype)
    const checked = new Checked(params)
    for (const [ordinal, vector] of clustered(1100, 8, 76).entries()) checked.set(ordinal, storedAs(params, vector))
    build(checked.space)
    await snapshots.save(REF, checked.space, () => true)
    const files = readdirSync(directory).map((name) => ({ name, bytes: readFileSync(join(directory, name)) }))
    for (let flip = 0; flip < 60; flip++) {
      const { name, bytes } = files[flip % files.length]!
      const damaged = Buffer.from(bytes)
      const bit = Math.floor(random() * bytes.length * 8)
      damaged[bit >> 3]! ^= 1 << (bit & 7)
      writeFileSync(
        join(directory, name),
        flip % 7 === 6 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : damaged,
      )
      expect(snapshots.load(REF, params)).toBeUndefined()
      for (const { name, bytes } of files) writeFileSync(join(directory, name), bytes)
    }
    expect(warnings).toHaveLength(60)
    warnings.length = 0
    // Of another form it is a snapshot of another graph.
    for (const other of [
      paramsOf(8, 'Cosine'),
      packedParams(8, 'Cosine', datatype === 'uint8' ? 'float16' : 'uint8'),
    ]) {
      expect(snapshots.load(REF, other)).toBeUndefined()
      for (const { name, bytes } of files) writeFileSync(join(directory, name), bytes)
    }
    snapshots.drop(REF)
    warnings.length = 0
  }
})

test('[IX13] a head says how numbers lie; older ones are of floats, or of integers', () => {
  const head = {
    space: REF,
    params: paramsOf(4, 'Euclid'),
    lengths: { ceiling: 1, mean: 0 },
    generation: 1,
    graphBytes: 1,
    graphDigest: new Uint8Array(32),
    labels: [],
  }
  for (const form of ['float32', 'float16', 'uint8'] as const)
    expect(decodeHead(encodeHead({ ...head, form })).form).toBe(form)
  const bytes = encodeHead({ ...head, form: 'float32' })
  // Of format 4: no form, and another byte where codes would be told of.
  for (const [kind, form] of [
    [0, 'float32'],
    [2, 'uint8'],
  ] as const) {
    const older = Buffer.concat([bytes.subarray(0, 28), Uint8Array.of(kind), bytes.subarray(30, -32)])
    older[4] = 4
    const digest = createHash('sha256').update(older).digest()
    expect(decodeHead(Buffer.concat([older, digest])).form).toBe(form)
  }
  for (const [at, wrong] of [
    [28, 3],
    [29, 2],
  ] as const) {
    const damaged = Buffer.from(bytes.subarray(0, -32))
    damaged[at] = wrong
    const digest = createHash('sha256').update(damaged).digest()
    expect(() => decodeHead(Buffer.concat([damaged, digest]))).toThrow(/form of numbers|codes of kind/)
  }
})

test('[IX74] the published addon holds floats whatever the datatype', () => {
  const { HierarchicalNSW } = hnswlib as unknown as Addon
  class Stock {
    constructor(space: 'l2', dims: number) {
      if (space !== 'l2') throw new Error('Wrong space name')
      Object.assign(this, { graph: new HierarchicalNSW(space, dims) })
    }
  }
  expect(engineOf({ HierarchicalNSW: Stock as never }).hasPacked).toBe(false)
  expect(engineOf(hnswlib as unknown as Addon).hasPacked).toBe(true)
})

test('[IX74] movies-lsa-256: halves are found as floats are', async ({ skip }) => {
  const data = await realData('movies-lsa-256')
  if (data === undefined) return skip('the real sets are not here')
  const count = 4000
  const vectors = Array.from({ length: count }, (_, i) => data.vectors.slice(i * data.dims, (i + 1) * data.dims))
  const queries = Array.from({ length: 50 }, (_, i) => data.queries.slice(i * data.dims, (i + 1) * data.dims))
  const halves = packedParams(data.dims, 'Cosine', 'float16')
  const recalls = [halves, paramsOf(data.dims, 'Cosine')].map((params) => {
    const checked = new Checked(params)
    for (const [ordinal, vector] of vectors.entries()) checked.set(ordinal, storedAs(halves, vector))
    build(checked.space)
    return mean(
      queries.map((vector) => {
        const query = { vector: storedAs(halves, vector), limit: 10 }
        return recall(checked.space.search(query), checked.exact.searchNow(REF, query))
      }),
    )
  })
  expect(Math.abs(recalls[0]! - recalls[1]!)).toBeLessThan(0.01)
})
