import { parseRegionId, type RecordOp, type ReplicaId, VersionVector } from '@meridian/core'
import { describe, expect, test } from 'vitest'
import type { CollectionState } from '../collection-state.js'
import { POLICY_PATH } from '../conflicts/policy-setting.js'
import { OrderedIds } from '../ordered-ids.js'
import { converge, del, must, patch, put, TestNode } from '../test-node.js'
import { TestTime } from '../test-time.js'
import { Pledges } from './pledge.js'

const SETTINGS = { maintenanceMs: 100, heartbeatMs: 200 }

const nodes = (...regions: string[]) => {
  const time = new TestTime()
  return { time, all: regions.map((region, i) => new TestNode(time, region, i + 1, { settings: SETTINGS })) }
}

const views = (node: TestNode) => (node.replica.collection('c') as unknown as CollectionState).views
const tombstones = (node: TestNode): number => node.replica.collection('c').tombstoneCount
const loose = (node: TestNode): number => views(node).reduce((sum, view) => sum + view.looseCount, 0)
const slots = (node: TestNode): number => views(node).reduce((sum, view) => sum + view.slotCount, 0)
const blocks = (node: TestNode): number => [...node.storage.keys('block/')].length
const isForgotten = (node: TestNode, id: number): boolean =>
  node.replica.collection('c').history(id).length === 0 && views(node).every((view) => view.find(id) === undefined)

describe('forgetting', () => {
  test('[FG1] a region alone forgets a delete, its blocks and its slot', () => {
    const { time, all } = nodes('eu')
    const eu = all[0]!
    eu.create()
    eu.put(1)
    eu.write([del(1)])
    expect(tombstones(eu)).toBe(1)
    time.until(() => isForgotten(eu, 1), 'the delete is forgotten')
    expect([tombstones(eu), loose(eu), eu.replica.status().storage.blockBytes]).toEqual([0, 0, 0])
    eu.restart()
    expect(isForgotten(eu, 1)).toBe(true)
    eu.put(1, { again: true })
    expect(eu.read(1)).toEqual({ again: true })
  })

  test('[FG2] a delete is forgotten everywhere, but not while a member is away that may hold what it hides', () => {
    const { time, all } = nodes('eu', 'us', 'ap')
    const [eu, us, ap] = all as [TestNode, TestNode, TestNode]
    const first = [eu.link(us), eu.link(ap), us.link(ap)]
    eu.create()
    converge(time, ...all)
    for (const link of first.slice(1)) link.cut()
    ap.put(1, { old: true })
    time.run(5)
    eu.write([del(1)])
    us.write([del(2)])
    time.run(20_000)
    expect([tombstones(eu), tombstones(us)]).toEqual([2, 2])
    eu.link(ap)
    us.link(ap)
    converge(time, ...all)
    for (const node of all) expect(node.read(1)).toBeUndefined()
    time.until(() => all.every((node) => isForgotten(node, 1) && isForgotten(node, 2)), 'both are forgotten')
    expect(all.map((node) => node.replica.status().storage.blockBytes)).toEqual([0, 0, 0])
    for (const node of all) node.restart()
    expect(all.map((node) => node.read(1))).toEqual([undefined, undefined, undefined])
  })

  test('[FG3] patches of a record that was never put, or was deleted, are forgotten alike', () => {
    const { time, all } = nodes('eu', 'us')
    const [eu, us] = all as [TestNode, TestNode]
    eu.link(us)
    eu.create()
    converge(time, ...all)
    eu.write([patch(1, { a: 1 })])
    eu.put(2)
    us.write([del(2)])
    converge(time, ...all)
    eu.write([patch(2, { b: 1 })])
    time.until(() => all.every((node) => isForgotten(node, 1) && isForgotten(node, 2)), 'all of it is forgotten')
    expect(all.map(blocks)).toEqual([0, 0])
  })

  test('[FG16] where the content decides, an older content put anew after its delete shows everywhere and stays', () => {
    const { time, all } = nodes('eu', 'us')
    const [eu, us] = all as [TestNode, TestNode]
    eu.link(us)
    eu.create()
    const value = { kind: 'content-model', models: { m: 1 } }
    must(eu.await((done) => eu.replica.changeSettings('c', () => [{ path: POLICY_PATH, value }], done)))
    const of = (op: RecordOp, version: number): RecordOp => ({ ...op, content: { version, model: 'm' } })
    eu.write([of(put(1), 5), put(2)])
    eu.write([del(1), del(2)])
    // Pledges go on only while there are writes.
    for (let i = 0; i < 2000 && eu.replica.collection('c').history(1).length > 0; i++) {
      if (i % 200 === 0) for (const node of all) node.write([put(3)])
      time.run(5)
    }
    eu.write([of(put(1, { is: 'older' }), 1)])
    const shown = (): unknown[] => all.map((node) => node.read(1))
    converge(time, ...all)
    expect(shown()).toEqual([{ is: 'older' }, { is: 'older' }])
    time.until(() => all.every((node) => isForgotten(node, 2)), 'what has no content is forgotten as ever')
    for (const node of all) node.restart()
    expect(shown()).toEqual([{ is: 'older' }, { is: 'older' }])
    expect(us.digests()).toEqual(eu.digests())
  })

  test('[FG16] a delete that carries content is remembered under the newest policy too: the next may let the content decide', () => {
    const { time, all } = nodes('eu', 'us')
    const [eu, us] = all as [TestNode, TestNode]
    eu.link(us)
    eu.create()
    eu.write([{ ...put(1), content: { version: 5, model: 'm' } }])
    // In one block with what stays, which is not written anew for it.
    eu.write([del(1), put(2)])
    for (let i = 0; i < 2000 && eu.replica.collection('c').history(1).length > 0; i++) {
      if (i % 200 === 0) for (const node of all) node.write([put(3)])
      time.run(5)
    }
    eu.write([put(1, { is: 'new' })])
    const value = { kind: 'content-model', models: { m: 1 } }
    must(us.await((done) => us.replica.changeSettings('c', () => [{ path: POLICY_PATH, value }], done)))
    converge(time, ...all)
    for (const _ of [1, 2]) {
      expect(all.map((node) => node.read(1))).toEqual([{ is: 'new' }, { is: 'new' }])
      for (const node of all) node.restart()
    }
    expect(us.digests()).toEqual(eu.digests())
  })

  test('[FG4] while a configured region was never heard of nothing is forgotten, and it is named', () => {
    const time = new TestTime()
    const eu = new TestNode(time, 'eu', 1, { settings: SETTINGS, expects: [parseRegionId('us')] })
    eu.create()
    eu.write([del(1)])
    time.run(20_000)
    expect(eu.replica.status().purgeBlockedBy).toEqual([])
    time.run(20_000)
    expect([tombstones(eu), eu.replica.status().counters.tombstonesPurged]).toEqual([1, 0])
    const [blocker] = eu.replica.status().purgeBlockedBy
    expect([blocker?.region, blocker?.why]).toEqual(['us', 'not heard of yet'])
    expect(eu.warnings.filter((line) => line.includes('deletes cannot be forgotten: region us'))).toHaveLength(1)
  })

  test('[FG4] a member that is away is named, and not any more when it has caught up', () => {
    const { time, all } = nodes('eu', 'us')
    const [eu, us] = all as [TestNode, TestNode]
    const link = eu.link(us)
    eu.create()
    converge(time, ...all)
    link.cut()
    eu.write([del(1)])
    time.run(40_000)
    expect(eu.replica.status().purgeBlockedBy.map(({ region, why }) => [region, why])).toEqual([
      ['us', 'has not acknowledged'],
    ])
    eu.link(us)
    time.until(() => eu.replica.status().purgeBlockedBy.length === 0 && tombstones(eu) === 0, 'us has caught up')
  })

  test('[FG5] overwriting and deleting for many rounds leaves bounded blocks, slots and deletes', () => {
    const { time, all } = nodes('eu', 'us')
    const [eu, us] = all as [TestNode, TestNode]
    eu.link(us)
    eu.create()
    let most = { slots: 0, tombstones: 0, bytes: 0 }
    for (let round = 0; round < 30; round++) {
      // Half of the ids come again, half are new in each round.
      const ids = Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? i : round * 1000 + i))
      must(eu.await((done) => eu.replica.write({ collection: 'c', ops: ids.map((id) => put(id)) }, done)))
      must(us.await((done) => us.replica.write({ collection: 'c', ops: ids.map((id) => put(id, { n: 1 })) }, done)))
      converge(time, eu, us)
      us.write(ids.map(del))
      time.run(2_000)
      for (const node of all)
        most = {
          slots: Math.max(most.slots, slots(node)),
          tombstones: Math.max(most.tombstones, tombstones(node)),
          bytes: Math.max(most.bytes, node.replica.status().storage.blockBytes),
        }
    }
    expect(most.slots).toBeLessThan(1500)
    expect(most.tombstones).toBeLessThan(600)
    expect(most.bytes).toBeLessThan(200_000)
    time.until(() => all.every((node) => tombstones(node) === 0 && loose(node) === 0), 'nothing is left')
    expect(all.map(blocks)).toEqual([0, 0])
    eu.put(1)
    converge(time, eu, us)
    expect(us.searched()).toEqual([1])
  })
})

