import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type IndexQuery, type Metric, SILENT_LOG, type VectorParams } from '@meridian/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ExactIndex } from './exact-index.js'
import { PLANNER } from './planner.js'
import { isQuantized, Quantizer } from './quantizer.js'
import { Rows } from './rows.js'
import { Snapshots } from './snapshots.js'
import { Space } from './space.js'
import { VectorFile } from './vector-file.js'
import { clustered, mean, paramsOf, randomOf, realData, recall } from './testing/data.js'

const REF = { collection: 'c', vector: '' }
let directory: string
let snapshots: Snapshots
let warnings: string[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'meridian-quantized-'))
  warnings = []
  snapshots = new Snapshots(directory, { ...SILENT_LOG, warn: (_, message) => void warnings.push(message) })
})
afterEach(() => rmSync(directory, { recursive: true }))

const int8 = (size: number, metric: Metric, quantile = 1): VectorParams => ({
  ...paramsOf(size, metric),
  quantization: { quantile },
})
const spaceOf = (params: VectorParams): Space => new Space(params, PLANNER, snapshots.filesFor(REF, params))
const files = (end: string): string[] => readdirSync(directory).filter((file) => file.endsWith(end))
/** What the worker does when nothing holds it up. */
const build = (space: Space): void => {
  while (space.hasWork || space.isRebuilding || space.wanted !== undefined) {
    if (space.wanted !== undefined) space.rebuild()
    if (space.hasWork) space.step(() => true)
    else space.stepRebuild(() => true)
  }
}

/** A quantised space and the definition of its answers. */
class Checked {
  readonly exact = new ExactIndex()
  readonly versions = new Map<number, string>()
  #version = 0

