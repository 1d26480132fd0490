import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { METRICS } from '@meridian/core'
import hnswlib from 'hnswlib-node'
import { afterAll, describe, expect, test } from 'vitest'
import { ENGINE, Graph } from './graph.js'
import { clustered, randomOf } from './testing/data.js'
import { NATIVE_METRICS, scoreInJs } from './vector-scan.js'

const directory = mkdtempSync(join(tmpdir(), 'meridian-addon-'))
afterAll(() => rmSync(directory, { recursive: true }))

/** A graph of fourteen points in three dimensions, the fifth marked dead, as hnswlib-node 3.0.0 writes it unpatched. */
const STOCK_FILE = Buffer.from(
  'AAAAAAAAAAAQAAAAAAAAAA4AAAAAAAAAKAAAAAAAAAAgAAAAAAAAABQAAAAAAAAABAAAAAsAAAACAAAAAAAAAAQAAAAAAAAAAgAAAAAAAAD+gitlRxX3PwgAAAAAAAAAAgAAAAYAAAAKAAAABQAAAAYAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAAAACAAAACwAAAAQAAAAFAAAAAACAPwAAoEAAAIA/AQAAAAAAAAADAAAADAAAAAMAAAANAAAADAAAAAAAAEAAAEBAAACAQAIAAAAAAAAAAwAAAAAAAAACAAAABwAAAAAAAAAAAEBAAACAPwAAgEADAAAAAAAAAAIAAAABAAAACAAAAAAAAAAAAAAAAAAAAAAAwEAAAIA/BAAAAAAAAAAEAAEAAAAAAAEAAAAGAAAACQAAAAAAgD8AAIBAAAAAAAUAAAAAAAAABAAAAAAAAAAFAAAACQAAAAoAAAAAAABAAAAAQAAAgD8GAAAAAAAAAAIAAAAAAAAAAwAAAAAAAAAAAAAAAABAQAAAAAAAAIBABwAAAAAAAAADAAAABAAAAAIAAAAMAAAAAAAAAAAAAAAAAKBAAACAQAgAAAAAAAAAAgAAAAYAAAAFAAAAAAAAAAAAAAAAAIA/AABAQAAAgD8JAAAAAAAAAAIAAAAAAAAABgAAAAAAAAAAAAAAAAAAQAAAgD8AAAAACgAAAAAAAAABAAAAAQAAAAAAAAAAAAAAAAAAAAAAQEAAAMBAAACAPwsAAAAAAAAAAwAAAAIAAAAIAAAADQAAAAAAAAAAAAAAAACAQAAAgEAMAAAAAAAAAAIAAAAMAAAAAgAAAAAAAAAAAAAAAACAPwAAAEAAAIBADQAAAAAAAAAYAAAAAgAAAAQAAAAGAAAAAQAAAAsAAAAAAAAAAAAAAAAAAAAAAAAADAAAAAIAAAAAAAAACwAAAAAAAAAMAAAAAgAAAA0AAAAAAAAAAAAAAAAAAAAAAAAAAAAAADAAAAACAAAABgAAAAQAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADAAAAAEAAAAGAAAAAAAAAA==',
  'base64',
)
const stockPoints = Array.from({ length: 14 }, (_, i) => Float32Array.of(i % 4, (i * 5) % 7, (i * i) % 5))

