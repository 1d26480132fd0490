import type { Collection } from '@meridian/replica'
import { expect, test } from 'vitest'
import { placeOf } from './hit.js'

/** Ids by ordinal; those of `dead` stand for deleted records. */
const holding = (ids: readonly number[], dead: readonly number[] = []): Collection => {
  const isLive = (ordinal: number): boolean => ordinal in ids && !dead.includes(ids[ordinal]!)
  return {
    isLive,
    id: (ordinal: number) => ids[ordinal]!,
    find: (id: number) => (isLive(ids.indexOf(id)) ? ids.indexOf(id) : undefined),
  } as Partial<Collection> as Collection
}

test('[HT77] a hit is shown from where its record is now, wherever it was when it was found', () => {
  const hit = { id: 7, score: 1, ordinal: 1 }
  expect(placeOf(holding([5, 7]), hit)).toBe(1)
  expect(placeOf(holding([5, 8, 7]), hit)).toBe(2)
  expect(placeOf(holding([7]), hit)).toBe(0)
  expect(placeOf(holding([5, 8]), hit)).toBeUndefined()
  expect(placeOf(holding([5, 7], [7]), hit)).toBeUndefined()
  expect(placeOf(holding([5, 7]), { id: 7, score: 1 })).toBe(1)
})
