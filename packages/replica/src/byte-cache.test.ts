import { expect, test } from 'vitest'
import { ByteCache } from './byte-cache.js'

test('[RP90] the cache stays within its bytes and spares what was read', () => {
  const cache = new ByteCache<string, number>(100)
  for (let i = 0; i < 10; i++) cache.set(`k${i}`, i, 10)
  expect(cache.get('k0')).toBe(0)
  cache.set('new', 11, 10)
  expect(cache.get('k0')).toBe(0)
  expect(cache.get('k1')).toBeUndefined()
  cache.set('huge', 12, 101)
  expect(cache.get('huge')).toBeUndefined()
  expect(cache.get('new')).toBe(11)
})

test('[RP90] a cache whose entries were all read still makes room', () => {
  const cache = new ByteCache<number, number>(100)
  for (let i = 0; i < 10; i++) cache.set(i, i, 10)
  for (let i = 0; i < 10; i++) cache.get(i)
  for (let i = 10; i < 30; i++) cache.set(i, i, 10)
  let kept = 0
  for (let i = 0; i < 30; i++) if (cache.get(i) !== undefined) kept++
  expect(kept).toBe(10)
})

test('[RP90] a cache that was cleared, or went round many times, still makes room, oldest first', () => {
  const cache = new ByteCache<number, number>(50)
  for (let i = 0; i < 1000; i++) cache.set(i, i, 10)
  const kept = (): number[] => Array.from({ length: 1100 }, (_, i) => i).filter((i) => cache.get(i) !== undefined)
  expect(kept()).toEqual([995, 996, 997, 998, 999])
  // All of them were read just now: each is spared once, and the oldest goes.
  cache.set(1000, 0, 10)
  expect(kept()).toHaveLength(5)
  cache.clear()
  for (let i = 1000; i < 1020; i++) cache.set(i, i, 10)
  expect(kept()).toEqual([1015, 1016, 1017, 1018, 1019])
})
