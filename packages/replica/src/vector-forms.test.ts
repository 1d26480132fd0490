import {
  type CollectionConfig,
  datatypeOf,
  fromHalf,
  HNSW_DEFAULT,
  type RecordOp,
  toHalf,
  type VectorValue,
} from '@meridian/core'
import { expect, test } from 'vitest'
import { converge, patch, TestNode } from './test-node.js'
import { TestTime } from './test-time.js'

const CONFIG: CollectionConfig = {
  vectors: { rows: { size: 2, metric: 'Dot', hnsw: HNSW_DEFAULT, multi: 'max_sim' } },
  sparse: { words: { modifier: 'none' } },
  shards: 2,
}
const words = (indices: number[], values: number[]): VectorValue => ({
  indices: Uint32Array.from(indices),
  values: Float32Array.from(values),
})
const rows = (...data: number[]): VectorValue => ({ dims: 2, data: Float32Array.from(data) })
const put = (id: number, vectors: Record<string, VectorValue>): RecordOp => ({
  ...{ kind: 'put', id, payload: {}, vectors: new Map(Object.entries(vectors)) },
})

const found = (node: TestNode, name: string, vector: VectorValue): [unknown, number][] => {
  const collection = node.replica.collection('c')
  const hits = node.index.searchNow(collection.space(name), { vector, limit: 10 })
  return hits.map(({ ordinal, score }): [unknown, number] => [collection.id(ordinal), score]).sort()
}

test('[VF10] sparse vectors and multivectors replicate, are searchable, and survive a restart', () => {
  const time = new TestTime()
  const [eu, us] = [new TestNode(time, 'eu', 1), new TestNode(time, 'us', 2)]
  eu.create('c', CONFIG)
  us.create('c', CONFIG)
  eu.link(us)
  converge(time, eu, us)
  eu.write([put(1, { words: words([1, 9], [1, 2]), rows: rows(1, 0, 0, 1) }), put(2, { words: words([9], [5]) })])
  us.write([put(3, { rows: rows(2, 2) })])
  converge(time, eu, us)
  us.write([patch(1, {}, { vectors: new Map([['words', words([9], [3])]]) }), patch(2, {}, { dropVectors: ['words'] })])
  converge(time, eu, us)
  us.restart()
  for (const node of [eu, us]) {
    expect(node.replica.collections()).toHaveLength(1)
    expect(found(node, 'words', words([1, 9], [1, 1]))).toEqual([[1, 3]])
    expect(found(node, 'rows', rows(1, 1))).toEqual([
      [1, 1],
      [3, 4],
    ])
    const collection = node.replica.collection('c')
    expect(collection.vector(collection.find(1)!, 'words')).toEqual(words([9], [3]))
    expect(collection.vector(collection.find(1)!, 'rows')).toEqual(rows(1, 0, 0, 1))
  }
  expect(eu.digests()).toEqual(us.digests())
})

