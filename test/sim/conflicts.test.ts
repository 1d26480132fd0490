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

const failuresOf = (seeds: readonly number[], policies: boolean): string[] =>
  seeds.flatMap((seed) => {
    try {
      simulate({ seed, areConflictsExact: true, members: false, policies })
      return []
    } catch (error) {
      return [`seed ${seed}: ${(error as Error).message}`]
    }
  })

test('[SM22] every region lists exactly the conflicts that are open, after faults, a late start and a reload', () => {
  expect(failuresOf([...PINNED, ...range(100, 25)], false)).toEqual([])
}, 240_000)

test('[SM22] also when the policies have changed in between', () => {
  expect(failuresOf(range(1, 8), true)).toEqual([])
}, 240_000)
