import { simulate } from '@meridian/sim'
import { expect, test } from 'vitest'
import {
  failuresOf,
  MEMBER_SEEDS,
  PINNED_BARRIER_SEEDS,
  PINNED_FOR_MS,
  PINNED_SEEDS,
  PURGE_SEEDS,
  range,
  REPAIR_SEEDS,
} from './seeds.js'

test('[SM1] seeds that once found a bug pass', () => {
  expect(failuresOf(PINNED_SEEDS, { forMs: PINNED_FOR_MS, barriers: false, members: false })).toEqual([])
  expect(failuresOf(PINNED_BARRIER_SEEDS, { members: false })).toEqual([])
  expect(failuresOf(REPAIR_SEEDS, { members: false })).toEqual([])
}, 120_000)

test('[SM13] deletes are forgotten, and seeds that found a bug in that pass', () => {
  expect(failuresOf(PURGE_SEEDS, { members: false })).toEqual([])
  expect(simulate({ seed: 58, members: false }).purged).toBeGreaterThan(10)
}, 120_000)

test('[SM17] seeds that found a bug in changes of the membership pass', () => {
  expect(failuresOf(MEMBER_SEEDS, { members: true })).toEqual([])
  expect(failuresOf(range(16, 4), { drill: true })).toEqual([])
}, 120_000)

test('[SM12] searches under a barrier are asked for and answered', () => {
  const answered = range(1, 3).map((seed) => simulate({ seed, members: false }).barriers)
  expect(Math.min(...answered)).toBeGreaterThan(10)
})

test('[SM2] a seed names one run', () => {
  const run = (): string => {
    const lines: string[] = []
    const report = simulate({ seed: 7, trace: (line) => lines.push(line) })
    return `${lines.join('\n')}\n${JSON.stringify(report)}`
  }
  expect(run()).toBe(run())
})

test('[SM15] disks rot, and every row is sound again in the end', () => {
  const reports = [1, 7, 10].map((seed) => simulate({ seed, rot: true, members: false }))
  expect(Math.min(...reports.map(({ rotted }) => rotted))).toBeGreaterThan(3)
  expect(reports.reduce((sum, { repaired }) => sum + repaired, 0)).toBeGreaterThan(10)
}, 120_000)

test('[SM19] what the views of a region miss is found by digests and repaired', () => {
  expect([5, 9, 11].map((seed) => simulate({ seed, amnesia: true, members: false }).seed)).toEqual([5, 9, 11])
}, 120_000)
