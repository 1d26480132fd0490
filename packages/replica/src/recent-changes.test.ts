import { expect, test } from 'vitest'
import { RecentChanges } from './recent-changes.js'

test('[RP92] changes since a mark are told exactly, and not at all once they may have been forgotten', () => {
  const changes = new RecentChanges()
  const start = changes.mark
  expect([...changes.since(start)!]).toEqual([])
  for (const ordinal of [7, 3, 7]) changes.add(ordinal)
  expect([...changes.since(start)!].sort()).toEqual([3, 7])
  const later = changes.mark
  expect([...changes.since(later)!]).toEqual([])
  for (let i = 0; i < 4096; i++) changes.add(i)
  expect(changes.since(later)?.size).toBe(4096)
  expect(changes.since(start)).toBeUndefined()
  const last = changes.mark
  changes.addAll()
  expect(changes.since(last)).toBeUndefined()
})