describe.each(hnswlib.simdKernels())('kernel %s', (kernel) => {
  const random = randomOf(7)
  /** Starts one element into its buffer, so that no load is aligned. */
  const vectorOf = (dims: number): Float32Array => new Float32Array(dims + 1).map(() => random() * 4 - 2).subarray(1)

  test.each(['l2', 'ip'] as const)('[NA1] %s agrees with doubles at every length, tails included', (distance) => {
    const Space = distance === 'l2' ? hnswlib.L2Space : hnswlib.InnerProductSpace
    for (const dims of [...Array.from({ length: 67 }, (_, i) => i + 1), 127, 255, 784]) {
      const a = vectorOf(dims)
      const b = vectorOf(dims)
      let sum = 0
      let magnitude = 1
      for (let i = 0; i < dims; i++) {
        const term = distance === 'l2' ? (a[i]! - b[i]!) ** 2 : a[i]! * b[i]!
        sum += term
        magnitude += Math.abs(term)
      }
      const found = new Space(dims, kernel).distance(a, b)
      const error = Math.abs(found - (distance === 'l2' ? sum : 1 - sum))
      // Rounding of each addition; one element left out would be far more.
      expect(error, `${dims} dimensions`).toBeLessThan((dims / 4 + 8) * 2 ** -24 * magnitude)
      expect(new Space(dims, kernel).distance([...a], [...b])).toBe(found)
    }
  })

  test('[NA1] a graph built with it finds what lies next', () => {
    const graph = new hnswlib.HierarchicalNSW('l2', 19, kernel)
    const vectors = clustered(300, 19, 3)
    graph.initIndex(300, 16, 100)
    vectors.forEach((vector, label) => {
      graph.addPoint(vector, label)
    })
    for (const [label, vector] of vectors.entries()) expect(graph.searchKnn(vector, 1).neighbors[0]).toBe(label)
  })
})

test('[NA2] the kernel in use is the best one, and has a name', () => {
  expect(hnswlib.simdKernel()).toBe(hnswlib.simdKernels()[0])
  expect(ENGINE.kernel).toBe(hnswlib.simdKernel())
  expect(() => new hnswlib.L2Space(3, 'none' as never)).toThrow('kernel')
})

test('[NA3] vectors come and go as Float32Array, with the results of arrays', () => {
  const graph = new hnswlib.HierarchicalNSW('cosine', 24)
  const twin = new hnswlib.HierarchicalNSW('cosine', 24)
  const vectors = clustered(400, 24, 5)
  for (const index of [graph, twin]) index.initIndex(400)
  vectors.forEach((vector, label) => {
    graph.addPoint(vector, label)
    twin.addPoint([...vector], label)
  })
  const found = graph.searchKnn(vectors[7]!, 12)
  expect(found.distances).toBeInstanceOf(Float32Array)
  expect(found.neighbors).toBeInstanceOf(Uint32Array)
  expect(twin.searchKnn([...vectors[7]!], 12)).toEqual({
    distances: [...found.distances],
    neighbors: [...found.neighbors],
  })
  expect([...graph.getPoint(7, true)]).toEqual(twin.getPoint(7))
})

test('[NA4] bits filter as a function does, at every selectivity', () => {
  const graph = new hnswlib.HierarchicalNSW('l2', 12)
  const vectors = clustered(3000, 12, 6)
  graph.initIndex(3000)
  vectors.forEach((vector, label) => {
    graph.addPoint(vector, label)
  })
  for (let label = 0; label < 3000; label += 7) graph.markDelete(label)
  const random = randomOf(8)
  for (const share of [0, 0.01, 0.3, 0.95, 1]) {
    // Shorter than the labels: those beyond are not allowed.
    const bits = new Uint8Array(350)
    for (let label = 0; label < 2800; label++) if (random() < share) bits[label >> 3]! |= 1 << (label & 7)
    const allows = (label: number): boolean => ((bits[label >> 3] ?? 0) & (1 << (label & 7))) !== 0
    for (const query of vectors.slice(0, 20)) {
      const found = graph.searchKnn(query, 10, bits)
      expect(found).toEqual(graph.searchKnn(query, 10, allows))
      expect([...found.neighbors].every((label) => allows(label) && label % 7 !== 0)).toBe(true)
      expect(found.neighbors.length).toBe(share < 0.01 ? 0 : 10)
    }
  }
})

