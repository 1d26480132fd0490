import {
  type CollectionConfig,
  HNSW_DEFAULT,
  type SpaceParams,
  type VectorIndex,
  type VectorValue,
} from '@meridian/core'
import { ExactIndex } from '@meridian/index'
import { expect, test } from 'vitest'
import type { Decision } from './conflicts/resolve.js'
import { converge, patch, put, TestNode } from './test-node.js'
import { TestTime } from './test-time.js'

const DENSE: SpaceParams = { size: 2, metric: 'Dot', hnsw: HNSW_DEFAULT }
const BASE: CollectionConfig = { vectors: { a: DENSE, b: DENSE }, shards: 2 }
const two = (x: number, y: number): VectorValue => Float32Array.of(x, y)
const withVectors = (id: number, vectors: Record<string, VectorValue>) => ({
  ...put(id),
  vectors: new Map(Object.entries(vectors)),
})
const add = (node: TestNode, name: string, params: SpaceParams = DENSE) =>
  node.await((done) => node.replica.addSpace('c', name, params, done))
const drop = (node: TestNode, name: string) => node.await((done) => node.replica.dropSpace('c', name, done))
const shown = (node: TestNode): Record<string, unknown> => {
  const collection = node.replica.collection('c')
  const records = [...collection.inOrder()].map((ordinal) => {
    const vectors = collection
      .vectorNames(ordinal)
      .map((name) => [name, [...(collection.vector(ordinal, name) as Float32Array)]])
    return [String(collection.id(ordinal)), Object.fromEntries(vectors)]
  })
  return Object.fromEntries(records)
}
const found = (node: TestNode, name: string): unknown[] => {
  const collection = node.replica.collection('c')
  const hits = node.index.searchNow(collection.space(name), { vector: two(1, 1), limit: 10 })
  return hits.map(({ ordinal }) => collection.id(ordinal)).sort()
}
const regions = () => {
  const time = new TestTime()
  const [eu, us] = [new TestNode(time, 'eu', 1), new TestNode(time, 'us', 2)] as const
  const link = eu.link(us)
  eu.create('c', BASE)
  converge(time, eu, us)
  return { time, eu, us, link }
}

test('[VS1] an added space takes vectors in every region, and keeps them over a restart', () => {
  const { time, eu, us } = regions()
  eu.write([withVectors(1, { a: two(1, 2) })])
  expect(add(eu, 'v').error).toBeUndefined()
  converge(time, eu, us)
  us.write([patch(1, {}, { vectors: new Map([['v', two(3, 4)]]) }), withVectors(2, { v: two(5, 6) })])
  converge(time, eu, us)
  us.restart()
  for (const node of [eu, us]) {
    expect(shown(node)).toEqual({ 1: { a: [1, 2], v: [3, 4] }, 2: { v: [5, 6] } })
    expect(found(node, 'v')).toEqual([1, 2])
    expect(found(node, 'a')).toEqual([1])
  }
  expect(eu.digests()).toEqual(us.digests())
})

test('[VS2] a dropped space shows nowhere, is let go of by the index, and takes nothing more', () => {
  const { time, eu, us } = regions()
  eu.write([withVectors(1, { a: two(1, 2), b: two(3, 4) })])
  converge(time, eu, us)
  const spaces = [eu, us].map((node) => node.replica.collection('c').space('b'))
  drop(eu, 'b')
  converge(time, eu, us)
  for (const [i, node] of [eu, us].entries()) {
    expect(shown(node)).toEqual({ 1: { a: [1, 2] } })
    expect(node.index.stats(spaces[i]!)).toBeUndefined()
    const collection = node.replica.collection('c')
    expect(collection.vector(collection.find(1)!, 'b')).toBeUndefined()
    expect(() => node.write([withVectors(2, { b: two(1, 1) })])).toThrow(
      expect.objectContaining({ code: 'WRONG_INPUT' }),
    )
    node.restart()
    expect(shown(node)).toEqual({ 1: { a: [1, 2] } })
    expect(node.index.stats(spaces[i]!)).toBeUndefined()
  }
})