test('[VF14] numbers are rounded to the datatype of their space before anything sees them, and stored in as few bytes', () => {
  const time = new TestTime()
  const [eu, us] = [new TestNode(time, 'eu', 1), new TestNode(time, 'us', 2)]
  const space = { size: 64, metric: 'Euclid', hnsw: HNSW_DEFAULT } as const
  const config: CollectionConfig = {
    vectors: {
      whole: space,
      halves: { ...space, datatype: 'float16' },
      bytes: { ...space, datatype: 'uint8' },
      rows: { ...space, size: 2, datatype: 'uint8', multi: 'max_sim' },
    },
    shards: 1,
  }
  eu.create('c', config)
  eu.link(us)
  converge(time, eu, us)
  const vector = Float32Array.from({ length: 64 }, (_, i) => i * 4.1)
  const bytesOfBlocks = (node: TestNode): number => node.replica.status().storage.blockBytes
  const grown: Record<string, number> = {}
  for (const [n, name] of ['whole', 'halves', 'bytes'].entries()) {
    const before = bytesOfBlocks(eu)
    eu.write([put(n, { [name]: vector })])
    grown[name] = bytesOfBlocks(eu) - before
  }
  // But for names and lengths.
  expect(Math.abs(grown.whole! - grown.halves! - 64 * 2)).toBeLessThan(4)
  expect(Math.abs(grown.whole! - grown.bytes! - 64 * 3)).toBeLessThan(4)
  us.write([put(4, { rows: rows(1.9, -3, 300, 7) })])
  eu.write([put(5, { bytes: new Float32Array(64) })])
  converge(time, eu, us)
  // A resolver is shown what will be stored of a write that is not durable yet.
  const seen: unknown[] = []
  const outcome = us.await<unknown>((done) => {
    us.replica.write({ collection: 'c', ops: [put(6, { bytes: new Float32Array(64).fill(3.7) })] }, () => {})
    us.replica.write(
      {
        collection: 'c',
        ops: (collection) => {
          seen.push(collection.vector(collection.find(6)!, 'bytes'))
          return [patch(5, {}, { vectors: new Map([['bytes', new Float32Array(64).fill(9.7)]]) })]
        },
      },
      done,
    )
  })
  expect([outcome.error, seen]).toEqual([undefined, [new Float32Array(64).fill(3)]])
  converge(time, eu, us)
  const halves = vector.map((number) => fromHalf(toHalf(number)))
  expect(halves).not.toEqual(vector)
  const check = (node: TestNode): void => {
    const collection = node.replica.collection('c')
    const at = (id: number, name: string) => collection.vector(collection.find(id)!, name)
    expect(at(0, 'whole')).toEqual(vector)
    expect(at(1, 'halves')).toEqual(halves)
    expect(at(2, 'bytes')).toEqual(vector.map(Math.trunc).map((number) => Math.min(255, number)))
    expect(at(4, 'rows')).toEqual(rows(1, 0, 255, 7))
    expect(at(5, 'bytes')).toEqual(new Float32Array(64).fill(9))
    expect(found(node, 'halves', halves)).toEqual([[1, 0]])
    expect(found(node, 'bytes', new Float32Array(64).fill(9))).toContainEqual([5, 0])
  }
  for (const node of [eu, us]) check(node)
  us.restart()
  for (const node of [eu, us]) check(node)
  expect(eu.digests()).toEqual(us.digests())
})

test('[VF14] collections of one name whose spaces have unlike datatypes are two', () => {
  const time = new TestTime()
  const [eu, us] = [new TestNode(time, 'eu', 1), new TestNode(time, 'us', 2)]
  const space = { size: 2, metric: 'Dot', hnsw: HNSW_DEFAULT } as const
  eu.create('c', { vectors: { '': space }, shards: 1 })
  us.create('c', { vectors: { '': { ...space, datatype: 'float16' } }, shards: 1 })
  eu.link(us)
  converge(time, eu, us)
  for (const node of [eu, us])
    expect(node.replica.collections().map(({ config }) => datatypeOf(config.vectors['']))).toEqual([
      undefined,
      'float16',
    ])
})

test('[VF11] values of another form, unsound ones, and spaces that are none are refused', () => {
  const eu = new TestNode(new TestTime(), 'eu', 1)
  eu.create('c', CONFIG)
  const refusals: [vectors: Record<string, VectorValue>, code: string][] = [
    [{ words: Float32Array.of(1, 2) }, 'WRONG_INPUT'],
    [{ rows: Float32Array.of(1, 2) }, 'WRONG_INPUT'],
    [{ rows: words([1], [1]) }, 'WRONG_INPUT'],
    [{ rows: { dims: 1, data: Float32Array.of(1) } }, 'WRONG_INPUT'],
    [{ rows: rows() }, 'VALIDATION'],
    [{ words: words([2, 1], [1, 1]) }, 'VALIDATION'],
    [{ words: words([1], [Number.NaN]) }, 'VALIDATION'],
    [{ other: words([1], [1]) }, 'WRONG_INPUT'],
  ]
  for (const [vectors, code] of refusals)
    expect(() => eu.write([put(1, vectors)]), Object.keys(vectors)[0]).toThrow(expect.objectContaining({ code }))
  expect(eu.replica.collection('c').liveCount).toBe(0)
  const bad: unknown[] = [
    { ...CONFIG, sparse: { rows: { modifier: 'none' } } },
    { ...CONFIG, sparse: { words: { modifier: 'bm25' } } },
    { ...CONFIG, vectors: { rows: { ...CONFIG.vectors.rows, multi: 'mean' } } },
    { ...CONFIG, vectors: { rows: { ...CONFIG.vectors.rows, datatype: 'float32' } } },
  ]
  for (const config of bad) expect(() => eu.create('bad', config as CollectionConfig)).toThrow()
  expect(() => eu.create('only', { ...CONFIG, vectors: {} })).not.toThrow()
})
