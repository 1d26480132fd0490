import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ABSENT, OrdinalMap } from './ordinal-map.js'

test('[IX44] rows are found by ordinal as in a Map, whatever the ordinals', () => {
  const key = fc.oneof(fc.nat(50), fc.integer({ min: 4000, max: 9000 }), fc.constantFrom(0xfffffffe, 2 ** 31))
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), key, fc.nat(1000)), { maxLength: 200 }), (steps) => {
      const map = new OrdinalMap()
      const twin = new Map<number, number>()
      for (const [isSet, at, value] of steps) {
        if (isSet) {
          map.set(at, value)
          twin.set(at, value)
        } else {
          map.delete(at)
          twin.delete(at)
        }
        expect(map.size).toBe(twin.size)
        for (const [, each] of steps) expect(map.get(each)).toBe(twin.get(each) ?? ABSENT)
      }
    }),
    { numRuns: 100 },
  )
})
