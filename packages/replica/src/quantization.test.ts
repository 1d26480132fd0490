import { HNSW_DEFAULT, type Quantization, type SpaceParams, type VectorIndex } from '@meridian/core'
import { ExactIndex } from '@meridian/index'
import { expect, test } from 'vitest'
import type { Setting } from './api.js'
import { quantizationOf, withQuantization } from './quantization.js'
import { converge, TestNode } from './test-node.js'
import { TestTime } from './test-time.js'

const int8 = (quantile?: number) => ({ scalar: { type: 'int8', ...(quantile !== undefined && { quantile }) } })
const whole = (value: unknown): Setting => ({ path: ['quantization_config'], value: value as Setting['value'] })
const own = (name: string, value: unknown): Setting => ({
  path: ['vectors', name, 'quantization_config'],
  value: value as Setting['value'],
})

test('[QZ1] what is set for a space goes before what is set for its collection, and what is unsound counts as left out', () => {
  expect(quantizationOf([], 'a')).toBeUndefined()
  expect(quantizationOf([whole(int8(0.9))], 'a')).toEqual({ quantile: 0.9 })
  expect(quantizationOf([whole(int8(0.9)), own('a', int8())], 'a')).toEqual({ quantile: 1 })
  expect(quantizationOf([whole(int8(0.9)), own('b', int8())], 'a')).toEqual({ quantile: 0.9 })
  expect(quantizationOf([whole(int8(0.9)), own('a', 'Disabled')], 'a')).toBeUndefined()
  expect(quantizationOf([whole(int8(0.9)), own('a', { binary: {} })], 'a')).toBeUndefined()
  for (const value of ['Disabled', null, [], 3, {}, { scalar: null }, { scalar: [] }, { scalar: { type: 'int4' } }])
    expect(quantizationOf([whole(value)], 'a'), JSON.stringify(value)).toBeUndefined()
  for (const quantile of [0.3, 2, 'x', null])
    expect(quantizationOf([whole({ scalar: { type: 'int8', quantile } })], 'a')).toEqual({ quantile: 1 })
  const settings = [whole(int8())]
  expect(withQuantization({ modifier: 'none' }, settings, 'a')).toEqual({ modifier: 'none' })
  const params = { size: 3, metric: 'Dot', hnsw: { m: 16, efConstruct: 100 } } as const
  expect(withQuantization({ ...params, multi: 'max_sim' }, settings, 'a')).not.toHaveProperty('quantization')
  expect(withQuantization(params, settings, 'a')).toEqual({ ...params, quantization: { quantile: 1 } })
})

test('[QZ2] the index of every region is told when a space is opened, again when that changes, and not otherwise', () => {
  const told: [string, Quantization | undefined][] = []
  const port: VectorIndex = ExactIndex.prototype
  const open = port.openSpace
  port.openSpace = function (this: ExactIndex, ref, params: SpaceParams, vectors) {
    told.push([ref.vector, 'size' in params ? params.quantization : undefined])
    open.call(this, ref, params, vectors)
  }
  const heard = () => told.splice(0).sort(([a], [b]) => (a < b ? -1 : 1))
  try {
    const time = new TestTime()
    const [eu, us] = [new TestNode(time, 'eu', 1), new TestNode(time, 'us', 2)] as const
    eu.link(us)
    const dense = { size: 2, metric: 'Dot', hnsw: HNSW_DEFAULT } as const
    eu.create('c', { vectors: { a: dense, b: dense }, shards: 2 })
    converge(time, eu, us)
    const vectors = new Map([['a', Float32Array.of(1, 2)]])
    eu.write([{ kind: 'put', id: 1, vectors, payload: {} }])
    converge(time, eu, us)
    const change = (...settings: Setting[]) => {
      expect(eu.await((done) => eu.replica.changeSettings('c', () => settings, done)).error).toBeUndefined()
      converge(time, eu, us)
      return heard()
    }
    heard()
    expect(change({ path: ['params', 'on_disk_payload'], value: true })).toEqual([])
    const one = { quantile: 1 }
    expect(change(whole(int8()))).toEqual([
      ['a', one],
      ['a', one],
      ['b', one],
      ['b', one],
    ])
    expect(change(own('b', 'Disabled'))).toEqual([
      ['b', undefined],
      ['b', undefined],
    ])
    expect(change(own('a', int8(1)))).toEqual([])
    us.restart()
    expect(heard()).toEqual([
      ['a', one],
      ['b', undefined],
    ])
    const collection = us.replica.collection('c')
    expect(us.index.searchNow(collection.space('a'), { vector: Float32Array.of(1, 1), limit: 5 })).toHaveLength(1)
  } finally {
    port.openSpace = open
  }
})
