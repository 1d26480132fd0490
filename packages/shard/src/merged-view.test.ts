import {
  type Block,
  decodeBlock,
  decodeEntry,
  EMPTY_STATE,
  type Entry,
  encodeBlock,
  encodeEntry,
  formatStamp,
  type JsonObject,
  merge,
  packEntries,
  type PointId,
  type RecordState,
  stateOf,
  VersionVector,
  visible,
} from '@meridian/core'
import { describe, expect, it } from 'vitest'
import type { BlockRef } from './block-table.js'
import { MergedView } from './merged-view.js'
import { block, client, del, patch, put, replica, SeededRandom, stamp } from './test-support.js'

const key = ({ doc, client, clock }: BlockRef): string => `${doc}:${client}:${clock}`

/** The lanes of a few replicas, and what core's pure merge makes of every entry that was ever written. */
class World {
  readonly log = new Map<string, { readonly ref: BlockRef; readonly bytes: Uint8Array }>()
  readonly twin = new Map<PointId, RecordState>()
  readonly seqs = new Map<number, number>()
  readonly #clocks = new Map<string, number>()
  #ms = 1_000

  read = (ref: BlockRef): Uint8Array => {
    const found = this.log.get(key(ref))
    if (found === undefined) throw new Error(`no block ${key(ref)}`)
    return found.bytes
  }

  view(): MergedView {
    return new MergedView(this.read)
  }

