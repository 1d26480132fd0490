import { type Entry, orderOf, type Stamp, VersionVector, visible } from '@meridian/core'
import { SeededRandom } from '@meridian/core/testing'
import { describe, expect, it } from 'vitest'
import { MergedView } from './merged-view.js'
import { del, patch, put, replica, stamp } from './test-support.js'
import { key, World } from './test-world.js'

const everything = VersionVector.of([1, 2, 3].map((of) => [replica(of), 1e6] as const))
const options = { mine: replica(1), stable: everything, upToMs: 1e9 }

/** Blocks leave their lanes. */
const dropAll = (world: World, view: MergedView, isGone: (of: number) => boolean = () => true): void => {
  for (const { ref } of [...world.log.values()]) {
    if (!isGone(ref.client >>> 24)) continue
    view.drop(ref)
    world.log.delete(key(ref))
  }
}

const letGo = (view: MergedView): number[] => {
  view.collectLoose(1000)
  const slots = view.looseSlots(1000)
  view.letGo(slots)
  return slots.filter((slot) => view.free(slot))
}

describe('forgetting', () => {
  it('[FG2] only what hides nothing, is held by all, and can be met by nothing older', () => {
    const world = new World()
    const view = world.view()
    const fold = (ref: Parameters<MergedView['fold']>[0], deferAbove?: number) =>
      view.fold(ref, world.read(ref), { deferAbove })
    const old = world.write(0, 2, [put('a', stamp(5, 2))])
    fold(old)
    fold(world.write(0, 1, [del('a', stamp(10, 1))]))
    const slot = view.find('a')!
    expect(view.isForgettable(slot, options)).toBe(false)
    view.drop(old)
    expect(view.isForgettable(slot, options)).toBe(true)
    expect(view.isForgettable(slot, { ...options, upToMs: 9 })).toBe(false)
    expect(view.isForgettable(slot, { ...options, mine: replica(2) })).toBe(false)
    expect(view.isForgettable(slot, { ...options, stable: VersionVector.of([[replica(1), 0]]) })).toBe(false)
    fold(world.write(1, 3, [put('a', stamp(900, 3))]), 600)
    expect(view.isForgettable(slot, options)).toBe(false)
  })

  it('[FG3] a patch without a record, but not one that a put may still meet', () => {
    const world = new World()
    const view = world.view()
    const ref = world.write(0, 1, [patch('a', stamp(10, 1), { x: 1 })])
    view.fold(ref, world.read(ref))
    const slot = view.find('a')!
    expect(view.isForgettable(slot, { ...options, upToMs: 9 })).toBe(false)
    expect(view.isForgettable(slot, options)).toBe(true)
    view.forget(slot)
    expect(view.history(slot)).toEqual([])
    expect(view.cleaningPlan({ mine: replica(1), stable: everything, doc: 0 })).toEqual({ drop: [ref], moved: [] })
  })

  it('[FG16] nothing that carries content, by whatever policy it is looked at', () => {
    const version = (at: Stamp, of: number, model = 'a'): Stamp => ({
      ...at,
      content: { generation: 0, version: of, model },
    })
    const forgettable = (order: MergedView['order'], ...entries: Entry[]): boolean => {
      const world = new World()
      const view = new MergedView((ref) => world.read(ref), undefined, order)
      const ref = world.write(0, 1, entries)
      view.fold(ref, world.read(ref))
      return view.isForgettable(view.find('a')!, options)
    }
    const decides = orderOf({ kind: 'content-model', models: { a: 1 } })
    const plain = del('a', stamp(10, 1))
    const states: [Entry[], boolean][] = [
      [[plain], true],
      [[plain, patch('a', stamp(11, 1), { x: 1 }, true)], true],
      [[del('a', version(stamp(10, 1), 5))], false],
      [[del('a', version(stamp(10, 1), 0))], false],
      [[del('a', version(stamp(10, 1), 0, 'unranked'))], false],
      [[plain, patch('a', version(stamp(11, 1), 5), {}, true)], false],
      [[plain, patch('a', version(stamp(11, 1), 5), { x: 1 })], false],
    ]
    for (const [entries, isIt] of states) {
      expect(forgettable(decides, ...entries)).toBe(isIt)
      expect(forgettable(orderOf({ kind: 'newest' }), ...entries)).toBe(isIt)
    }
  })

  it('[FG8] never changes live records, whatever is forgotten and let go in between', () => {
    let forgotten = 0
    for (let seed = 1; seed <= 30; seed++) {
      const random = new SeededRandom(seed)
      const world = new World()
      const view = world.view()
      for (let step = 0; step < 60; step++) {
        const of = 1 + random.int(3)
        const entries = Array.from({ length: 1 + random.int(4) }, () => world.entry(random, of, 6))
        const ref = world.write(0, of, entries)
        view.fold(ref, world.read(ref))
        for (const owner of [1, 2, 3]) {
          const mine = replica(owner)
          const plan = view.cleaningPlan({ mine, stable: everything, doc: 0, amplificationMax: 1.2 })
          if (plan !== undefined && plan.moved.length > 0) {
            const moved = world.append(0, owner, plan.moved, true)
            view.fold(moved, world.read(moved))
          }
          for (const dropped of plan?.drop ?? []) {
            view.drop(dropped)
            world.log.delete(key(dropped))
          }
          for (let slot = 0; slot < view.slotCount; slot++)
            // Stamps to come are at most 3 ms below the newest.
            if (view.isForgettable(slot, { mine, stable: everything, upToMs: view.newestMs - 4 })) {
              view.forget(slot)
              forgotten++
            }
        }
        letGo(view)
      }
      let live = 0
      for (const [id, state] of world.twin) {
        const record = visible(state)
        const slot = view.find(id)
        expect(slot !== undefined && view.isLive(slot)).toBe(record !== undefined)
        if (record === undefined) continue
        live++
        expect(Object.entries(view.payload(slot!)).sort()).toEqual(Object.entries(record.payload).sort())
      }
      expect(view.liveCount).toBe(live)
      const rebuilt = world.view()
      for (const { ref, bytes } of world.log.values()) rebuilt.fold(ref, bytes)
      expect(rebuilt.digest.root()).toBe(view.digest.root())
    }
    expect(forgotten).toBeGreaterThan(100)
  })

  it('[FG8] lets go of what rests on removed blocks alone, and gives its number to another after a round', () => {
    const world = new World()
    const view = world.view()
    const write = (of: number, ...entries: Parameters<World['write']>[2][number][]) => {
      const ref = world.write(0, of, entries)
      view.fold(ref, world.read(ref))
    }
    write(1, put('a', stamp(1, 1)), put('b', stamp(1, 1, 1)))
    write(2, patch('b', stamp(2, 2), { x: 1 }))
    dropAll(world, view, (of) => of === 1)
    expect([view.liveCount, view.orphanCount, view.looseCount]).toEqual([2, 2, 2])
    const freed = letGo(view)
    expect(freed).toEqual([0])
    expect([view.liveCount, view.orphanCount, view.looseCount, view.find('a')]).toEqual([0, 0, 0, undefined])
    expect(view.history(view.find('b')!).map(({ what }) => what)).toEqual(['payload'])
    write(1, put('c', stamp(3, 1)))
    expect(view.find('c')).toBe(2)
    letGo(view)
    write(1, put('d', stamp(4, 1)))
    expect([view.find('d'), view.id(0), view.slotCount]).toEqual([0, 'd', 3])
    view.collectLoose(10)
    expect(view.looseSlots(10)).toEqual([])
  })

  it('[FG17] what was below something that another policy had cleaned shows when that is let go', () => {
    const world = new World()
    const order = orderOf({ kind: 'content-model', models: {} })
    const view = (): MergedView => new MergedView((ref) => world.read(ref), undefined, order)
    const of = (at: Stamp, version: number): Stamp => ({ ...at, content: { generation: 0, version, model: '' } })
    // Where the newest wins the delete does, and the owner of the first may clean that: see `planCleaning`.
    world.write(0, 1, [put('a', of(stamp(2, 1), 5), 'first'), put('b', of(stamp(2, 1, 1), 5))])
    world.write(0, 2, [put('a', of(stamp(3, 2), 3), 'second'), put('c', stamp(3, 2, 1))])
    world.write(0, 3, [patch('a', of(stamp(3, 3), 4), { x: 1 }), del('a', stamp(4, 3)), del('b', stamp(4, 3, 1))])
    const here = view()
    for (const { ref, bytes } of world.log.values()) here.fold(ref, bytes)
    dropAll(world, here, (owner) => owner === 1)
    expect(here.payload(here.find('a')!)).toEqual({ value: 'first' })
    here.collectLoose(10)
    const slots = here.looseSlots(10)
    expect(here.letGo(slots).sort()).toEqual(slots.sort())
    expect(here.payload(here.find('a')!)).toEqual({ value: 'second', x: 1 })
    expect([here.isLive(here.find('b')!), here.tombstoneCount]).toEqual([false, 1])
    const rebuilt = view()
    for (const { ref, bytes } of world.log.values()) rebuilt.fold(ref, bytes)
    expect(here.digest.root()).toBe(rebuilt.digest.root())
    expect(here.liveBytes).toBe(rebuilt.liveBytes)
  })

  it('[FG8] keeps an id that is named again before its turn', () => {
    const world = new World()
    const view = world.view()
    const gone = world.write(0, 1, [del('a', stamp(1, 1))])
    view.fold(gone, world.read(gone))
    view.drop(gone)
    view.collectLoose(10)
    const next = world.write(0, 1, [put('a', stamp(2, 1))])
    view.fold(next, world.read(next))
    expect(view.looseSlots(10)).toEqual([])
    expect(letGo(view)).toEqual([])
    expect([view.liveCount, view.looseCount]).toEqual([1, 0])
  })
})
