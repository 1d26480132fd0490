import { type CollectionConfig, HNSW_DEFAULT, type RecordOp, type VectorValue } from '@meridian/core'
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
  ]
  for (const config of bad) expect(() => eu.create('bad', config as CollectionConfig)).toThrow()
  expect(() => eu.create('only', { ...CONFIG, vectors: {} })).not.toThrow()
})