test('[NA15] with deleted points among the others the same are found as with a filter that lets all through, few or many, scattered or dense', () => {
  const vectors = clustered(3000, 12, 9)
  const all = new Uint8Array(375).fill(0xff)
  const random = randomOf(10)
  const distance = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0)
  const around = vectors[0]!
  const nearest = [...vectors.keys()].sort((a, b) => distance(vectors[a]!, around) - distance(vectors[b]!, around))
  const scattered = (share: number): number[] => nearest.filter(() => random() < share)
  const cases = [
    nearest.slice(0, 1),
    scattered(0.05),
    scattered(0.3),
    scattered(0.9),
    nearest.slice(0, 1500),
    nearest.slice(5),
    nearest,
  ]
  for (const dead of cases) {
    const graph = new hnswlib.HierarchicalNSW('l2', 12)
    graph.initIndex(3000)
    vectors.forEach((vector, label) => {
      graph.addPoint(vector, label)
    })
    for (const label of dead) graph.markDelete(label)
    const isDead = new Set(dead)
    for (const ef of [1, 10, 60, 3000]) {
      graph.setEf(ef)
      for (const query of [around, ...vectors.slice(100, 110)]) {
        const found = graph.searchKnn(query, 10)
        expect(found).toEqual(graph.searchKnn(query, 10, all))
        expect([...found.neighbors].some((label) => isDead.has(label))).toBe(false)
        if (ef >= 60) expect(found.neighbors.length).toBe(Math.min(10, 3000 - isDead.size))
      }
    }
  }
})

/** Tells the megabytes of the process while a thread holds 40 of them in pieces, and when it has freed them. */
const FREEING = `
const { Worker } = require('node:worker_threads')
const { readFileSync } = require('node:fs')
const [addon, limit] = process.argv.slice(1)
if (limit === 'limited') require(addon).limitFreeMemory()
const own = () => Number(/RssAnon:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))[1]) / 1024
const worker = new Worker(\`
  const { parentPort } = require('node:worker_threads')
  // A large block that is freed: glibc keeps twice as much from then on.
  Buffer.alloc(20 << 20, 1)
  gc()
  const held = Array.from({ length: 400 }, () => Buffer.alloc(100 << 10, 1))
  parentPort.postMessage(held.length)
  parentPort.once('message', () => {
    held.length = 0
    gc()
    setImmediate(() => { gc(); parentPort.postMessage(0) })
  })
\`, { eval: true })
const told = []
worker.on('message', (count) => {
  told.push(own())
  if (count > 0) return worker.postMessage('free')
  console.log(JSON.stringify(told))
  process.exit(0)
})
`

const isGlibc =
  process.platform === 'linux' &&
  (process.report.getReport() as { header?: { glibcVersionRuntime?: string } }).header?.glibcVersionRuntime !==
    undefined

test.runIf(isGlibc)('[IX48] what a thread freed goes back to the system, though the allocator would keep it', () => {
  const addon = createRequire(import.meta.url).resolve('hnswlib-node')
  const freed = (limit: string): number => {
    const args = ['--expose-gc', '-e', FREEING, addon, limit]
    const child = spawnSync(process.execPath, args, { encoding: 'utf8' })
    const [held, after] = JSON.parse(child.stdout) as [number, number]
    return held - after
  }
  expect(freed('limited')).toBeGreaterThan(30)
  expect(freed('not')).toBeLessThan(10)
})

test('[NA5] whatever is handed to it, the process lives and gets an exception', () => {
  const addon = createRequire(import.meta.url).resolve('hnswlib-node')
  const child = spawnSync(process.execPath, ['-e', ABUSE, addon, join(directory, 'abused')], { encoding: 'utf8' })
  expect({ signal: child.signal, status: child.status, stderr: child.stderr }).toEqual({
    signal: null,
    status: 0,
    stderr: '',
  })
  const { accepted, refused } = JSON.parse(child.stdout) as { accepted: string[]; refused: string[] }
  expect(accepted).toEqual([])
  expect(refused.length).toBeGreaterThan(40)
  expect(refused.filter((line) => line.includes('the words of the filter')).length).toBe(1)
})

