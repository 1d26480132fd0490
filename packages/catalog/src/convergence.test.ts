import { StoreError } from '@meridian/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Catalog } from './catalog.js'
import { create, drop, edit, member, openAs } from './testing/fixture.js'

/** A step of a run over three replicas: an edit, a delivery of one change to one, a restart, or a state transfer. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('create' as const),
      at: fc.nat(2),
      name: fc.constantFrom('p', 'q', 'r'),
      size: fc.integer({ min: 1, max: 2 }),
      ms: fc.nat(5),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('drop' as const), at: fc.nat(2), pick: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('member' as const),
      at: fc.nat(2),
      replica: fc.integer({ min: 1, max: 4 }),
      status: fc.constantFrom('joining' as const, 'active' as const, 'retired' as const),
      store: fc.constantFrom('s', 't'),
      since: fc.nat(3),
    }),
  },
  { weight: 8, arbitrary: fc.record({ type: fc.constant('deliver' as const), at: fc.nat(2), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const), at: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('transfer' as const), at: fc.nat(2), from: fc.nat(2) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const take = (catalogs: Catalog[], log: Uint8Array[], move: Step, n: number): void => {
  const catalog = catalogs[move.at]!
  switch (move.type) {
    case 'create':
      log.push(...edit(catalog, create(move.name, n, { size: move.size, ms: move.ms })))
      break
    case 'drop': {
      const visible = catalog.collections()
      if (visible.length > 0) log.push(...edit(catalog, drop(...visible[move.pick % visible.length]!.uids)))
      break
    }
    case 'member':
      log.push(
        ...edit(catalog, member(move.replica, { status: move.status, storeId: move.store, sinceMs: move.since })),
      )
      break
    case 'deliver':
      if (log.length > 0) catalog.apply([log[move.pick % log.length]!])
      break
    case 'restart':
      catalogs[move.at] = openAs(move.at + 1, catalog.save())
      catalog.close()
      break
    case 'transfer':
      catalog.merge(catalogs[move.from]!.save())
  }
}

it('[CM9] three replicas with random edits, deliveries, restarts and transfers end equal, as does one that heard it all in order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const catalogs = [openAs(1), openAs(2), openAs(3)]
      const log: Uint8Array[] = []
      steps.forEach((move, at) => {
        try {
          take(catalogs, log, move, at)
        } catch (error) {
          // An edit that the state forbids.
          if (!(error instanceof StoreError)) throw error
          expect(['COLLECTION_EXISTS', 'VALIDATION', 'IDENTITY_CONFLICT']).toContain(error.code)
        }
      })
      const witness = openAs(9)
      witness.apply(log)
      catalogs.forEach((catalog, at) => {
        catalog.apply(at === 0 ? log : log.slice().reverse())
        expect(catalog.parkedCount).toBe(0)
        expect(catalog.canonicalState()).toBe(witness.canonicalState())
        expect(catalog.collections()).toEqual(witness.collections())
        expect(catalog.conflicts()).toEqual(witness.conflicts())
        expect(catalog.history(1000)).toEqual(witness.history(1000))
      })
      for (const each of [...catalogs, witness]) each.close()
    }),
    { numRuns: 150 },
  )
})