describe('pledges', () => {
  const held = (seq: number) => VersionVector.of([[2 as ReplicaId, seq]])
  const from = 2 as ReplicaId

  test('[FG6] count once what was written before them is here, in whatever order they come', () => {
    const pledges = new Pledges()
    pledges.heard(from, { seq: 5, ms: 100 }, held(4))
    expect(pledges.floorMs(from, held(4))).toBe(0)
    pledges.heard(from, { seq: 9, ms: 200 }, held(4))
    expect(pledges.floorMs(from, held(5))).toBe(100)
    pledges.heard(from, { seq: 4, ms: 50 }, held(5))
    expect(pledges.floorMs(from, held(9))).toBe(100)
    pledges.heard(from, { seq: 9, ms: 200 }, held(9))
    expect(pledges.floorMs(from, held(9))).toBe(200)
  })
})

describe('ordinals in id order', () => {
  test('[FG7] a number that was let go may stand for another id', () => {
    const ids = new Map([
      [0, 10],
      [1, 20],
      [2, 30],
    ])
    const ordered = new OrderedIds((ordinal) => ids.get(ordinal)!)
    for (const ordinal of ids.keys()) ordered.add(ordinal)
    expect([...ordered.from()]).toEqual([0, 1, 2])
    ordered.remove([0, 1])
    ids.set(0, 40)
    ordered.add(0)
    expect([...ordered.from()]).toEqual([2, 0])
    ordered.add(1)
    ordered.remove([1, 0])
    ids.set(0, 5)
    ordered.add(0)
    expect([...ordered.from(1)]).toEqual([0, 2])
  })
})
