import type { PointId, RecordOp } from '@meridian/core'
import { StoreError } from '@meridian/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Collection, IndexSchema, ResolveOps } from './api.js'
import { StagedCollection } from './staged-collection.js'
import { converge, del, must, type Outcome, patch, put, TestNode } from './test-node.js'
import { TestTime } from './test-time.js'

const node = (settings = {}): TestNode => {
  const eu = new TestNode(new TestTime(), 'eu', 1, { commitMs: 5, settings })
  eu.create()
  return eu
}
const begin = (of: TestNode, ops: readonly RecordOp[] | ResolveOps): Outcome<unknown> => {
  const outcome: Outcome<unknown> = { value: undefined, error: undefined }
  of.replica.write({ collection: 'c', ops }, (result) => {
    if (result.ok) outcome.value = result.value
    else outcome.error = result.error
  })
  return outcome
}
const increment: ResolveOps = (now) => {
  const ordinal = now.find(1)
  const before = ordinal === undefined ? undefined : now.payload(ordinal).n
  return [ordinal === undefined ? put(1, { n: 1 }) : patch(1, { n: Number(before) + 1 })]
}

test('[RW1] requests of one commit that read and then write see each other, and plain writes between them', () => {
  const eu = node()
  const outcomes = [
    begin(eu, increment),
    begin(eu, increment),
    begin(eu, [patch(1, { other: true })]),
    begin(eu, increment),
    begin(eu, [del(1)]),
    begin(eu, increment),
    begin(eu, increment),
  ]
  eu.time.until(() => outcomes.every(({ value }) => value !== undefined), 'seven answers')
  expect(eu.read(1)).toEqual({ n: 2 })
  const waves = Array.from({ length: 50 }, (_, i) => {
    if (i % 7 === 0) eu.time.run(1)
    return begin(eu, increment)
  })
  eu.time.until(() => waves.every(({ value }) => value !== undefined), 'fifty answers')
  expect(eu.read(1)).toEqual({ n: 52 })
})

test('[RW2] a resolver that refuses, or names a vector that is not there, is answered so and leaves nothing', () => {
  const eu = node()
  eu.put(1, { n: 1 })
  const refused = begin(eu, (now) => {
    now.stage([put(2), del(1)])
    expect(now.find(1)).toBeUndefined()
    throw new StoreError('POINT_NOT_FOUND', 'no point 9')
  })
  const wrong = begin(eu, () => [{ ...patch(1, {}), vectors: new Map([['nope', new Float32Array(4)]]) } as RecordOp])
  const last = begin(eu, increment)
  eu.time.until(() => last.value !== undefined, 'the last answer')
  expect(refused.error?.code).toBe('POINT_NOT_FOUND')
  expect(wrong.error?.code).toBe('WRONG_INPUT')
  expect(eu.read(1)).toEqual({ n: 2 })
  expect(eu.read(2)).toBeUndefined()
  expect(eu.replica.collection('c').tombstoneCount).toBe(0)
})

test('[RW3] what resolves to nothing is answered with what is there and makes no transaction', () => {
  const eu = node()
  const { seq } = eu.put(1)
  expect(
    must(eu.await<{ seq: number }>((done) => eu.replica.write({ collection: 'c', ops: () => [] }, done))).seq,
  ).toBe(seq)
  expect(eu.vector).toEqual({ 1: seq })
})

test('[RW4] resolvers count towards the bound on waiting writes with the bytes they are said to hold', () => {
  const eu = node({ waitingBytesMax: 1000 })
  const write = () => eu.replica.write({ collection: 'c', ops: () => [], resolverBytes: 2000 }, () => undefined)
  write()
  expect(write).toThrow(/too many writes wait/)
  eu.time.run(100)
  write()
})

/** Everything a reader can ask, by id. */
const shown = (collection: Collection) => ({
  live: collection.liveCount,
  any: [...collection.ordinals()].map((ordinal) => collection.id(ordinal)).sort(),
  records: [...collection.inOrder()].map((ordinal) => [
    collection.id(ordinal),
    collection.payload(ordinal),
    collection.vectorNames(ordinal).map((name) => collection.vector(ordinal, name)),
    collection.isLive(ordinal),
    collection.find(collection.id(ordinal)) === ordinal,
  ]),
  from: [...collection.inOrder(3)].map((ordinal) => collection.id(ordinal)),
  tally: collection.tally('a', ({ a }) => a === 1),
})

test('[RW5] what is staged reads as it does once it is committed, in one layer or several', () => {
  const id = fc.constantFrom<PointId>(1, 2, 3, 4, 'x')
  const op: fc.Arbitrary<RecordOp> = fc.oneof(
    fc.record({ id, a: fc.nat(2) }).map((each) => put(each.id, { a: each.a, b: 1 }, [each.a, 0, 0, 1])),
    id.map(del),
    fc
      .record({ id, a: fc.nat(2), clear: fc.boolean() })
      .map((each) => patch(each.id, { a: each.a }, { clear: each.clear })),
    id.map((each) => patch(each, {}, { unset: ['a'], dropVectors: [''] })),
    id.map((each) => patch(each, {}, { vectors: new Map([['', new Float32Array([5, 5, 5, 5])]]) })),
  )
  fc.assert(
    fc.property(
      fc.array(op, { maxLength: 6 }),
      fc.array(op, { maxLength: 6 }),
      fc.array(op, { maxLength: 6 }),
      (before, one, two) => {
        const eu = node()
        if (before.length > 0) eu.write(before)
        const base = eu.replica.collection('c')
        base.tally('a', ({ a }) => a === 1)
        const layer = new StagedCollection(base)
        layer.stage(one)
        const upper = new StagedCollection(layer)
        upper.stage(two)
        const staged = [shown(layer), shown(upper)]
        for (const [i, ops] of [one, two].entries()) {
          if (ops.length > 0) eu.write(ops)
          expect(staged[i]).toEqual(shown(eu.replica.collection('c')))
        }
      },
    ),
    { numRuns: 150 },
  )
})

test('[RW6] aliases, indexes and settings of two regions converge, and an alias is as good as a name', () => {
  const time = new TestTime()
  const eu = new TestNode(time, 'eu', 1)
  const us = new TestNode(time, 'us', 2)
  eu.create()
  const link = eu.link(us)
  converge(time, eu, us)
  link.cut()
  must(eu.await((done) => eu.replica.changeAliases([{ type: 'create', alias: 'x', collection: 'c' }], done)))
  must(eu.await((done) => eu.replica.changeIndex('x', 'city', { type: 'keyword' } as IndexSchema, done)))
  must(us.await((done) => us.replica.changeIndex('c', 'age', { type: 'integer' } as IndexSchema, done)))
  const setting = (value: number) => () => [{ path: ['hnsw_config', 'm'], value }]
  must(us.await((done) => us.replica.changeSettings('c', setting(8), done)))
  eu.write([put(1, { city: 'Oslo' })], 'x')
  eu.link(us)
  converge(time, eu, us)
  for (const { replica } of [eu, us]) {
    const found = replica.collection('x')
    expect(found.name).toBe('c')
    expect(found.aliases).toEqual(['x'])
    expect([...found.indexes.keys()]).toEqual(['age', 'city'])
    expect(found.settings).toEqual([{ path: ['hnsw_config', 'm'], value: 8 }])
    expect(found.liveCount).toBe(1)
    expect(replica.collections().map(({ name }) => name)).toEqual(['c'])
    expect(replica.shardDocument('x', 0)).toBe(replica.shardDocument('c', 0))
  }
  us.restart()
  expect(us.replica.collection('x').settings).toHaveLength(1)
})