  /** Appends to a lane as the next transaction of its replica. */
  append(doc: number, of: number, entries: readonly Uint8Array[], moved = false): BlockRef {
    const lane = `${doc}:${of}`
    const ref = { doc, client: client(of), clock: this.#clocks.get(lane) ?? 0 }
    this.#clocks.set(lane, ref.clock + 1)
    const seq = (this.seqs.get(of) ?? 0) + 1
    this.seqs.set(of, seq)
    const content: Block = { seq, seen: VersionVector.ZERO, moved, entries }
    this.log.set(key(ref), { ref, bytes: encodeBlock(content) })
    return ref
  }

  write(doc: number, of: number, entries: readonly Entry[]): BlockRef {
    for (const entry of entries) this.twin.set(entry.id, merge(this.twin.get(entry.id) ?? EMPTY_STATE, stateOf(entry)))
    return this.append(doc, of, entries.map(encodeEntry))
  }

  /** A clock that stands still now and then, so that counters and writers decide too. */
  entry(random: SeededRandom, of: number, ids: number): Entry {
    this.#ms += random.below(2)
    const at = stamp(this.#ms + random.below(4), of, this.#counter++)
    const id = random.chance(0.5) ? random.below(ids) : `id-${random.below(ids)}`
    const roll = random.below(10)
    if (roll < 4) {
      const vectors = new Map(
        ['', 'title', 'body'].filter(() => random.chance(0.6)).map((name) => [name, vector(random)]),
      )
      return { kind: 'put', id, stamp: at, vectors, payload: cells(random) }
    }
    if (roll < 5) return del(id, at)
    return {
      kind: 'patch',
      id,
      stamp: at,
      clear: random.chance(0.3),
      set: cells(random),
      unset: KEYS.filter(() => random.chance(0.2)),
      vectors: new Map(['', 'title', 'new'].filter(() => random.chance(0.3)).map((name) => [name, vector(random)])),
      dropVectors: ['', 'body'].filter(() => random.chance(0.2)),
    }
  }
  #counter = 0
}

const KEYS = ['a', 'b', '__proto__', 'd']
const vector = (random: SeededRandom): Float32Array => Float32Array.from({ length: 3 }, () => random.below(1000) / 7)
const cells = (random: SeededRandom): JsonObject =>
  JSON.parse(
    `{${KEYS.filter(() => random.chance(0.5))
      .map((name) => `"${name}":${random.below(99)}`)
      .join()}}`,
  )

const foldAll = (view: MergedView, world: World, random: SeededRandom): void => {
  for (const { ref, bytes } of random.shuffled(world.log.values())) view.fold(ref, bytes)
}

const expectTwin = (view: MergedView, world: World): void => {
  let live = 0
  let tombstones = 0
  for (const [id, state] of world.twin) {
    const slot = view.find(id)
    const record = visible(state)
    if (slot === undefined) {
      expect(state).toEqual(EMPTY_STATE)
      continue
    }
    expect(view.id(slot)).toBe(id)
    expect(view.isLive(slot)).toBe(record !== undefined)
    expect(view.stamp(slot)).toEqual(state.presence?.stamp)
    if (record === undefined) {
      if (state.presence !== undefined) tombstones++
      expect([view.payload(slot), view.vectorNames(slot), view.vector(slot, '')]).toEqual([{}, [], undefined])
      continue
    }
    live++
    expect(Object.entries(view.payload(slot)).sort()).toEqual(Object.entries(record.payload).sort())
    expect(view.vectorNames(slot).sort()).toEqual([...record.vectors.keys()].sort())
    for (const name of ['', 'title', 'body', 'new', 'none']) {
      expect(view.vector(slot, name)).toEqual(record.vectors.get(name))
      const cell = record.vectors.has(name) ? state.vectors.get(name) : undefined
      expect(view.vectorVersion(slot, name)).toBe(cell && formatStamp(cell.stamp))
    }
  }
  expect([view.liveCount, view.tombstoneCount]).toEqual([live, tombstones])
  expect([...view.liveSlots()]).toHaveLength(live)
}

/** Bytes of the entries that the pure states refer to, each write counted once. */
const liveBytesOf = (world: World): number => {
  const needed = new Map<string, number>()
  for (const { bytes } of world.log.values())
    for (const encoded of decodeBlock(bytes).entries) {
      const entry = decodeEntry(encoded)
      const { presence, cleared, vectors, payload } = world.twin.get(entry.id)!
      const stamps = [presence?.stamp, cleared, ...[...vectors.values(), ...payload.values()].map(({ stamp }) => stamp)]
      const text = formatStamp(entry.stamp)
      if (stamps.some((at) => at !== undefined && formatStamp(at) === text))
        needed.set(`${entry.id}|${text}`, encoded.length)
    }
  return [...needed.values()].reduce((sum, length) => sum + length, 0)
}

const randomWorld = (random: SeededRandom, blocks: number): World => {
  const world = new World()
  for (let i = 0; i < blocks; i++) {
    const of = 1 + random.below(3)
    world.write(
      random.below(2),
      of,
      Array.from({ length: 1 + random.below(6) }, () => world.entry(random, of, 8)),
    )
  }
  return world
}

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

describe('the merged view', () => {
  it('[MV1] is the pure merge of all entries, whatever the order of blocks', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = new SeededRandom(seed)
      const world = randomWorld(random, 30)
      const [a, b] = [world.view(), world.view()]
      foldAll(a, world, random)
      foldAll(b, world, random)
      expectTwin(a, world)
      expect(b.digest.root()).toBe(a.digest.root())
      for (const view of [a, b]) expect(view.liveBytes).toBe(liveBytesOf(world))
      expect(a.logBytes).toBe([...world.log.values()].reduce((sum, { bytes }) => sum + bytes.length, 0))
    }
  })

  it('[MV2] names the slots whose stamps changed, each once, and passes over a block it knows', () => {
    const world = new World()
    const view = world.view()
    const at = (ms: number) => stamp(ms, 1)
    const first = world.write(0, 1, [put('a', at(1)), put('b', at(2)), patch('a', at(3), { x: 1 })])
    const late = world.write(0, 1, [put('b', at(1)), patch('a', at(2), { x: 2 }), patch('b', at(2), {})])
    const [a, b] = [0, 1]
    expect(view.fold(first, world.read(first))).toEqual([a, b])
    expect(view.fold(first, world.read(first))).toEqual([])
    expect(view.fold(late, world.read(late))).toEqual([])
    const removal = world.write(0, 1, [del('b', at(9)), patch('b', at(10), { y: 1 })])
    expect(view.fold(removal, world.read(removal))).toEqual([b])
    expect(view.newestSeq(a)).toBe(1)
    expect(view.newestSeq(b)).toBe(3)
    expect(view.history(a).map(({ what, name, seq, stamp: { ms } }) => [what, name, seq, ms])).toEqual([
      ['payload', 'x', 1, 3],
      ['put', undefined, 1, 1],
    ])
    expectTwin(view, world)
  })

  it('[MV3] sets entries of the future aside until their time', () => {
    const world = new World()
    const view = world.view()
    const now = world.write(0, 1, [put('a', stamp(100, 1)), put('b', stamp(900, 1)), del('a', stamp(700, 1))])
    expect(view.fold(now, world.read(now), { deferAbove: 600 })).toEqual([0])
    expect([view.nextDeferredMs(), view.deferredCount]).toEqual([700, 2])
    expect(view.liveBytes).toBe(decodeBlock(world.read(now)).entries.reduce((sum, entry) => sum + entry.length, 0))
    expect(view.release(699)).toEqual([])
    expect(view.isLive(0)).toBe(true)
    expect(view.release(700)).toEqual([0])
    expect(view.isLive(0)).toBe(false)
    expect(view.release(5_000)).toEqual([1])
    expect(view.nextDeferredMs()).toBeUndefined()
    expect(view.liveBytes).toBe(liveBytesOf(world))
    expectTwin(view, world)
  })

  it('[MV3] is the same view once everything deferred was released', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = new SeededRandom(seed)
      const world = randomWorld(random, 25)
      const [guarded, open] = [world.view(), world.view()]
      for (const { ref, bytes } of random.shuffled(world.log.values())) {
        guarded.fold(ref, bytes, { deferAbove: 1_000 + random.below(60) })
        if (random.chance(0.1)) guarded.release(1_000 + random.below(60))
      }
      foldAll(open, world, random)
      guarded.release(Number.MAX_SAFE_INTEGER)
      expect(guarded.digest.root()).toBe(open.digest.root())
      expect(guarded.liveBytes).toBe(open.liveBytes)
      expectTwin(guarded, world)
    }
  })

  it('[MV4] keeps a needed entry whose block was dropped until something replaces it', () => {
    const world = new World()
    const view = world.view()
    const old = world.write(0, 1, [put('a', stamp(1, 1), 'old')])
    view.fold(old, world.read(old))
    view.drop(old)
    world.log.clear()
    expect(view.payload(0)).toEqual({ value: 'old' })
    expect([view.logBytes, view.liveBytes > 0]).toEqual([0, true])
    const next = world.write(0, 1, [put('a', stamp(2, 1), 'new')])
    expect(view.fold(next, world.read(next))).toEqual([0])
    expect(view.payload(0)).toEqual({ value: 'new' })
    view.drop(old)
    expect(view.liveBytes).toBe(liveBytesOf(world))
  })

  it('[MV5] has equal digests exactly for equal live records', () => {
    const digestOf = (...entries: Entry[]): string => {
      const world = new World()
      const view = world.view()
      for (const entry of entries)
        view.fold(world.write(0, 1, [entry]), world.read({ doc: 0, client: client(1), clock: world.log.size - 1 }))
      return view.digest.root()
    }
    const at = (ms: number) => stamp(ms, 1)
    const a = put('a', at(1))
    const different = [
      digestOf(),
      digestOf(a),
      digestOf(put('a', at(2))),
      digestOf(put('b', at(1))),
      digestOf(a, put('b', at(1))),
      digestOf(a, patch('a', at(2), { x: 1 })),
      digestOf(a, patch('a', at(3), { x: 1 })),
      digestOf(a, patch('a', at(2), { y: 1 })),
      digestOf(a, patch('a', at(2), {}, true)),
      digestOf(a, { ...patch('a', at(2), {}), unset: ['x'] } as Entry),
      digestOf(a, { ...patch('a', at(2), {}), dropVectors: ['x'] } as Entry),
    ]
    expect(new Set(different).size).toBe(different.length)
    expect(digestOf(a, del('a', at(2)))).toBe(digestOf())
    expect(digestOf(put('a', at(2)), patch('a', at(1), { x: 1 }))).toBe(digestOf(put('a', at(2))))
  })
})

