import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Catalog } from './catalog.js'
import type { CatalogMutation } from './mutation.js'
import { resolve } from './resolve.js'
import type { CatalogCollection } from './state.js'
import { create, drop, EU, edit, member, openAs, uidOf, US } from './testing/fixture.js'

/** Two regions make their edits apart and then exchange them; both catalogs, and a third that heard them the other way. */
const apart = (
  before: readonly CatalogMutation[],
  mine: readonly CatalogMutation[],
  theirs: readonly CatalogMutation[],
): Catalog[] => {
  const [a, b, c] = [openAs(1), openAs(2), openAs(3)]
  const shared = before.flatMap((each) => edit(a, each))
  b.apply(shared)
  const fromA = mine.flatMap((each) => edit(a, each))
  const fromB = theirs.flatMap((each) => edit(b, each))
  a.apply(fromB)
  b.apply(fromA)
  c.apply([...fromB, ...fromA, ...shared])
  return [a, b, c]
}

describe('resolution', () => {
  it('[RS1] one name, equal configurations: one collection, the eldest uid, all uids', () => {
    for (const catalog of apart([], [create('p', 8, { ms: 20 })], [create('p', 9, { ms: 10, region: US })])) {
      expect(catalog.collections()).toMatchObject([{ name: 'p', uid: uidOf(9), uids: [uidOf(9), uidOf(8)] }])
      expect(catalog.conflicts()).toEqual([])
      edit(catalog, drop(...catalog.find('p')!.uids))
      expect(catalog.collections()).toEqual([])
    }
  })

  it('[RS2] one name, unequal configurations: the elder keeps it, the other is name~uid with a conflict', () => {
    const other = `p~${uidOf(8)}`
    for (const catalog of apart([], [create('p', 8, { ms: 20, size: 5 })], [create('p', 9, { ms: 10, region: US })])) {
      expect(catalog.collections().map((each) => [each.name, each.uid, each.conflictOf])).toEqual([
        ['p', uidOf(9), undefined],
        [other, uidOf(8), 'p'],
      ])
      expect(catalog.find(other)?.config.vectors['']?.size).toBe(5)
      expect(catalog.conflicts()).toEqual([
        {
          name: 'p',
          keptUid: uidOf(9),
          keptConfig: catalog.find('p')!.config,
          keptBy: US,
          otherUid: uidOf(8),
          otherName: other,
          otherConfig: catalog.find(other)!.config,
          otherBy: EU,
        },
      ])
    }
  })

  it('[RS3] when the holder of a name is dropped, the next eldest takes it, and its conflict name still finds it', () => {
    for (const catalog of apart([], [create('p', 8, { ms: 20, size: 5 })], [create('p', 9, { ms: 10 })])) {
      edit(catalog, drop(uidOf(9)))
      expect(catalog.conflicts()).toEqual([])
      expect(catalog.collections().map((each) => each.name)).toEqual(['p'])
      expect(catalog.find(`p~${uidOf(8)}`)?.uid).toBe(uidOf(8))
      expect(catalog.find(`p~${uidOf(9)}`)).toBeUndefined()
      expect(catalog.find(`q~${uidOf(8)}`)).toBeUndefined()
    }
  })

  it('[RS4] a collection created anew while the old one is dropped elsewhere stays', () => {
    const [old, anew] = [uidOf(1), uidOf(2)]
    const before = [create('p', 1)]
    for (const catalog of apart(before, [drop(old)], [drop(old), create('p', 2)])) {
      expect(catalog.collections()).toMatchObject([{ name: 'p', uids: [anew] }])
    }
    const [a, b] = apart([], [create('p', 1), drop(old)], [create('p', 2, { size: 9 })])
    expect(a!.collections()).toMatchObject([{ name: 'p', uids: [anew] }])
    expect(b!.canonicalState()).toBe(a!.canonicalState())
  })

  it('[RS5] a drop covers what its author saw: an equal collection made elsewhere meanwhile stays', () => {
    for (const catalog of apart([create('p', 1)], [drop(uidOf(1))], [drop(uidOf(1)), create('p', 3)])) {
      expect(catalog.find('p')?.uids).toEqual([uidOf(3)])
    }
  })

  it('[RS6] of a member’s concurrent entries the furthest status counts, and of two stores the newer', () => {
    for (const catalog of apart([member(7)], [member(7, { status: 'retired' })], [member(7, { url: 'http://x' })])) {
      expect(catalog.members()).toMatchObject([{ replica: 7, status: 'retired' }])
    }
    const restored = member(7, { storeId: 'new', status: 'joining', sinceMs: 9 })
    for (const catalog of apart([member(7)], [member(7, { status: 'retired' })], [restored])) {
      expect(catalog.members()).toMatchObject([{ storeId: 'new', status: 'joining' }])
    }
  })

  it('[RS7] two regions that take one replica number are named', () => {
    for (const catalog of apart([], [member(7, { region: EU })], [member(7, { region: US, storeId: 'x' })])) {
      expect(catalog.members()).toHaveLength(1)
      expect(catalog.problems()).toEqual([expect.stringContaining('claimed by the regions eu, us')])
    }
  })

  const incarnation = fc.record({
    n: fc.nat(40),
    name: fc.constantFrom('a', 'b'),
    size: fc.integer({ min: 1, max: 3 }),
    ms: fc.nat(3),
    dropped: fc.boolean(),
  })

  it('[RS8] resolution does not look at order, and every live incarnation is in exactly one collection', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(incarnation, { selector: (each) => each.n, maxLength: 12 }),
        fc.infiniteStream(fc.nat()),
        (all, order) => {
          const made = all.map(({ n, name, size, ms, dropped }): CatalogCollection => {
            const mutation = create(name, n, { size: size, ms })
            if (mutation.type !== 'createCollection') throw new Error('unexpected')
            const { uid, config, stamp, nowMs } = mutation
            const base = {
              uid,
              name,
              config,
              configText: JSON.stringify(config),
              createdAtMs: nowMs,
              createdBy: EU,
              stamp,
            }
            return dropped ? { ...base, dropped: { atMs: 1, by: EU } } : base
          })
          const shuffled = made
            .map((each) => [order.next().value as number, each] as const)
            .sort(([a], [b]) => a - b)
            .map(([, each]) => each)
          const one = resolve(made)
          const two = resolve(shuffled)
          expect([...two.collections]).toEqual([...one.collections])
          expect(two.conflicts).toEqual(one.conflicts)
          const placed = [...one.collections.values()].flatMap((each) => each.uids)
          expect(placed.slice().sort()).toEqual(
            made
              .filter((each) => each.dropped === undefined)
              .map((each) => each.uid)
              .sort(),
          )
          expect(one.conflicts).toHaveLength(
            [...one.collections.values()].filter((each) => each.conflictOf !== undefined).length,
          )
        },
      ),
      { numRuns: 300 },
    )
  })
})