const ABUSE = `
const { HierarchicalNSW, L2Space } = require(process.argv[1])
const fs = require('node:fs')
const file = process.argv[2]
const accepted = [], refused = []
const abuse = (name, run) => {
  try { run(); accepted.push(name) } catch (error) { refused.push(name + ': ' + error.message) }
}
const index = new HierarchicalNSW('l2', 3)
abuse('search before initIndex', () => index.searchKnn([1, 2, 3], 1))
index.initIndex(100)
for (let i = 0; i < 60; i++) index.addPoint(Float32Array.of(i, i, i), i)
for (const bad of ['1', null, undefined, {}, [], true, 1n, Symbol('s')]) {
  abuse('add ' + String(bad), () => index.addPoint([1, bad, 3], 60))
  abuse('search ' + String(bad), () => index.searchKnn([1, bad, 3], 1))
  abuse('distance ' + String(bad), () => new L2Space(3).distance([1, bad, 3], [1, 2, 3]))
}
abuse('hole', () => index.addPoint([1, , 3], 60))
abuse('getter', () => index.addPoint(Object.defineProperty([1, 2, 3], 1, { get() { throw new Error('x') } }), 60))
abuse('length', () => index.addPoint(new Float32Array(4), 60))
abuse('doubles', () => index.addPoint(new Float64Array(3), 60))
const gone = new Float32Array(3)
structuredClone(gone, { transfer: [gone.buffer] })
abuse('detached', () => index.addPoint(gone, 60))
for (const label of [-1, 1.5, 2 ** 32, NaN, Infinity, '3']) {
  abuse('label ' + label, () => index.addPoint([1, 2, 3], label))
  abuse('delete ' + label, () => index.markDelete(label))
}
abuse('absent label', () => index.markDelete(99))
for (const k of [-1, 1.5, 101]) abuse('k ' + k, () => index.searchKnn([1, 2, 3], k))
abuse('filter throws', () => index.searchKnn([1, 2, 3], 3, () => { throw new Error('the words of the filter') }))
abuse('filter changes the index', () => index.searchKnn([1, 2, 3], 3, () => index.initIndex(5)))
abuse('filter of another type', () => index.searchKnn([1, 2, 3], 3, new Uint16Array(9)))
abuse('m of 1', () => new HierarchicalNSW('l2', 3).initIndex(10, 1))
abuse('dims', () => new HierarchicalNSW('l2', -1))
abuse('too large', () => new HierarchicalNSW('l2', 2 ** 31).initIndex(2 ** 32 - 1))
abuse('no folder', () => index.writeIndexSync('/nonexistent/folder/file'))
if (fs.existsSync('/dev/full')) abuse('full device', () => index.writeIndexSync('/dev/full'))
abuse('no file', () => index.readIndexSync('/nonexistent'))
index.writeIndexSync(file)
const other = new HierarchicalNSW('l2', 4)
abuse('file of another space', () => other.readIndexSync(file))
fs.truncateSync(file, fs.statSync(file).size - 9)
abuse('cut file', () => index.readIndexSync(file))
// After a refusal the index is what it was.
if (index.searchKnn(Float32Array.of(7, 7, 7), 1).neighbors[0] !== 7) accepted.push('index lost')
console.log(JSON.stringify({ accepted, refused }))
`

test('[NA6] no bit of a file, flipped (one in five is tried), leads a search out of its memory', () => {
  const addon = createRequire(import.meta.url).resolve('hnswlib-node')
  const path = join(directory, 'stock.graph')
  writeFileSync(path, STOCK_FILE)
  const child = spawnSync(process.execPath, ['-e', FLIPS, addon, path], { encoding: 'utf8' })
  expect({ signal: child.signal, status: child.status }).toEqual({ signal: null, status: 0 })
  const { read, refused } = JSON.parse(child.stdout) as { read: number; refused: number }
  // Vectors, unused links and most of the capacity are not checked; offsets, counts and links are.
  expect(refused).toBeGreaterThan(200)
  expect(read + refused).toBeGreaterThan(1200)
})

