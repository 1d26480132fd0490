import { decodeBlock, type Entry, StoreError } from '@meridian/core'
import { SeededRandom } from '@meridian/core/testing'
import { describe, expect, it } from 'vitest'
import { MergedView } from './merged-view.js'
import { block, client, del, patch, put, stamp } from './test-support.js'
import { expectTwin, foldAll, liveBytesOf, randomWorld, World } from './test-world.js'

describe('the merged view', () => {
  it('[MV1] is the pure merge of all entries, whatever the order of blocks', () => {
    for (let seed = 1; seed <= 80; seed++) {
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
      for (const { ref, bytes } of random.shuffled([...world.log.values()])) {
        guarded.fold(ref, bytes, { deferAbove: 1_000 + random.int(60) })
        if (random.chance(0.1)) guarded.release(1_000 + random.int(60))
      }
      foldAll(open, world, random)
      guarded.release(Number.MAX_SAFE_INTEGER)
      expect(guarded.digest.root()).toBe(open.digest.root())
      expect(guarded.liveBytes).toBe(open.liveBytes)
      expectTwin(guarded, world)
    }
  })

  it('[MV4] keeps a needed entry whose block was dropped until something replaces it', () => {
    for (const holds of [true, false]) {
      const world = new World()
      const view = world.view()
      const old = world.write(0, 1, [put('a', stamp(1, 1), 'old')])
      view.fold(old, world.read(old))
      if (holds) view.hold(old)
      if (holds) world.log.clear()
      view.drop(old)
      world.log.clear()
      expect(view.payload(0)).toEqual({ value: 'old' })
      expect([view.logBytes, view.liveBytes > 0]).toEqual([0, true])
      const next = world.write(0, 1, [put('a', stamp(2, 1), 'new')])
      expect(view.fold(next, world.read(next))).toEqual([0])
      expect(view.payload(0)).toEqual({ value: 'new' })
      view.drop(old)
      expect(view.liveBytes).toBe(liveBytesOf(world))
    }
  })

  it('[MV4] keeps the state, and says so on reading, when the bytes of a dropped block are gone', () => {
    const world = new World()
    const view = new MergedView((ref) => {
      throw new StoreError('STORAGE_CORRUPT', `block ${ref.clock} is missing`)
    })
    const old = world.write(0, 1, [put('a', stamp(1, 1), 'x'.repeat(300_000))])
    view.fold(old, world.read(old))
    view.drop(old)
    expect([view.isLive(0), view.vectorNames(0)]).toEqual([true, ['']])
    expect(() => view.payload(0)).toThrow('block 0 is missing')
    const next = world.write(0, 1, [del('a', stamp(2, 1))])
    expect(view.fold(next, world.read(next))).toEqual([0])
    expectTwin(view, world)
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