describe('cleaning', () => {
  it('[CL1] never changes the view, here, at a peer, or in a view rebuilt from what is left', () => {
    let cleaned = 0
    for (let seed = 1; seed <= 120; seed++) {
      const random = new SeededRandom(seed)
      const world = new World()
      const views = [world.view(), world.view()]
      for (let step = 0; step < 60; step++) {
        const of = 1 + random.below(3)
        const ref = world.write(
          random.below(2),
          of,
          Array.from({ length: 1 + random.below(6) }, () => world.entry(random, of, 8)),
        )
        for (const view of views) view.fold(ref, world.read(ref))
        const stable = VersionVector.of(
          [...world.seqs].map(([of, seq]) => [replica(of), random.chance(0.5) ? seq : random.below(seq + 1)]),
        )
        if (random.chance(0.3)) cleaned += clean(world, views, 1 + random.below(3), random.below(2), stable)
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
    expect(cleaned).toBeGreaterThan(1_000)
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

  it('[MV6] a block read from a large frame does not keep the frame', () => {
    const world = new World()
    const bytes = block(1, [put('a', stamp(1, 1))])
    const frame = new Uint8Array(1 << 20)
    frame.set(bytes, 500)
    const view = world.view()
    const ref = { doc: 0, client: client(1), clock: 0 }
    view.fold(ref, frame.subarray(500, 500 + bytes.length))
    frame.fill(0)
    expect(view.payload(0)).toEqual({ value: 1 })
  })
})