const FLIPS = `
const { HierarchicalNSW } = require(process.argv[1])
const fs = require('node:fs')
const path = process.argv[2]
const whole = fs.readFileSync(path)
let read = 0, refused = 0
const flip = (bit) => {
  if (bit >= whole.length * 8) return void console.log(JSON.stringify({ read, refused }))
  const damaged = Buffer.from(whole)
  damaged[bit >> 3] ^= 1 << (bit & 7)
  const index = new HierarchicalNSW('l2', 3)
  // A larger capacity is a legitimate one.
  if (damaged.readBigUInt64LE(8) < 5000n) {
    fs.writeFileSync(path, damaged)
    try {
      index.readIndexSync(path)
      index.searchKnn(Float32Array.of(1, 2, 3), 3)
      index.resizeIndex(40)
      index.addPoint(Float32Array.of(1, 2, 4), 30)
      read++
    } catch { refused++ }
  }
  // Native memory goes when the collector has had its turn.
  if (bit % 50 === 0) setImmediate(flip, bit + 5)
  else flip(bit + 5)
}
flip(0)
`

test('[NA7] files of the published addon are read, and written to the byte', () => {
  const shape = { dims: 3, distance: 'l2', hnsw: { m: 2, efConstruct: 8 } } as const
  const path = join(directory, 'golden.graph')
  writeFileSync(path, STOCK_FILE)
  const loaded = Graph.load(shape, path, 14, [5])
  expect(loaded.live).toBe(13)
  expect(loaded.search(Float32Array.of(1, 2, 3), 3, 14)[0]).toBe(13)
  const built = new hnswlib.HierarchicalNSW('l2', 3)
  built.initIndex(16, 2, 8)
  stockPoints.forEach((point, label) => {
    built.addPoint(point, label)
  })
  built.markDelete(5)
  built.writeIndexSync(path)
  expect(readFileSync(path).equals(STOCK_FILE)).toBe(true)
})

test('[NA10] the same insertions give the same bytes with every kernel, and whether or not it is remembered which links were selected together', () => {
  const dims = 300
  const random = randomOf(21)
  // Sums of small integers are exact, in whatever order.
  const points = clustered(700, dims, 22).map((vector) => vector.map((value) => Math.round(value * 3)))
  const build = (name: string, kernel: hnswlib.SimdKernel, isForgetful: boolean): Buffer => {
    const graph = new hnswlib.HierarchicalNSW('l2', dims, kernel)
    graph.initIndex(1024, 4, 40)
    points.forEach((point, label) => {
      graph.addPoint(point, label)
      // To set the only point again changes nothing else.
      if (isForgetful && label === 0) graph.addPoint(point, label)
    })
    const path = join(directory, name)
    graph.writeIndexSync(path)
    graph.setEf(60)
    let found = 0
    for (let i = 0; i < 50; i++) {
      const query = points[Math.floor(random() * points.length)]!.map((value) => value + Math.round(random()))
      const truth = points.map((point) => point.reduce((sum, value, at) => sum + (value - query[at]!) ** 2, 0))
      const { neighbors, distances } = graph.searchKnn(query, 10)
      // A distance that was given up half way would be too small.
      expect([...distances]).toEqual(Array.from(neighbors, (label) => truth[label]))
      const tenth = [...truth].sort((a, b) => a - b)[9]!
      found += distances.filter((distance) => distance <= tenth).length
    }
    expect(found).toBeGreaterThan(450)
    return readFileSync(path)
  }
  const bytes = build('plain', 'scalar', true)
  for (const kernel of hnswlib.simdKernels()) {
    expect(build(kernel, kernel, false).equals(bytes), kernel).toBe(true)
  }
})

