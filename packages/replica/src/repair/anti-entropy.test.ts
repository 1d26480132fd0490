import { expect, test, vi } from 'vitest'
import type { CollectionState } from '../collection-state.js'
import { converge, del, must, patch, put, TestNode } from '../test-node.js'
import { TestTime } from '../test-time.js'
import { Agreements } from './agreement.js'

const SETTINGS = { antiEntropyMs: 500, maintenanceMs: 100 }

const pair = () => {
  const time = new TestTime()
  const eu = new TestNode(time, 'eu', 1, { settings: SETTINGS })
  const us = new TestNode(time, 'us', 2, { settings: SETTINGS })
  eu.create()
  eu.link(us)
  converge(time, eu, us)
  for (let i = 0; i < 40; i++) (i % 2 === 0 ? eu : us).write([put(i, { i }, [i, 1, 0, 0]), patch(i, { more: i })])
  eu.write([del(39)])
  converge(time, eu, us)
  time.run(1000)
  return { time, eu, us }
}

const stateOf = (node: TestNode): CollectionState => node.replica.collection('c') as CollectionState

/** The view loses what it knows of a record, as a bug would have it. */
const lose = (node: TestNode, ...ids: number[]): void => {
  const state = stateOf(node)
  for (const id of ids)
    for (const [shard, view] of state.views.entries()) {
      const slot = view.find(id)
      if (slot === undefined) continue
      view.forget(slot)
      state.changed(shard, [slot], true)
    }
}

const repaired = (node: TestNode): number => node.replica.status().counters.recordsRepaired

test.each([
  ['eu', [3, 9, 21]],
  ['us', [2, 8, 20]],
] as const)(
  '[AE1] what is lost in the view of %s is found by digests and is back in it and its index',
  (loser, ids) => {
    const { time, eu, us } = pair()
    const [one, other] = loser === 'eu' ? [eu, us] : [us, eu]
    lose(one, ...ids)
    expect(ids.map((id) => one.read(id))).toEqual([undefined, undefined, undefined])
    expect(one.searched()).not.toEqual(other.searched())
    time.until(() => ids.every((id) => one.read(id) !== undefined), 'the records')
    converge(time, eu, us)
    expect(ids.map((id) => one.read(id))).toEqual(ids.map((id) => ({ i: id, more: id })))
    expect(one.searched()).toEqual(other.searched())
    expect(one.digests()).toEqual(other.digests())
    expect(repaired(one)).toBe(3)
    expect(other.warnings.join()).toMatch(/points of shard \d of collection c differ from region .* repaired: /)
    time.run(2000)
    expect(one.replica.status().divergent).toEqual([])
    one.restart()
    expect(one.digests()).toEqual(other.digests())
  },
)

test('[AE2] a delete that the view of one side missed wins again', () => {
  const { time, eu, us } = pair()
  const views = stateOf(us).views
  const folds = views.map(({ fold }) => fold)
  for (const view of views) view.fold = () => []
  eu.write([del(5)])
  converge(time, eu, us)
  for (const [shard, view] of views.entries()) view.fold = folds[shard]!
  expect([eu.read(5), us.read(5)]).toEqual([undefined, { i: 5, more: 5 }])
  time.until(() => us.read(5) === undefined, 'the repair')
  converge(time, eu, us)
  expect(eu.read(5)).toBeUndefined()
  expect(us.digests()).toEqual(eu.digests())
})

test('[AE3] what stays unequal is an error that names it, until it is equal', () => {
  const { time, eu, us } = pair()
  const view = stateOf(us).views[0]!
  const { digest } = view
  const lying = {
    root: () => '00000000000000ff',
    leaf: (leaf: number) => (leaf === 9 ? '00000000000000ff' : digest.leaf(leaf)),
  }
  Object.defineProperty(view, 'digest', { value: lying, configurable: true })
  lose(us, 12, 13)
  time.until(() => eu.replica.status().divergent.some(({ isLasting }) => isLasting), 'a lasting divergence')
  expect(eu.replica.status().divergent).toMatchObject([{ collection: 'c', shard: 0, region: 'us' }])
  expect(eu.replica.degradations().map(({ code }) => code)).toContain('DIVERGED')
  expect([...eu.warnings, ...us.warnings].join()).toContain('shard 0 of collection c stays unequal to region')
  Object.defineProperty(view, 'digest', { value: digest, configurable: true })
  time.until(() => eu.replica.status().divergent.length + us.replica.status().divergent.length === 0, 'equality')
})

test('[AE4] nothing is repaired while writes come and go', () => {
  const { time, eu, us } = pair()
  for (let i = 0; i < 20; i++) {
    eu.put(i, { again: i })
    time.run(60)
  }
  expect([repaired(eu), repaired(us)]).toEqual([0, 0])
  expect(eu.replica.status().counters.digestsUnequal).toBe(0)
})

test('[AE6] for each shard and peer it is told whether they agree, differ or were not compared lately, and when', () => {
  const { time, eu, us } = pair()
  const ap = new TestNode(time, 'ap', 3, { settings: SETTINGS })
  eu.link(ap)
  const of = (node: TestNode, shard: number) => node.replica.agreements('c')[shard]!.peers
  time.until(() => of(eu, 1).length === 2 && of(eu, 1).every(({ state }) => state === 'agree'), 'comparisons with both')
  for (const [node, region] of [
    [eu, 'us'],
    [us, 'eu'],
  ] as const)
    for (const shard of [0, 1]) {
      const found = of(node, shard).find((each) => each.region === region)!
      expect(found).toMatchObject({ state: 'agree', last: 'agree' })
      expect(found.comparedMsAgo).toBeLessThanOrEqual(3 * SETTINGS.antiEntropyMs)
    }
  const shard = stateOf(us).views.findIndex((view) => view.find(12) !== undefined)
  lose(us, 12)
  time.until(() => of(eu, shard).some(({ region, state }) => region === 'us' && state === 'differ'), 'a difference')
  expect(of(us, shard).find(({ region }) => region === 'eu')!.state).toBe('differ')
  expect(of(eu, 1 - shard).map(({ state }) => state)).toEqual(['agree', 'agree'])
  time.until(() => of(eu, shard).every(({ state }) => state === 'agree'), 'the repair')
  ap.crash()
  time.run(20_000)
  expect(of(eu, 0).find(({ region }) => region === 'ap')).toMatchObject({ state: 'unknown', last: 'agree' })
  eu.restart()
  expect(of(eu, 0)[0]).toMatchObject({ state: 'unknown', last: undefined, comparedMsAgo: undefined })
})

test('[AE7] what was compared of a dropped collection is let go of in every region, in the highest number too', () => {
  const keep = vi.spyOn(Agreements.prototype, 'keep')
  try {
    const { time, eu, us } = pair()
    const books = () => [...new Set(keep.mock.contexts)] as Agreements[]
    time.until(() => books().length === 2 && books().every(({ size }) => size > 0), 'comparisons on both sides')
    must(eu.await<boolean>((done) => eu.replica.dropCollection('c', done)))
    converge(time, eu, us)
    time.run(2000)
    expect(books().map(({ size }) => size)).toEqual([0, 0])
  } finally {
    keep.mockRestore()
  }
})