test('[VS3] a name added anew brings back no old vector, neither in reads nor in searches nor after a restart', () => {
  const { time, eu, us, link: first } = regions()
  eu.write([withVectors(1, { a: two(1, 2), b: two(3, 4) })])
  converge(time, eu, us)
  let link = first
  for (let round = 0; round < 3; round++) {
    drop(eu, 'b')
    add(eu, 'b')
    expect(shown(eu)).toEqual({ 1: { a: [1, 2] } })
    expect(found(eu, 'b')).toEqual([])
    converge(time, eu, us)
    expect(shown(us)).toEqual({ 1: { a: [1, 2] } })
    link.close('restart')
    time.run(100)
    us.restart()
    link = eu.link(us)
    expect(shown(us)).toEqual({ 1: { a: [1, 2] } })
    eu.write([patch(1, {}, { vectors: new Map([['b', two(round, 9)]]) })])
    converge(time, eu, us)
    expect(shown(us)).toEqual({ 1: { a: [1, 2], b: [round, 9] } })
    expect(found(us, 'b')).toEqual([1])
  }
  expect(eu.digests()).toEqual(us.digests())
})

test('[VS4] a name added alike in two cut-off regions is one space: vectors of both show, of one record the newest', () => {
  const { time, eu, us, link } = regions()
  link.close('cut')
  for (const [i, node] of [eu, us].entries()) {
    add(node, 'v')
    node.write([withVectors(1, { v: two(i, i) }), withVectors(10 + i, { v: two(i, 1) })])
    time.run(10)
  }
  eu.link(us)
  converge(time, eu, us)
  for (const node of [eu, us]) {
    expect(shown(node)).toEqual({ 1: { v: [1, 1] }, 10: { v: [0, 1] }, 11: { v: [1, 1] } })
    expect(found(node, 'v')).toEqual([1, 10, 11])
  }
})

test('[VS5] of unlike additions both stay, the younger beside the name, each with its own vectors', () => {
  const { time, eu, us, link } = regions()
  link.close('cut')
  add(eu, 'v')
  time.run(10)
  add(us, 'v', { ...DENSE, metric: 'Euclid' } as SpaceParams)
  eu.write([withVectors(1, { v: two(1, 1) })])
  us.write([withVectors(2, { v: two(2, 2) })])
  eu.link(us)
  converge(time, eu, us)
  for (const node of [eu, us]) {
    const names = Object.keys(node.replica.collection('c').config.vectors)
    expect(names).toEqual(['a', 'b', 'v', expect.stringMatching(/^v~[0-9a-f]{8}$/)])
    expect(shown(node)).toEqual({ 1: { v: [1, 1] }, 2: { [names[3]!]: [2, 2] } })
    expect(found(node, names[3]!)).toEqual([2])
  }
  drop(us, 'v')
  converge(time, eu, us)
  for (const node of [eu, us]) expect(shown(node)).toEqual({ 1: {}, 2: { v: [2, 2] } })
})

test('[VS6] a write that waits while its space is dropped is refused whole', () => {
  const { eu } = regions()
  add(eu, 'v')
  let refused: string | undefined
  eu.replica.dropSpace('c', 'v', () => {})
  eu.replica.write({ collection: 'c', ops: [withVectors(5, { a: two(1, 1), v: two(1, 1) })] }, (outcome) => {
    refused = outcome.ok ? 'taken' : outcome.error.code
  })
  eu.time.until(() => refused !== undefined, 'an answer')
  expect(refused).toBe('WRONG_INPUT')
  expect(shown(eu)).toEqual({})
})

test('[VS7] a history names the vectors as they are called, and is silent of dropped ones', () => {
  const { eu } = regions()
  add(eu, 'v')
  eu.write([withVectors(1, { a: two(1, 2) })])
  eu.write([patch(1, {}, { vectors: new Map([['v', two(3, 4)]]) })])
  eu.write([patch(1, {}, { vectors: new Map([['b', two(3, 4)]]) })])
  const names = () =>
    eu.replica
      .collection('c')
      .history(1)
      .flatMap(({ what, name }) => (what === 'vector' ? name : []))
  expect(names()).toEqual(['b', 'v'])
  drop(eu, 'v')
  expect(names()).toEqual(['b'])
})