test('[NA5] a scan of what it should not see is an exception too, and the process lives', () => {
  const addon = createRequire(import.meta.url).resolve('hnswlib-node')
  const child = spawnSync(process.execPath, ['-e', SCAN_ABUSE, addon], { encoding: 'utf8' })
  expect({ signal: child.signal, status: child.status, stderr: child.stderr }).toEqual({
    signal: null,
    status: 0,
    stderr: '',
  })
  const { accepted, refused } = JSON.parse(child.stdout) as { accepted: string[]; refused: string[] }
  expect(accepted).toEqual([])
  expect(refused.length).toBeGreaterThan(20)
})

const SCAN_ABUSE = `
const { scoreVectors } = require(process.argv[1])
const accepted = [], refused = []
const query = Float32Array.of(1, 2, 3), blocks = [new Float32Array(12), new Float32Array(6)]
const positions = Uint32Array.of(0, 3, 5), scores = new Float32Array(3)
const good = ['dot', query, blocks, 4, positions, scores]
const abuse = (name, ...args) => {
  try { scoreVectors(...args); accepted.push(name) } catch (error) { refused.push(name + ': ' + error.message) }
}
const swap = (at, ...values) => values.forEach((value, i) => abuse(at + '/' + i, ...good.with(at, value)))
scoreVectors(...good)
for (let n = 0; n < 6; n++) abuse('arguments ' + n, ...good.slice(0, n))
const gone = (array) => { structuredClone(array, { transfer: [array.buffer] }); return array }
swap(0, 'jaccard', 1, null)
swap(1, [1, 2, 3], new Float64Array(3), new Float32Array(0), gone(new Float32Array(3)))
swap(2, null, [], [new Float32Array(12)], [new Float32Array(12), new Float32Array(5)], [new Float32Array(12), [1]],
  [gone(new Float32Array(12)), new Float32Array(6)], ['x'], new Float32Array(12))
swap(3, 0, -1, 1.5, NaN, 2 ** 32, '4', 3)
swap(4, [0], Uint32Array.of(6), Uint32Array.of(4294967295), new Int32Array(1))
swap(5, new Float32Array(2), new Float64Array(3), gone(new Float32Array(3)))
abuse('getter', 'dot', query, { __proto__: null }, 4, positions, scores)
// What a getter takes away is not read, and what it changes is not followed.
const sly = [null, blocks[1]]
const late = new Float32Array(3), where = Uint32Array.of(0, 3, 5)
Object.defineProperty(sly, 0, { get() { where.fill(4000000000); gone(late); return blocks[0] } })
abuse('detached by a getter', 'dot', late, sly, 4, where, scores)
abuse('thrown by a getter', 'dot', query, Object.defineProperty([], 0, { get() { throw new Error('x') } }), 4, positions, scores)
scoreVectors('dot', query, blocks, 4, new Uint32Array(0), scores)
console.log(JSON.stringify({ accepted, refused }))
`

test.each(METRICS)(
  '[NA12] %s: the vectors of labels are scored where they lie, to the bits of the plain loop',
  (metric) => {
    const random = randomOf(41)
    for (const dims of [1, 3, 16, 33, 300]) {
      const graph = new hnswlib.HierarchicalNSW('l2', dims)
      graph.initIndex(10)
      const vectors = Array.from({ length: 400 }, () => new Float32Array(dims).map(() => random() * 4 - 2))
      for (const [label, vector] of vectors.entries()) {
        if (label === graph.getMaxElements()) graph.resizeIndex(label + 37)
        // Labels in order, and from some point on others than those of the elements.
        graph.addPoint(vector, label < 300 ? label : label * 10)
      }
      for (let label = 0; label < 300; label += 4) graph.markDelete(label)
      const labelled = Uint32Array.from({ length: 700 }, () => Math.floor(random() * 400))
      const labels = labelled.map((at) => (at < 300 ? at : at * 10))
      for (const length of new Set([dims, Math.ceil(dims / 2)])) {
        const query = new Float32Array(length).map(() => random() - 0.5)
        const blocks = vectors.map((vector) => vector.subarray(0, length))
        const expected = new Float32Array(700)
        scoreInJs(metric, query, blocks, 1, labelled, expected)
        for (const isPlain of [false, true]) {
          const found = new Float32Array(700)
          graph.scoreLabels!(NATIVE_METRICS[metric], query, labels, found, isPlain)
          expect([...new Uint32Array(found.buffer)]).toEqual([...new Uint32Array(expected.buffer)])
        }
      }
      for (const at of [0, 4, 17, 299, 300, 399]) {
        const into = new Float32Array(Math.ceil(dims / 2))
        graph.readPoint(at < 300 ? at : at * 10, into)
        expect(into).toEqual(vectors[at]!.subarray(0, into.length))
      }
    }
  },
)

