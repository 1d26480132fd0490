import {
  decodeBlock,
  decodeEntry,
  EMPTY_STATE,
  type Entry,
  encodeBlock,
  encodeEntry,
  merge,
  packEntries,
  stateOf,
  VersionVector,
} from '@meridian/core'
import { SeededRandom } from '@meridian/core/testing'
import { describe, expect, it } from 'vitest'
import { type BlockRef, storedBytes } from './block-table.js'
import type { MergedView } from './merged-view.js'
import { client, del, patch, put, replica, stamp } from './test-support.js'
import { expectTwin, foldAll, key, liveBytesOf, randomWorld, World } from './test-world.js'

/** Carries a plan out as an owner does: survivors into new blocks and old ones away, in one transaction. */
const clean = (world: World, views: readonly MergedView[], of: number, doc: number, stable: VersionVector): number => {
  const plan = views[0]!.cleaningPlan({
    mine: replica(of),
    stable,
    doc,
    smallBlocksMax: 6,
    blocksMax: 4,
    amplificationMax: 1.2,
  })
  if (plan === undefined) return 0
  for (const run of packEntries(plan.moved)) {
    const ref = world.append(doc, of, run, true)
    for (const view of views) expect(view.fold(ref, world.read(ref))).toEqual([])
  }
  for (const ref of plan.drop) {
    for (const view of views) view.drop(ref)
    world.log.delete(key(ref))
  }
  return plan.drop.length
}