test.each([
  ['added anew', DENSE],
  ['added anew with another length', { ...DENSE, size: 3 } as SpaceParams],
  ['gone for good', undefined],
])('[VS10] undoing a conflict brings back no vector of a space that was dropped since: %s', (_, params) => {
  const { time, eu, us, link } = regions()
  expect(add(eu, 'v').error).toBeUndefined()
  converge(time, eu, us)
  link.cut()
  const all = (x: number) => ({ a: two(x, x), b: two(x, x), v: two(x, x) })
  for (const [i, node] of [eu, us].entries()) node.write([withVectors(1, all(i + 1))])
  for (const [i, node] of [eu, us].entries()) node.write([withVectors(3, { a: two(i + 1, 0) })])
  eu.link(us)
  converge(time, eu, us)
  const { id } = [...eu.replica.conflicts('c').list('open')].find(({ point }) => point === 1)!
  const resolve = (decision: Decision) => eu.await((done) => eu.replica.resolveConflict('c', id, decision, done))
  expect(resolve({ keep: 'loser' }).error).toBeUndefined()
  for (const name of ['b', 'v']) {
    drop(eu, name)
    if (params !== undefined) expect(add(eu, name, params).error).toBeUndefined()
  }
  expect(resolve({ undo: true }).error).toBeUndefined()
  converge(time, eu, us)
  for (const node of [eu, us]) expect(shown(node)).toEqual({ 1: { a: [2, 2] }, 3: { a: [2, 0] } })
})

test('[VS10] undoing a conflict puts the vectors of added spaces back', () => {
  const { time, eu, us, link } = regions()
  expect(add(eu, 'v').error).toBeUndefined()
  converge(time, eu, us)
  link.cut()
  for (const [i, node] of [eu, us].entries()) node.write([withVectors(1, { v: two(i + 1, 0) })])
  eu.link(us)
  converge(time, eu, us)
  const { id } = [...eu.replica.conflicts('c').list('open')][0]!
  for (const [decision, value] of [
    [{ keep: 'loser' }, 1],
    [{ undo: true }, 2],
  ] as const) {
    expect(eu.await((done) => eu.replica.resolveConflict('c', id, decision, done)).error).toBeUndefined()
    converge(time, eu, us)
    for (const node of [eu, us]) expect(shown(node)).toEqual({ 1: { v: [value, 0] } })
  }
})

test('[VS11] a collection that two regions took the last vectors from at once keeps its points, over restarts too', () => {
  const { time, eu, us, link } = regions()
  eu.write([withVectors(1, { a: two(1, 2), b: two(3, 4) })])
  converge(time, eu, us)
  link.cut()
  drop(eu, 'a')
  drop(us, 'b')
  eu.link(us)
  converge(time, eu, us)
  for (const node of [eu, us]) node.restart()
  eu.link(us)
  us.write([withVectors(2, {})])
  converge(time, eu, us)
  for (const node of [eu, us]) expect(shown(node)).toEqual({ 1: {}, 2: {} })
  expect(eu.digests()).toEqual(us.digests())
  expect(add(us, 'a').error).toBeUndefined()
  converge(time, eu, us)
  for (const node of [eu, us]) expect([shown(node), found(node, 'a')]).toEqual([{ 1: {}, 2: {} }, []])
})

test('[VS2] at start the index is told to sweep once the spaces that are left have been opened', () => {
  const { time, eu, us } = regions()
  drop(eu, 'b')
  converge(time, eu, us)
  const swept: unknown[] = []
  const port: VectorIndex = ExactIndex.prototype
  port.sweep = function (this: ExactIndex) {
    swept.push(['a', 'b'].map((name) => this.stats({ collection: uid, vector: name }) !== undefined))
  }
  const { uid } = eu.replica.collection('c')
  try {
    eu.restart()
  } finally {
    delete port.sweep
  }
  expect(swept).toEqual([[true, false]])
})