test('[NA5] labels that there are not, and arrays that do not fit, are exceptions', () => {
  const graph = new hnswlib.HierarchicalNSW('l2', 3)
  const query = Float32Array.of(1, 2, 3)
  const scores = new Float32Array(2)
  const detached = new Float32Array(3)
  structuredClone(detached, { transfer: [detached.buffer] })
  expect(() => graph.readPoint(0, new Float32Array(3))).toThrow(RangeError)
  expect(() => graph.scoreLabels!('dot', query, Uint32Array.of(0), scores)).toThrow(RangeError)
  graph.initIndex(5)
  graph.addPoint(query, 0)
  for (const [label, into] of [
    [1, new Float32Array(3)],
    [-1, new Float32Array(3)],
    [0.5, new Float32Array(3)],
    [2 ** 32, new Float32Array(3)],
    [0, new Float32Array(4)],
    [0, [1, 2, 3]],
    ['0', new Float32Array(3)],
  ])
    expect(() => graph.readPoint(label as number, into as Float32Array)).toThrow()
  for (const args of [
    ['jaccard', query, Uint32Array.of(0), scores],
    [null, query, Uint32Array.of(0), scores],
    ['dot', new Float32Array(4), Uint32Array.of(0), scores],
    ['dot', new Float32Array(0), Uint32Array.of(0), scores],
    ['dot', detached, Uint32Array.of(0), scores],
    ['dot', [1, 2, 3], Uint32Array.of(0), scores],
    ['dot', query, Uint32Array.of(1), scores],
    ['dot', query, Uint32Array.of(0, 4294967295), scores],
    ['dot', query, [0], scores],
    ['dot', query, Uint32Array.of(0, 0, 0), scores],
    ['dot', query, Uint32Array.of(0), new Float64Array(2)],
    ['dot', query, Uint32Array.of(0)],
  ])
    expect(() => (graph.scoreLabels as (...args: unknown[]) => void)(...args), String(args[0])).toThrow()
  graph.scoreLabels!('dot', query, Uint32Array.of(0, 0), scores)
  expect([...scores]).toEqual([14, 14])
  graph.scoreLabels!('dot', query, new Uint32Array(0), scores)
})

test.each(hnswlib.simdKernels())(
  '[NA13] kernel %s: a graph of bytes has exact distances, and finds what lies next',
  (kernel) => {
    const random = randomOf(43)
    const byte = (): number => Math.floor(random() * 256) - 128
    for (const dims of [1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 255, 256, 257, 784, 1100]) {
      const graph = new hnswlib.HierarchicalNSW('l2-int8', dims, kernel)
      graph.initIndex(60, 8, 40)
      const vectors = Array.from({ length: 60 }, () => new Int8Array(dims).map(byte))
      // The largest sum that there can be.
      vectors[0]!.fill(-128)
      vectors[1]!.fill(127)
      for (const [label, vector] of vectors.entries()) graph.addPoint(vector, label)
      const query = vectors[1]!
      const truth = vectors.map((vector) => vector.reduce((sum, value, i) => sum + (value - query[i]!) ** 2, 0))
      const scores = new Float32Array(60)
      graph.scoreLabels!('euclid', query, Uint32Array.from(vectors.keys()), scores)
      expect([...scores]).toEqual(truth.map((sum) => Math.fround(Math.sqrt(Math.fround(sum)))))
      graph.setEf(20)
      const { neighbors, distances } = graph.searchKnn(query, 10)
      // Rounded once.
      expect([...distances]).toEqual(Array.from(neighbors, (label) => Math.fround(truth[label]!)))
      expect(distances[0]).toBe(0)
      const into = new Int8Array(Math.ceil(dims / 2))
      graph.readPoint(7, into)
      expect(into).toEqual(vectors[7]!.subarray(0, into.length))
    }
  },
)