describe('cleaning', () => {
  it('[CL1] never changes the view, here, at a peer, or in a view rebuilt from what is left', () => {
    let cleaned = 0
    for (let seed = 1; seed <= 60; seed++) {
      const random = new SeededRandom(seed)
      const world = new World()
      const views = [world.view(), world.view()]
      for (let step = 0; step < 60; step++) {
        const of = 1 + random.int(3)
        const ref = world.write(
          random.int(2),
          of,
          Array.from({ length: 1 + random.int(6) }, () => world.entry(random, of, 8)),
        )
        for (const view of views) view.fold(ref, world.read(ref))
        const stable = VersionVector.of(
          [...world.seqs].map(([of, seq]) => [replica(of), random.chance(0.5) ? seq : random.int(seq + 1)]),
        )
        if (random.chance(0.3)) cleaned += clean(world, views, 1 + random.int(3), random.int(2), stable)
      }
      const rebuilt = world.view()
      foldAll(rebuilt, world, random)
      for (const view of [...views, rebuilt]) {
        expectTwin(view, world)
        expect(view.digest.root()).toBe(views[0]!.digest.root())
        expect(view.liveBytes).toBe(liveBytesOf(world))
        expect(view.logBytes).toBe([...world.log.values()].reduce((sum, { bytes }) => sum + bytes.length, 0))
      }
    }
    expect(cleaned).toBeGreaterThan(500)
  })

  it('[CL2] lets a dead entry go only when all that its id now rests on is stable', () => {
    const world = new World()
    const view = world.view()
    const fold = (ref: BlockRef): number[] => view.fold(ref, world.read(ref))
    const old = world.write(0, 1, [put('a', stamp(1, 1))])
    const other = world.write(0, 2, [put('a', stamp(2, 2))])
    const third = world.write(0, 3, [patch('a', stamp(3, 3), { x: 1 })])
    for (const ref of [old, other, third]) fold(ref)
    const plan = (...stable: [number, number][]) =>
      view.cleaningPlan({
        mine: replica(1),
        doc: 0,
        stable: VersionVector.of(stable.map(([of, seq]) => [replica(of), seq])),
      })
    expect(plan([1, 1])).toBeUndefined()
    expect(plan([1, 1], [2, 1])).toBeUndefined()
    expect(plan([2, 1], [3, 1])).toBeUndefined()
    expect(plan([1, 1], [2, 1], [3, 1])).toEqual({ drop: [old], moved: [] })
    expect(view.cleaningPlan({ mine: replica(2), doc: 0, stable: VersionVector.of([[replica(2), 9]]) })).toBeUndefined()
  })

  it('[CL3] rewrites the blocks with the least live share while the lane is bloated, and moves survivors verbatim', () => {
    const world = new World()
    const view = world.view()
    const many = (from: number, count: number, ms: number) =>
      Array.from({ length: count }, (_, i) => put(from + i, stamp(ms, 1, from + i)))
    const writes = [many(0, 100, 1), many(100, 100, 1), many(0, 95, 2), many(100, 30, 2), many(0, 95, 3)]
    const refs = writes.map((entries) => world.write(0, 1, entries))
    for (const ref of refs) view.fold(ref, world.read(ref))
    const stable = VersionVector.of([[replica(1), 5]])
    const before = view.digest.root()
    expect(view.cleaningPlan({ mine: replica(1), doc: 0, stable })).toEqual({ drop: [refs[2]], moved: [] })
    view.drop(refs[2]!)
    expect(view.cleaningPlan({ mine: replica(1), doc: 0, stable })).toBeUndefined()
    const plan = view.cleaningPlan({ mine: replica(1), doc: 0, stable, amplificationMax: 1.3 })!
    expect(plan.drop).toEqual([refs[0]])
    expect(plan.moved.map((bytes) => decodeEntry(bytes))).toEqual(writes[0]!.slice(95))
    const moved = world.append(0, 1, plan.moved, true)
    expect(view.fold(moved, world.read(moved))).toEqual([])
    view.drop(refs[0]!)
    expect(view.digest.root()).toBe(before)
    expect(view.payload(view.find(97)!)).toEqual({ value: 1 })
  })

  it('[CL4] merges many small blocks', () => {
    const world = new World()
    const view = world.view()
    const write = (id: number): void => {
      const ref = world.write(0, 1, [put(id, stamp(id + 1, 1))])
      view.fold(ref, world.read(ref))
    }
    const plan = () => view.cleaningPlan({ mine: replica(1), doc: 0, stable: VersionVector.of([[replica(1), 1_000]]) })
    for (let id = 0; id < 63; id++) write(id)
    expect(plan()).toBeUndefined()
    for (let id = 63; id < 70; id++) write(id)
    const merged = plan()!
    expect([merged.drop.length, merged.moved.length]).toEqual([64, 64])
    expect(merged.moved.map((bytes) => decodeEntry(bytes).id)).toEqual(Array.from({ length: 64 }, (_, i) => i))
  })

  it('[CL5] moves deferred entries, and a tombstone counts as live', () => {
    const world = new World()
    const view = world.view()
    const lone = world.write(0, 1, [put('a', stamp(1, 1)), put('b', stamp(1, 1, 1)), put('b', stamp(900, 1))])
    view.fold(lone, world.read(lone), { deferAbove: 600 })
    const next = world.write(0, 1, [del('a', stamp(2, 1)), put('b', stamp(3, 1))])
    view.fold(next, world.read(next))
    const plan = view.cleaningPlan({
      mine: replica(1),
      doc: 0,
      stable: VersionVector.of([[replica(1), 2]]),
      amplificationMax: 1.1,
    })!
    expect(plan.drop).toEqual([lone])
    expect(plan.moved.map((bytes) => decodeEntry(bytes).stamp.ms)).toEqual([900])
    const moved = world.append(0, 1, plan.moved, true)
    view.fold(moved, world.read(moved), { deferAbove: 600 })
    view.drop(lone)
    world.log.delete(key(lone))
    expect([view.deferredCount, view.tombstoneCount]).toEqual([1, 1])
    expect(view.release(900)).toEqual([1])
    expectTwin(view, world)
  })

  it('[CL6] does not depend on which copy of a write came first', () => {
    const world = new World()
    const entries = [put('a', stamp(1, 1))]
    const one = world.write(0, 1, entries)
    const two = world.append(0, 2, entries.map(encodeEntry), true)
    const stable = VersionVector.of([1, 2].map((of) => [replica(of), 1]))
    for (const order of [
      [one, two],
      [two, one],
    ]) {
      const view = world.view()
      for (const ref of order) view.fold(ref, world.read(ref))
      expect(view.cleaningPlan({ mine: replica(1), doc: 0, stable })?.drop).toEqual([one])
      expect(view.cleaningPlan({ mine: replica(2), doc: 0, stable })).toBeUndefined()
    }
  })

  it('[CL20] reads a bounded number of bytes in a step, and comes to all of it step by step', () => {
    const world = new World()
    const view = world.view()
    const stable = VersionVector.of([[replica(1), 1_000]])
    const fold = (ms: number, ids: readonly number[]): void => {
      const ref = world.write(
        0,
        1,
        ids.map((id) => put(id, stamp(ms, 1, id), 'x'.repeat(100))),
      )
      view.fold(ref, world.read(ref))
    }
    const ids = (from: number, step: number): number[] => Array.from({ length: 20 }, (_, i) => from + i * step)
    for (let n = 0; n < 100; n++) fold(1, ids(n * 20, 1))
    // Every block loses four of five.
    for (let n = 0; n < 80; n++)
      fold(
        2,
        ids(0, 1).map((i) => (Math.floor((n * 20 + i) / 4) * 5 + ((n * 20 + i) % 4)) % 2000),
      )
    const options = { mine: replica(1), doc: 0, stable, amplificationMax: 1.1, bytesMax: 20_000 }
    const blockBytes = view.logBytes / 180
    let steps = 0
    for (let plan = view.cleaningPlan(options); plan !== undefined; plan = view.cleaningPlan(options)) {
      steps++
      expect(plan.drop.length * blockBytes).toBeLessThan(20_000 + 2 * blockBytes)
      for (const run of packEntries(plan.moved)) {
        const ref = world.append(0, 1, run, true)
        view.fold(ref, world.read(ref))
      }
      for (const ref of plan.drop) {
        view.drop(ref)
        world.log.delete(key(ref))
      }
    }
    expect(steps).toBeGreaterThan(10)
    expect(view.logBytes).toBeLessThan(view.liveBytes * 1.2)
    expectTwin(view, world)
  })

  it('[CL20] a dead block that may not go yet does not keep others from going', () => {
    const world = new World()
    const view = world.view()
    const fold = (ref: BlockRef): void => void view.fold(ref, world.read(ref))
    for (let id = 0; id < 40; id++) fold(world.write(0, 1, [put(id, stamp(1, 1, id))]))
    // The first thirty are overwritten by a peer, and that is not known everywhere; the last ten by us.
    for (let id = 0; id < 30; id++) fold(world.write(0, 2, [put(id, stamp(2, 2, id))]))
    for (let id = 30; id < 40; id++) fold(world.write(0, 1, [put(id, stamp(2, 1, id))]))
    const dropped: number[] = []
    for (let step = 0; step < 20; step++) {
      // Something is acknowledged all the time, so that what was found in vain is looked at again.
      const stable = VersionVector.of([
        [replica(1), 50],
        [replica(3), step + 1],
      ])
      const plan = view.cleaningPlan({ mine: replica(1), doc: 0, stable, blocksMax: 3 })
      for (const ref of plan?.drop ?? []) {
        view.drop(ref)
        dropped.push(ref.clock)
      }
    }
    expect(dropped.sort((a, b) => a - b)).toEqual([30, 31, 32, 33, 34, 35, 36, 37, 38, 39])
  })

  it('[CL21] counts what blocks take on the disk: pages of parts, and half full pages of what is left', () => {
    expect([storedBytes({ bytes: 100 }), storedBytes({ bytes: 1968 })]).toEqual([368, 4104])
    expect([storedBytes({ bytes: 2100 }), storedBytes({ bytes: 4068 })]).toEqual([4256, 4256])
    expect([storedBytes({ bytes: 4069 }), storedBytes({ bytes: 65_532 })]).toEqual([4418, 69_024])
    const world = new World()
    const view = world.view()
    const stable = VersionVector.of([[replica(1), 1_000]])
    const options = { mine: replica(1), doc: 0, stable }
    const text = 'x'.repeat(2100)
    const write = (ms: number, id: number): void => {
      const entries = [put(id, stamp(ms, 1, id), text), put(id + 10_000, stamp(ms, 1, id), 'y')]
      const ref = world.write(0, 1, entries)
      view.fold(ref, world.read(ref))
    }
    for (let id = 0; id < 800; id++) write(1, id)
    expect(view.cleaningDebt(options)).toBeGreaterThan(0.75)
    // Under a third is dead, and yet the pages are full of it.
    for (let id = 0; id < 240; id++) write(2, id)
    expect(view.logBytes).toBeLessThan(1.4 * view.liveBytes)
    expect(view.cleaningDebt(options)).toBeGreaterThan(1)
  })

  it('[CL7] the check of a rebuilt view fails when a live block is dropped', () => {
    const random = new SeededRandom(3)
    const world = randomWorld(random, 30)
    const whole = world.view()
    foldAll(whole, world, random)
    const slot = [...whole.liveSlots()][0]!
    const { origin, seq } = whole.history(slot)[0]!
    for (const [name, { ref, bytes }] of world.log)
      if (ref.client === client(origin) && decodeBlock(bytes).seq === seq) world.log.delete(name)
    const rebuilt = world.view()
    foldAll(rebuilt, world, random)
    expect(rebuilt.digest.root()).not.toBe(whole.digest.root())
    expect(() => expectTwin(rebuilt, world)).toThrow()
  })
})

