import { createHash } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SILENT_LOG } from '@meridian/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { idHash, UNKNOWN_ID } from './buried.js'
import { Graph } from './graph.js'
import { decodeHead, encodeHead } from './snapshot-codec.js'
import { Snapshots } from './snapshots.js'
import { Space } from './space.js'
import { clustered, paramsOf, randomOf } from './testing/data.js'

const REF = { collection: 'c-1', vector: 'title' }
const PARAMS = paramsOf(8, 'Euclid')
const VECTORS = clustered(1500, 8, 1)
let directory: string
let warnings: string[]
let snapshots: Snapshots

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'meridian-index-'))
  warnings = []
  const warn = (_fields: unknown, message: string): void => void warnings.push(message)
  snapshots = new Snapshots(directory, { ...SILENT_LOG, warn })
})
afterEach(() => rmSync(directory, { recursive: true }))

const filled = (): Space => {
  const space = new Space(PARAMS)
  VECTORS.forEach((vector, ordinal) => {
    space.set(ordinal, `id-${ordinal}`, 'v1', vector)
  })
  while (space.hasWork) space.step(() => true)
  for (let ordinal = 0; ordinal < 100; ordinal++) space.remove(ordinal)
  return space
}

const files = (): Map<string, Buffer> =>
  new Map(readdirSync(directory).map((file) => [file, readFileSync(join(directory, file))]))

const restore = (saved: ReadonlyMap<string, Buffer>): void => {
  for (const [file, bytes] of saved) writeFileSync(join(directory, file), bytes)
}

test('[IX10] a snapshot brings back every vector that was in the graph, to be claimed by id and version', async () => {
  const space = filled()
  await snapshots.save(REF, space, () => true)
  const loaded = snapshots.load(REF, PARAMS)!.space
  // Other ordinals, as after a restart.
  for (let i = 0; i < 1500; i++) expect(loaded.claim(5000 - i, `id-${i}`, 'v1')).toBe(i >= 100)
  loaded.settle()
  expect(loaded.stats()).toMatchObject({ live: 1400, pending: 0, dead: 100, state: 'ready' })
  for (const vector of VECTORS.slice(0, 50)) {
    const before = space.search({ vector, limit: 10 })
    const after = loaded.search({ vector, limit: 10 })
    expect(after).toEqual(before.map((hit) => ({ ...hit, ordinal: 5000 - hit.ordinal })))
  }
})

test('[IX10] so does one of a Dot space, whose graph holds more than the vectors', async () => {
  const space = new Space(paramsOf(8, 'Dot'))
  for (const [ordinal, vector] of VECTORS.entries()) space.set(ordinal, `id-${ordinal}`, 'v1', vector)
  while (space.hasWork) space.step(() => true)
  await snapshots.save(REF, space, () => true)
  const loaded = snapshots.load(REF, paramsOf(8, 'Dot'))!.space
  for (let i = 0; i < 1500; i++) expect(loaded.claim(i, `id-${i}`, 'v1')).toBe(true)
  const long = VECTORS[0]!.map((value) => value * 1.05)
  for (const each of [space, loaded]) each.set(1500, 'long', 'v1', long)
  for (const each of [space, loaded]) while (each.hasWork) each.step(() => true)
  expect(loaded.current!.embedding.lengths).toEqual(space.current!.embedding.lengths)
  for (const vector of VECTORS.slice(0, 50)) {
    expect(loaded.search({ vector, limit: 10 })).toEqual(space.search({ vector, limit: 10 }))
  }
})

