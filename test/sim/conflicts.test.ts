import { simulate } from '@meridian/sim'
import { expect, test } from 'vitest'
import { range } from './seeds.js'

/**
 * Seeds that found a bug when it was there:
 *  10, 21  a conflict counted as settled because a delete hid it for a while
 *  12, 15  a write was lost sight of when its own conflict, known from before a restart, was over
 *  55      a conflict with a write to a dropped incarnation stayed open
 */
const PINNED = [10, 12, 15, 21, 55]

test('[SM14] every region lists exactly the conflicts that are open, after faults, a late start and a reload', () => {
  const failures = [...PINNED, ...range(100, 25)].flatMap((seed) => {
    try {
      simulate({ seed, areConflictsExact: true, members: false })
      return []
    } catch (error) {
      return [`seed ${seed}: ${(error as Error).message}`]
    }
  })
  expect(failures).toEqual([])
}, 240_000)