test('[NA13] the longest vectors of bytes do not overflow, longer ones and others are exceptions', () => {
  const graph = new hnswlib.HierarchicalNSW('l2-int8', 65_536)
  graph.initIndex(2, 2, 4)
  graph.addPoint(new Int8Array(65_536).fill(-128), 0)
  expect(graph.searchKnn(new Int8Array(65_536).fill(127), 1).distances[0]).toBe(65_536 * 255 ** 2)
  expect(() => new hnswlib.HierarchicalNSW('l2-int8', 65_537)).toThrow('dimensions')
  const small = new hnswlib.HierarchicalNSW('l2-int8', 3)
  small.initIndex(2)
  small.addPoint(new Int8Array(3), 0)
  const scores = new Float32Array(1)
  for (const wrong of [[1, 2, 3], new Float32Array(3), new Uint8Array(3), new Int8Array(4)]) {
    expect(() => small.addPoint(wrong as Int8Array, 1)).toThrow()
    expect(() => small.searchKnn(wrong as Int8Array, 1)).toThrow()
    expect(() => small.scoreLabels!('euclid', wrong as Int8Array, Uint32Array.of(0), scores)).toThrow()
  }
  expect(() => small.scoreLabels!('dot', new Int8Array(3), Uint32Array.of(0), scores)).toThrow(RangeError)
  expect(() => small.scoreLabels!('euclid', new Int8Array(2), Uint32Array.of(0), scores)).toThrow(RangeError)
  expect(() => small.readPoint(0, new Float32Array(3))).toThrow(TypeError)
  expect(() => small.getPoint(0)).toThrow('readPoint')
  expect(() => small.getPoint(0, true)).toThrow('readPoint')
})

test('[NA11] a thread that is ended within a call does not take the process along', () => {
  const addon = createRequire(import.meta.url).resolve('hnswlib-node')
  const child = spawnSync(process.execPath, ['-e', ENDED, addon], { encoding: 'utf8' })
  expect({ signal: child.signal, status: child.status, stdout: child.stdout, stderr: child.stderr }).toEqual({
    signal: null,
    status: 0,
    stdout: 'lived\n',
    stderr: '',
  })
})

const ENDED = `
const { Worker } = require('node:worker_threads')
const calls = \`
const { parentPort, workerData } = require('node:worker_threads')
const { HierarchicalNSW, scoreVectors } = require(workerData.addon)
const index = new HierarchicalNSW('l2', 64)
index.initIndex(300)
const vector = new Float32Array(64).fill(1)
for (let i = 0; i < 300; i++) index.addPoint(vector, i)
const scores = new Float32Array(300), positions = new Uint32Array(300)
parentPort.postMessage('busy')
if (workerData.scans) for (;;) scoreVectors('dot', vector, [vector], 1, positions, scores)
for (;;) index.searchKnn(vector, 300)
\`
const one = (scans) => new Promise((resolve) => {
  const worker = new Worker(calls, { eval: true, workerData: { addon: process.argv[1], scans } })
  worker.on('message', () => setImmediate(() => worker.terminate()))
  worker.on('exit', resolve)
})
const all = async () => {
  for (let i = 0; i < 12; i++) await one(i % 2 === 0)
  console.log('lived')
}
all()
`