test('[IX79] a snapshot of vectors of unlike lengths goes on as it was; one from before there were such graphs is refused', async () => {
  const random = randomOf(8)
  const params = paramsOf(8, 'Dot')
  const vectors = VECTORS.map((vector) => vector.map((value) => value * (0.2 + 2 * random())))
  const space = new Space(params)
  for (const [ordinal, vector] of vectors.slice(0, 1300).entries()) space.set(ordinal, `id-${ordinal}`, 'v1', vector)
  while (space.hasWork) space.step(() => true)
  await snapshots.save(REF, space, () => true)
  const loaded = snapshots.load(REF, params)!.space
  expect(loaded.current!.embedding.lengths).toEqual(space.current!.embedding.lengths)
  expect(loaded.current!.embedding.lengths.mean).toBeGreaterThan(0)
  for (let i = 0; i < 1300; i++) expect(loaded.claim(i, `id-${i}`, 'v1')).toBe(true)
  for (const each of [space, loaded]) {
    for (let i = 1300; i < 1500; i++) each.set(i, `id-${i}`, 'v1', vectors[i]!)
    while (each.hasWork) each.step(() => true)
  }
  for (const vector of VECTORS.slice(0, 50))
    expect(loaded.search({ vector, limit: 10 })).toEqual(space.search({ vector, limit: 10 }))
  const form = 'float32' as const
  const head = { space: REF, params, form, generation: 1, graphBytes: 1, graphDigest: new Uint8Array(32), labels: [] }
  const older = Buffer.from(encodeHead({ ...head, lengths: { ceiling: 1, mean: 0 } }).subarray(0, -32))
  older[4] = 3
  const digest = createHash('sha256').update(older).digest()
  expect(() => decodeHead(Buffer.concat([older, digest]))).toThrow('a graph of products of format 3')
  for (const [ceiling, mean] of [
    [Number.NaN, 0],
    [0, 0],
    [Number.POSITIVE_INFINITY, 0],
    [1, Number.NaN],
    [1, -1],
    [1, 2],
  ] as const)
    expect(() => decodeHead(encodeHead({ ...head, lengths: { ceiling, mean } }))).toThrow('lengths of vectors')
  const euclid = { ...head, params: PARAMS, lengths: { ceiling: 1, mean: 0.5 } }
  expect(() => decodeHead(encodeHead(euclid))).toThrow('lengths of vectors')
})

test('[IX11] what is not claimed, or of another version, is gone', async () => {
  await snapshots.save(REF, filled(), () => true)
  const loaded = snapshots.load(REF, PARAMS)!.space
  expect(loaded.claim(0, 'id-500', 'v2')).toBe(false)
  expect(loaded.claim(1, 'id-501', 'v1')).toBe(true)
  loaded.set(0, 'id-500', 'v2', new Float32Array(8))
  loaded.settle()
  expect(loaded.rows.live).toBe(2)
  expect(loaded.search({ vector: new Float32Array(8), limit: 10 }).map((hit) => hit.ordinal)).toEqual([0, 1])
})

test('[IX12] one flipped bit anywhere, or a cut, and the snapshot is refused and deleted', async () => {
  await snapshots.save(REF, filled(), () => true)
  const pristine = files()
  expect(pristine.size).toBe(2)
  const random = randomOf(2)
  for (let round = 0; round < 400; round++) {
    restore(pristine)
    const [file, bytes] = [...pristine][round % 2]!
    const at = Math.floor(random() * bytes.length)
    const damaged = Buffer.from(round % 10 === 0 ? bytes.subarray(0, at) : bytes)
    if (round % 10 !== 0) damaged[at]! ^= 1 << Math.floor(random() * 8)
    writeFileSync(join(directory, file), damaged)
    expect(snapshots.load(REF, PARAMS), `round ${round}: byte ${at} of ${file}`).toBeUndefined()
    expect(readdirSync(directory)).toEqual([])
  }
  expect(warnings).toHaveLength(400)
  restore(pristine)
  expect(snapshots.load(REF, PARAMS)).toBeDefined()
})

test('[IX13] a snapshot of other parameters, or without its graph file, is refused', async () => {
  await snapshots.save(REF, filled(), () => true)
  const pristine = files()
  expect(snapshots.load(REF, { ...PARAMS, hnsw: { m: 16, efConstruct: 100 } })).toBeUndefined()
  restore(pristine)
  expect(snapshots.load(REF, paramsOf(8, 'Dot'))).toBeUndefined()
  restore(pristine)
  expect(snapshots.load({ ...REF, vector: 'body' }, PARAMS)).toBeUndefined()
  rmSync(join(directory, [...pristine.keys()].find((file) => file.endsWith('.graph'))!))
  expect(snapshots.load(REF, PARAMS)).toBeUndefined()
  expect(warnings).toHaveLength(3)
})

