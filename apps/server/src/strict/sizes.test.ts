import { StoreError } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import { expect, test } from 'vitest'
import { Sizes } from './sizes.js'

/** Records of a vector of two numbers and a payload of eight bytes; `looked` counts those that were read. */
const collection = (records: { live: number; damaged: ReadonlySet<number>; looked: number }): Collection =>
  ({
    get liveCount() {
      return records.live
    },
    ordinals: () => Array.from({ length: records.live }, (_, ordinal) => ordinal),
    vectorNames: () => [''],
    vector: () => Float32Array.of(1, 2),
    payload: (ordinal: number) => {
      records.looked++
      if (records.damaged.has(ordinal)) throw new StoreError('STORAGE_CORRUPT', 'damaged')
      return { a: 17 }
    },
  }) as unknown as Collection

const sizes = () => new Sizes(() => ({ memory: 0, disk: 0 }))

test('[SR5] a damaged record is left out of the estimate, and stops no write', () => {
  const all = new Set(Array.from({ length: 100 }, (_, ordinal) => ordinal))
  expect(sizes().of(collection({ live: 100, damaged: new Set([3]), looked: 0 }))).toEqual({ vector: 800, payload: 800 })
  expect(sizes().of(collection({ live: 100, damaged: all, looked: 0 }))).toEqual({ vector: 0, payload: 0 })
})

test('[SR5] an estimate serves many writes, grows with the records, and is made anew when they have changed much', () => {
  const records = { live: 20_000, damaged: new Set<number>(), looked: 0 }
  const of = collection(records)
  const one = sizes()
  expect(one.of(of)).toEqual({ vector: 160_000, payload: 160_000 })
  expect(records.looked).toBeLessThanOrEqual(256)
  const once = records.looked
  for (let write = 0; write < 50; write++) {
    records.live++
    expect(one.of(of).payload).toBeCloseTo(8 * records.live)
  }
  expect(records.looked).toBe(once)
  records.live = 30_000
  expect(one.of(of).payload).toBeCloseTo(240_000)
  expect(records.looked).toBeGreaterThan(once)
  // Changes of records that are there are noticed, if later.
  const twice = records.looked
  for (let write = 0; write < 100; write++) one.of(of)
  expect(records.looked).toBeGreaterThan(twice)
})
