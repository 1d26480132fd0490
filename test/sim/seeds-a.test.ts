import { expect, test } from 'vitest'
import { faultsOf, range, runSeeds, SUITE_FOR_MS } from './seeds.js'

test('[SM1] seeds 1 to 75 keep every promise; [SM18] and every fault occurs in them', () => {
  const { failures, reports } = runSeeds(range(1, 75), { forMs: SUITE_FOR_MS })
  expect(failures).toEqual([])
  const faults = faultsOf(reports)
  const rare = Object.entries(faults).filter(([, seeds]) => seeds < 3)
  expect(rare, JSON.stringify(faults)).toEqual([])
}, 240_000)