  constructor(
    readonly params: VectorParams,
    readonly space = spaceOf(params),
  ) {
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

  /** Whatever is found is there, and has the score of its whole vector, to the last bit. */
  recall(query: IndexQuery): number {
    const found = this.space.search(query)
    const scores = new Map(this.exact.searchNow(REF, { ...query, limit: 1e9 }).map((hit) => [hit.ordinal, hit.score]))
    for (const hit of found) expect(scores.get(hit.ordinal)).toBe(hit.score)
    const truth = this.exact.searchNow(REF, query)
    expect(found.length).toBe(truth.length)
    return recall(found, truth)
  }
}

test.each(['Cosine', 'Euclid', 'Dot'] as const)(
  '[IX70] %s: a graph of codes finds 0.98 of the true ten, with the scores of whole vectors, which are in no memory',
  (metric) => {
    const checked = new Checked(int8(48, metric))
    const vectors = clustered(5000, 48, 51)
    vectors.forEach((vector, ordinal) => {
      checked.set(ordinal, vector)
    })
    build(checked.space)
    const { space } = checked
    expect(space.current!.graph.shape.bytes).toBe(true)
    expect(space.rows.held).toBe(0)
    expect(space.stats().bytes).toBeLessThan(5000 * (48 + 32 + 4 * 49 + 340))
    const queries = clustered(40, 48, 51).map((vector, i) => vector.map((value, d) => value + ((i + d) % 5) * 0.05))
    const recalls = (query: Omit<IndexQuery, 'vector' | 'limit'>): number =>
      mean(queries.map((vector) => checked.recall({ ...query, vector, limit: 10 })))
    expect(recalls({})).toBeGreaterThanOrEqual(0.98)
    expect(recalls({ quantization: { ignore: true } })).toBeGreaterThanOrEqual(0.99)
    expect(recalls({ quantization: { oversampling: 1 } })).toBeGreaterThan(0.85)
    expect(recalls({ quantization: { rescore: false } })).toBeGreaterThan(0.85)
    // Few that match are scanned by their codes first, many walk the graph.
    for (const share of [0.005, 0.05, 0.6]) {
      const random = randomOf(52)
      const among = Uint32Array.from(vectors.keys()).filter(() => random() < share)
      expect(recalls({ among }), `share ${share}`).toBeGreaterThanOrEqual(0.98)
    }
    const exact = { vector: queries[0]!, limit: 60, exact: true }
    expect(space.search(exact)).toEqual(checked.exact.searchNow(REF, exact))
    const some = { ...exact, among: Uint32Array.from({ length: 900 }, (_, i) => i * 5) }
    expect(space.search(some)).toEqual(checked.exact.searchNow(REF, some))
  },
)

test('[IX74] integers of a byte are their own codes: a quarter of the memory, no file, every answer that of whole vectors', async () => {
  const params: VectorParams = { ...paramsOf(48, 'Euclid'), datatype: 'uint8' }
  const checked = new Checked(params)
  const random = randomOf(66)
  const bytesOf = (vector: Float32Array): Float32Array =>
    vector.map((value) => Math.max(0, Math.min(255, Math.trunc(128 + value * 60 + random()))))
  const vectors = clustered(4000, 48, 67).map(bytesOf)
  vectors.forEach((vector, ordinal) => {
    checked.set(ordinal, vector)
  })
  // Other regions may send anything: it is found even so, and in no graph.
  checked.set(4000, new Float32Array(48).fill(99.5))
  checked.set(4001, new Float32Array(48).fill(300))
  build(checked.space)
  const { space } = checked
  expect(space.current!.graph.shape.packed?.numbers).toBe('uint8')
  expect([...space.current!.loose]).toHaveLength(2)
  // A chunk of rows, for those two.
  expect(space.rows.held).toBeLessThan(700)
  expect(files('.vectors')).toEqual([])
  expect(space.stats().bytes).toBeLessThan(space.rows.held * 48 * 4 + 4100 * (48 + 4 * 49 + 340))
  const queries = clustered(40, 48, 67).map(bytesOf)
  expect(mean(queries.map((vector) => checked.recall({ vector, limit: 10 })))).toBeGreaterThanOrEqual(0.98)
  const among = Uint32Array.from(vectors.keys()).filter((ordinal) => ordinal % 3 === 0)
  expect(mean(queries.map((vector) => checked.recall({ vector, limit: 10, among })))).toBeGreaterThanOrEqual(0.98)
  const exact = { limit: 700, exact: true }
  for (const vector of [queries[0]!, new Float32Array(48).fill(99.5)])
    expect(space.search({ ...exact, vector })).toEqual(checked.exact.searchNow(REF, { ...exact, vector }))
  // int8 codes that are asked for would say less.
  space.quantize({ quantile: 0.9 })
  expect(space.wanted).toBeUndefined()
  space.quantize(undefined)
  for (let ordinal = 0; ordinal < 400; ordinal += 3) checked.remove(ordinal)
  for (let ordinal = 1; ordinal < 400; ordinal += 3) checked.set(ordinal, vectors[3999 - ordinal]!)
  build(space)
  space.rebuild()
  build(space)
  for (const vector of queries)
    expect(space.search({ ...exact, vector })).toEqual(checked.exact.searchNow(REF, { ...exact, vector }))
  await snapshots.save(REF, space, () => true)
  const loaded = snapshots.load(REF, params)!.space
  const far = [...checked.versions].filter(([ordinal, version]) => !loaded.claim(ordinal, `id-${ordinal}`, version))
  loaded.settle()
  expect(far.map(([ordinal]) => ordinal)).toEqual([4000, 4001])
  expect([loaded.wanted, loaded.rows.held]).toEqual([undefined, 0])
  for (const [ordinal] of far)
    loaded.set(ordinal, `id-${ordinal}`, '1', new Float32Array(48).fill([99.5, 300][ordinal - 4000]!))
  for (const vector of queries)
    expect(loaded.search({ ...exact, vector })).toEqual(checked.exact.searchNow(REF, { ...exact, vector }))
  // Of the same space without a datatype it is a snapshot of another graph.
  expect(snapshots.load(REF, paramsOf(48, 'Euclid'))).toBeUndefined()
})

test('[IX70] codes alone decide where a search wants no more, and only so many whole vectors are read', () => {
  const checked = new Checked(int8(16, 'Euclid', 0.9))
  clustered(3000, 16, 53).forEach((vector, ordinal) => {
    checked.set(ordinal, vector)
  })
  build(checked.space)
  const scanned = (query: Omit<IndexQuery, 'vector'>): number => {
    let count = 0
    checked.space.search({ ...query, vector: new Float32Array(16) }, (work) => {
      count = work.scanned
    })
    return count
  }
  expect(scanned({ limit: 5, quantization: { rescore: false } })).toBe(5)
  expect(scanned({ limit: 5, quantization: { oversampling: 4 } })).toBe(20)
  expect(scanned({ limit: 100, quantization: { oversampling: 2.5 } })).toBe(250)
  expect(scanned({ limit: 5 })).toBe(32)
  expect(scanned({ limit: 20 })).toBe(60)
  expect(scanned({ limit: 5, quantization: { ignore: true } })).toBe(128)
  expect(scanned({ limit: 5, exact: true })).toBe(3000)
})

test('[IX71] codes are taken up and given up while searches go on, and no vector changes on the way', () => {
  const params = paramsOf(24, 'Cosine')
  const checked = new Checked(params, new Space(params, PLANNER, snapshots.filesFor(REF, params)))
  const vectors = clustered(4000, 24, 54)
  for (let ordinal = 0; ordinal < 2500; ordinal++) checked.set(ordinal, vectors[ordinal]!)
  build(checked.space)
  const { space } = checked
  const random = randomOf(55)
  let next = 2500
  for (const quantization of [{ quantile: 0.99 }, { quantile: 1 }, undefined]) {
    const before = space.current
    space.quantize(quantization)
    expect(space.wanted).toBe('quantization')
    space.rebuild()
    while (space.isRebuilding) {
      let slice = 100
      space.stepRebuild(() => --slice > 0)
      for (let i = 0; i < 5 && next < 4000; i++) checked.set(Math.floor(random() * 2600), vectors[next++]!)
      checked.remove(Math.floor(random() * 2600))
      expect(checked.recall({ vector: vectors[next - 1]!, limit: 10 })).toBeGreaterThan(0.7)
    }
    build(space)
    expect(space.current).not.toBe(before)
    expect(space.current!.embedding.quantizer?.quantile).toBe(quantization?.quantile)
    expect(space.wanted).toBeUndefined()
    expect(space.rows.held).toBe(0)
    const all = { vector: vectors[3]!, limit: 200, exact: true }
    expect(space.search(all)).toEqual(checked.exact.searchNow(REF, all))
    // A file that nothing goes by is gone.
    expect(files('.vectors')).toHaveLength(quantization ? 1 : 0)
  }
  // Sums of squares of so many codes would not fit.
  expect(isQuantized(int8(58_254, 'Dot'))).toBe(true)
  expect(isQuantized(int8(58_255, 'Dot'))).toBe(false)
  expect(isQuantized(int8(8, 'Manhattan'))).toBe(false)
})

test('[IX72] a snapshot brings codes and vectors back, and is refused with a byte of the vectors changed or missing', async () => {
  const params = int8(12, 'Euclid')
  const checked = new Checked(params)
  clustered(1600, 12, 57).forEach((vector, ordinal) => {
    checked.set(ordinal, vector)
  })
  build(checked.space)
  for (let ordinal = 0; ordinal < 1600; ordinal += 8) checked.remove(ordinal)
  await snapshots.save(REF, checked.space, () => true)
  // What comes after the snapshot goes on in the same file, and is not what was written down.
  for (let ordinal = 1; ordinal < 400; ordinal += 4) checked.set(ordinal, new Float32Array(12).fill(ordinal))
  build(checked.space)
  const saved = new Map(readdirSync(directory).map((file) => [file, readFileSync(join(directory, file))]))
  expect([files('.head'), files('.graph'), files('.vectors')].map((found) => found.length)).toEqual([1, 1, 1])
  const loaded = new Checked(params, snapshots.load(REF, params)!.space)
  expect(loaded.space.wanted).toBeUndefined()
  expect(loaded.space.rows.held).toBe(0)
  for (const [ordinal, version] of checked.versions) {
    const isSame = ordinal % 4 !== 1 || ordinal >= 400
    expect(loaded.space.claim(ordinal, `id-${ordinal}`, version)).toBe(isSame)
  }
  loaded.space.settle()
  for (const ordinal of checked.versions.keys()) {
    if (ordinal % 4 === 1 && ordinal < 400) {
      checked.remove(ordinal)
    }
  }
  const query = { vector: new Float32Array(12).fill(0.3), limit: 100, exact: true }
  expect(loaded.space.search(query)).toEqual(checked.exact.searchNow(REF, query))
  expect(
    recall(
      loaded.space.search({ vector: query.vector, limit: 10 }),
      checked.exact.searchNow(REF, { vector: query.vector, limit: 10 }),
    ),
  ).toBeGreaterThan(0.8)
  // It is written to again, and saved again.
  loaded.space.set(9000, 'id-9000', 'x', new Float32Array(12).fill(0.3))
  build(loaded.space)
  await snapshots.save(REF, loaded.space, () => true)
  expect(snapshots.load(REF, params)!.space.claim(9000, 'id-9000', 'x')).toBe(true)
  const random = randomOf(58)
  const [vectors] = files('.vectors')
  // Of another kind than asked for, it serves until it has been built anew.
  const other = snapshots.load(REF, paramsOf(12, 'Euclid'))!.space
  for (let ordinal = 400; ordinal < 1600; ordinal++) other.claim(ordinal, `id-${ordinal}`, String(ordinal + 1))
  other.settle()
  expect(other.wanted).toBe('quantization')
  for (let round = 0; round < 40; round++) {
    for (const file of readdirSync(directory)) rmSync(join(directory, file))
    for (const [file, bytes] of saved) writeFileSync(join(directory, file), bytes)
    const bytes = Buffer.from(saved.get(vectors!)!)
    if (round % 4 === 3) truncateSync(join(directory, vectors!), Math.floor(random() * 1600 * 48))
    else {
      bytes[Math.floor(random() * 1600 * 48)]! ^= 1 << Math.floor(random() * 8)
      writeFileSync(join(directory, vectors!), bytes)
    }
    expect(snapshots.load(REF, params), `round ${round}`).toBeUndefined()
    expect(readdirSync(directory)).toEqual([])
  }
})

test('[IX73] where vectors cannot be written, they stay in memory and nothing is lost', async () => {
  const params = int8(12, 'Euclid')
  let left = 700
  const files = snapshots.filesFor(REF, params)
  const space = new Space(params, PLANNER, {
    create: () => {
      const file = files.create()!
      const append = file.append.bind(file)
      // The disk is full from some point on.
      file.append = (vector) => (left-- > 0 ? append(vector) : false)
      return file
    },
  })
  const checked = new Checked(params, space)
  clustered(1500, 12, 59).forEach((vector, ordinal) => {
    checked.set(ordinal, vector)
  })
  build(space)
  expect(space.rows.held).toBeGreaterThanOrEqual(800)
  const all = { vector: new Float32Array(12), limit: 300, exact: true }
  expect(space.search(all)).toEqual(checked.exact.searchNow(REF, all))
  expect(checked.recall({ vector: new Float32Array(12).fill(0.2), limit: 10 })).toBeGreaterThan(0.7)
  await expect(snapshots.save(REF, space, () => true)).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
  const nowhere = new Checked(params, new Space(params, PLANNER, { create: () => undefined }))
  clustered(1200, 12, 60).forEach((vector, ordinal) => {
    nowhere.set(ordinal, vector)
  })
  build(nowhere.space)
  expect(nowhere.space.search(all)).toEqual(nowhere.exact.searchNow(REF, all))
  expect(nowhere.recall({ vector: new Float32Array(12).fill(0.2), limit: 10 })).toBeGreaterThan(0.7)
})

test('[IX73] a file of vectors reads what was written, in runs and one by one, and says so where it cannot', () => {
  const path = join(directory, 'x.vectors')
  const file = VectorFile.create(path, 700)
  const vectors = clustered(900, 700, 61)
  for (const vector of vectors) expect(file.append(vector)).toBe(true)
  const into = new Float32Array(700)
  file.read(417, into)
  expect(into).toEqual(vectors[417])
  const random = randomOf(62)
  const labels = Uint32Array.from({ length: 1200 }, (_, i) => (i < 800 ? i : Math.floor(random() * 900)))
  const scores = new Float32Array(1200)
  file.score('Manhattan', vectors[0]!, labels, scores)
  expect(scores[0]).toBe(0)
  for (const at of [1, 399, 800, 1199])
    expect(scores[at]).toBeCloseTo(
      vectors[labels[at]!]!.reduce((sum, value, d) => sum + Math.abs(value - vectors[0]![d]!), 0),
      1,
    )
  truncateSync(path, 700 * 4 * 20)
  expect(() => file.read(21, into)).toThrow('cannot be read')
  expect(() => VectorFile.create(path, 700)).toThrow('EEXIST')
  file.close()
  file.close()
  expect(files('.vectors')).toEqual([])
})

test('[IX70] real vectors, a few of whose numbers are large: as many are found as without codes, and a range that would cut those off is not taken', async ({
  skip,
}) => {
  const data = await realData('movies-lsa-256')
  if (!data) return skip('shared/data is not beside this checkout')
  const recallOf = (params: VectorParams): number => {
    const checked = new Checked(params)
    for (let i = 0; i < 5000; i++) checked.set(i, data.vectors.subarray(i * data.dims, (i + 1) * data.dims))
    build(checked.space)
    const queries = Array.from({ length: 60 }, (_, i) => data.queries.subarray(i * data.dims, (i + 1) * data.dims))
    return mean(queries.map((vector) => checked.recall({ vector, limit: 10 })))
  }
  const whole = recallOf(paramsOf(data.dims, 'Cosine'))
  for (const quantile of [1, 0.99]) expect(recallOf(int8(data.dims, 'Cosine', quantile))).toBeGreaterThan(whole - 0.01)
})

test('[IX70] Dot: codes find the largest products of real vectors of unlike lengths, whatever the length of the query, over a restart too', async ({
  skip,
}) => {
  const data = await realData('movies-lsa-256')
  if (!data) return skip('shared/data is not beside this checkout')
  const random = randomOf(65)
  const lengths = Array.from({ length: 5000 }, (_, i) => (i % 1000 === 3 ? 40 : 0.9 + random() * 0.2))
  const queries = Array.from({ length: 40 }, (_, i) => {
    const stretched = 10 ** ((i % 7) - 3)
    return data.queries.subarray(i * data.dims, (i + 1) * data.dims).map((value) => value * stretched)
  })
  const vectorOf = (i: number): Float32Array =>
    data.vectors.subarray(i * data.dims, (i + 1) * data.dims).map((value) => value * lengths[i]!)
  const made = (params: VectorParams): Checked => {
    const checked = new Checked(params)
    for (const i of lengths.keys()) checked.set(i, vectorOf(i))
    build(checked.space)
    return checked
  }
  const recallOf = (checked: Checked): number => mean(queries.map((vector) => checked.recall({ vector, limit: 10 })))
  const whole = recallOf(made(paramsOf(data.dims, 'Dot')))
  const params = int8(data.dims, 'Dot')
  const checked = made(params)
  expect(recallOf(checked)).toBeGreaterThan(whole - 0.02)
  expect(checked.space.current!.graph.shape).toMatchObject({ dims: data.dims * 1.125, bytes: true })
  await snapshots.save(REF, checked.space, () => true)
  const { space } = snapshots.load(REF, params)!
  // Outliers are in no graph, and come from the records.
  const far = [...checked.versions].filter(([ordinal, version]) => !space.claim(ordinal, `id-${ordinal}`, version))
  space.settle()
  expect(far.map(([ordinal]) => ordinal)).toEqual([3, 1003, 2003, 3003, 4003])
  for (const [ordinal, version] of far) space.set(ordinal, `id-${ordinal}`, version, vectorOf(ordinal))
  expect(space.wanted).toBeUndefined()
  for (const vector of queries) {
    const query = { vector, limit: 10 }
    expect(space.search(query)).toEqual(checked.space.search(query))
  }
  checked.space.close()
  space.close()
})

test('[IX78] the squares of codes have one sum, whatever is rounded or cut off, so that their distances order as their products do', () => {
  const [size, extra, random] = [48, 32, randomOf(71)]
  const quantizer = new Quantizer(0, 0.01, 1).around(Math.sqrt(9 / extra))
  const target = 9 / quantizer.step ** 2
  for (let round = 0; round < 200; round++) {
    const row = Float32Array.from({ length: size + extra }, (_, i) =>
      i < size ? (random() - 0.5) * (round % 10 === 0 ? 2 : 0.8) * random() : random() < 0.5 ? -1 : 1,
    )
    const codes = quantizer.encodeAround(row, size, 9, new Int8Array(size + extra))
    // The code of 0 is -1.
    const values = Array.from(codes, (code) => code + 1)
    const sum = values.reduce((total, value) => total + value * value, 0)
    const largest = Math.max(...values.slice(size).map(Math.abs))
    expect(Math.abs(sum - target)).toBeLessThanOrEqual(largest + 1)
    for (let i = size; i < size + extra; i++) expect(Math.sign(values[i]!)).toBe(row[i])
  }
  // What is longer than the ceiling gets nothing beside its own.
  const long = quantizer.encodeAround(new Float32Array(size + extra).fill(1), size, 9, new Int8Array(size + extra))
  expect([...long.subarray(size)]).toEqual(new Array(extra).fill(-1))
})

test('[IX70] a range leaves the rare out where that makes steps finer, and only there', () => {
  const rowsOf = (rare: number): Rows => {
    const rows = new Rows(700, 'Euclid')
    const random = randomOf(63)
    for (let i = 0; i < 500; i++) {
      const row = rows.take(Float32Array.from({ length: 700 }, (_, d) => (i === 7 && d === 3 ? rare : random())))
      rows.assign(row, i)
    }
    return rows
  }
  // One number in 350,000 a little further out is not worth larger steps for all; far out, it tells its vector from all others.
  expect(Quantizer.over(rowsOf(1.5), 0.99).step).toBeCloseTo(0.99 / 255, 4)
  expect(Quantizer.over(rowsOf(100), 0.99).step).toBeCloseTo(100 / 255, 2)
  expect(Quantizer.over(rowsOf(1.5), 1).step).toBeCloseTo(1.5 / 255, 4)
  const codes = Quantizer.over(rowsOf(1.5), 1).encode(Float32Array.of(-5, 0, 1, 1.5, 7), new Int8Array(5))
  expect([codes[0], codes[3], codes[4]]).toEqual([-128, 127, 127])
  expect(Quantizer.over(new Rows(3, 'Euclid'), 1).step).toBe(1)
})