/** One durable transaction of one replica: the unit that peers get in its order. */
interface Transaction {
  readonly blocks: readonly { readonly ref: BlockRef; readonly bytes: Uint8Array }[]
  readonly entries: readonly Entry[]
  readonly drop: readonly BlockRef[]
}

/** A replica that has received a prefix of each other's transactions. */
class Node {
  readonly has = new Map<number, number>()
  readonly world = new World()
  readonly view = this.world.view()

  apply(origin: number, { blocks, entries, drop }: Transaction): void {
    this.has.set(origin, (this.has.get(origin) ?? 0) + 1)
    const { twin, log } = this.world
    for (const entry of entries) twin.set(entry.id, merge(twin.get(entry.id) ?? EMPTY_STATE, stateOf(entry)))
    for (const { ref, bytes } of blocks) {
      log.set(key(ref), { ref, bytes })
      this.view.fold(ref, bytes)
    }
    for (const ref of drop) {
      this.view.drop(ref)
      log.delete(key(ref))
    }
  }
}

/** Three replicas write, clean by what all have, and hear of each other late. Each is checked against the merge of what it got. */
const lateCluster = (seed: number, stableOf: (nodes: readonly Node[]) => VersionVector): void => {
  const random = new SeededRandom(seed)
  const source = new World()
  const nodes = [1, 2, 3].map(() => new Node())
  const logs = nodes.map((): Transaction[] => [])
  const clocks = [0, 0, 0]
  /** Receiver and sender that do not reach each other for a while, or one node twice: no cut. */
  let cut = [0, 0]
  const commit = (
    of: number,
    runs: readonly (readonly Uint8Array[])[],
    moved: boolean,
    rest: Omit<Transaction, 'blocks'>,
  ): void => {
    const seq = logs[of]!.length + 1
    const blocks = runs.map((entries) => ({
      ref: { doc: 0, client: client(of + 1), clock: clocks[of]!++ },
      bytes: encodeBlock({ seq, seen: VersionVector.ZERO, moved, entries }),
    }))
    logs[of]!.push({ blocks, ...rest })
    nodes[of]!.apply(of, logs[of]!.at(-1)!)
  }
  const deliver = (to: number, from: number): void => {
    const next = logs[from]![nodes[to]!.has.get(from) ?? 0]
    if (to !== from && next !== undefined) nodes[to]!.apply(from, next)
  }
  for (let step = 0; step < 250; step++) {
    const of = random.int(3)
    const roll = random.int(10)
    if (step % 25 === 0) cut = [random.int(3), random.int(3)]
    if (roll < 3) {
      const entries = Array.from({ length: 1 + random.int(4) }, () => source.entry(random, of + 1, 5))
      commit(of, [entries.map(encodeEntry)], false, { entries, drop: [] })
    } else if (roll < 8) {
      const from = random.int(3)
      if (of !== cut[0] || from !== cut[1]) for (let left = random.int(6); left > 0; left--) deliver(of, from)
    } else {
      const stable = stableOf(nodes)
      const plan = nodes[of]!.view.cleaningPlan({
        mine: replica(of + 1),
        doc: 0,
        stable,
        amplificationMax: 1.2,
        smallBlocksMax: 6,
      })
      if (plan !== undefined) commit(of, packEntries(plan.moved), true, { entries: [], drop: plan.drop })
    }
    if (step % 20 === 0) expectSound(nodes[of]!, random)
  }
  for (let round = 0; round < 500; round++) for (const to of [0, 1, 2]) for (const from of [0, 1, 2]) deliver(to, from)
  for (const node of nodes) expectSound(node, random)
  expect(new Set(nodes.map(({ view }) => view.digest.root())).size).toBe(1)
}

/** The running view, and one rebuilt from the blocks that are left as after a restart, both hold what was received. */
const expectSound = (node: Node, random: SeededRandom): void => {
  expectTwin(node.view, node.world)
  const rebuilt = node.world.view()
  foldAll(rebuilt, node.world, random)
  expectTwin(rebuilt, node.world)
  expect(rebuilt.digest.root()).toBe(node.view.digest.root())
}

/** What all nodes have; `client` numbers replicas from 1. */
const meetOfAll = (nodes: readonly Node[]): VersionVector =>
  nodes
    .map(({ has }) => VersionVector.of([...has].map(([of, seq]) => [replica(of + 1), seq])))
    .reduce((meet, vector) => meet.meet(vector))

describe('cleaning among replicas that hear of each other late', () => {
  it('[CL8] loses nothing anywhere, running or restarted', () => {
    for (let seed = 1; seed <= 25; seed++) lateCluster(seed, meetOfAll)
  })

  it('[CL8] is seen to lose writes when unstable ones count as stable', () => {
    const everything = VersionVector.of([1, 2, 3].map((of) => [replica(of), 1_000_000]))
    expect(() => {
      for (let seed = 1; seed <= 60; seed++) lateCluster(seed, () => everything)
    }).toThrow()
  })
})