test('[IX14] a newer snapshot replaces the older whole; one that nobody wants any more leaves nothing', async () => {
  const space = filled()
  await snapshots.save(REF, space, () => true)
  const first = [...files().keys()]
  space.remove(700)
  await snapshots.save(REF, space, () => true)
  const second = [...files().keys()]
  expect(second).toHaveLength(2)
  expect(second).not.toEqual(first)
  const saving = snapshots.save(REF, space, () => false)
  snapshots.drop(REF)
  await saving
  expect(readdirSync(directory)).toEqual([])
})

test('[IX14] a snapshot that cannot be written says so and leaves the older one', async () => {
  const space = filled()
  await snapshots.save(REF, space, () => true)
  const before = files()
  const graph = space.current!.graph
  // What a full disk leaves: hnswlib writes a part and reports success.
  Object.defineProperty(graph, 'write', {
    value: (path: string) => {
      Graph.prototype.write.call(graph, path)
      truncateSync(path, 10_000)
    },
  })
  await expect(snapshots.save(REF, space, () => true)).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
  expect([...files().keys()]).toEqual([...before.keys()])
  expect(snapshots.load(REF, PARAMS)).toBeDefined()
})

test('[IX14] a newer snapshot that has taken its place is whole, though the older could not be cleared away', async () => {
  const space = filled()
  await snapshots.save(REF, space, () => true)
  const [graph] = [...files().keys()].filter((file) => file.endsWith('.graph'))
  // A directory is not removed as a file is.
  const stuck = join(directory, graph!.replace(/\d+\.graph$/, '7.graph'))
  mkdirSync(stuck)
  space.remove(700)
  await expect(snapshots.save(REF, space, () => true)).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
  rmdirSync(stuck)
  const loaded = snapshots.load(REF, PARAMS)!.space
  expect(loaded.claim(0, 'id-700', 'v1')).toBe(false)
  expect(loaded.claim(1, 'id-701', 'v1')).toBe(true)
  expect(warnings).toEqual([])
})

test('[IX30] it is known whose vectors dead labels hold, over a restart too', async () => {
  const space = filled()
  expect([space.traces('id-5'), space.traces('id-5000')]).toEqual(['holds', 'clear'])
  const contents = await snapshots.save(REF, space, () => true)
  expect([idHash('id-5'), idHash('id-500'), idHash('id-5000')].map((hash) => contents.includes(hash))).toEqual([
    true,
    true,
    false,
  ])
  const loaded = snapshots.load(REF, PARAMS)!
  expect(loaded.contents).toEqual(contents)
  expect([loaded.space.traces('id-5'), loaded.space.traces('id-5000')]).toEqual(['holds', 'clear'])
  // Nobody claimed it: it is dead from then on, and still there.
  loaded.space.settle()
  expect(loaded.space.traces('id-500')).toBe('holds')
})

test('[IX30] of the dead labels of an older file it is not known whose vectors they hold', async () => {
  const [alive, dead] = [{ id: 'a', version: 'v' }, 0]
  const head = {
    space: REF,
    params: PARAMS,
    lengths: { ceiling: 1, mean: 0 },
    form: 'float32' as const,
    generation: 1,
    graphBytes: 1,
    graphDigest: new Uint8Array(32),
  }
  const bytes = encodeHead({ ...head, labels: [alive, dead] })
  // Without the mean of lengths, and the bytes that say how numbers lie and whether there are codes.
  const older = Buffer.concat([bytes.subarray(0, 20), bytes.subarray(30, -32)])
  older[4] = 1
  const digest = createHash('sha256').update(older).digest()
  expect(decodeHead(Buffer.concat([older, digest])).labels).toEqual([alive, UNKNOWN_ID])
})

test('[IX31] a graph file of another generation, which a crash may leave, is removed at start', async () => {
  await snapshots.save(REF, filled(), () => true)
  const graph = readdirSync(directory).find((file) => file.endsWith('.1.graph'))!
  writeFileSync(join(directory, graph.replace('.1.', '.7.')), 'left')
  expect(snapshots.load(REF, PARAMS)).toBeDefined()
  expect(readdirSync(directory).filter((file) => file.endsWith('.graph'))).toEqual([graph])
})
