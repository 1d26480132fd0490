import { simulate } from '@meridian/sim'
import { expect, test } from 'vitest'
import {
  CHANGING_SEEDS,
  failuresOf,
  MEMBER_SEEDS,
  PINNED_BARRIER_SEEDS,
  PINNED_FOR_MS,
  PINNED_SEEDS,
  POLICY_SEEDS,
  PURGE_SEEDS,
  range,
  REPAIR_SEEDS,
} from './seeds.js'

/** Before operators changed anything: what they do makes another run of a seed, or a run that finds something else. */
const AS_THEN = { members: false, policies: false }

test('[SM1] seeds that once found a bug pass', () => {
  expect(failuresOf(PINNED_SEEDS, { ...AS_THEN, forMs: PINNED_FOR_MS, barriers: false })).toEqual([])
  expect(failuresOf(PINNED_BARRIER_SEEDS, AS_THEN)).toEqual([])
  expect(failuresOf(REPAIR_SEEDS, AS_THEN)).toEqual([])
}, 120_000)

test('[SM13] deletes are forgotten, and seeds that found a bug in that pass', () => {
  expect(failuresOf(PURGE_SEEDS, AS_THEN)).toEqual([])
  expect(simulate({ ...AS_THEN, seed: 58 }).purged).toBeGreaterThan(10)
}, 120_000)

test('[SM17] seeds that found a bug in changes of the membership pass', () => {
  expect(failuresOf(MEMBER_SEEDS, { members: true, policies: false })).toEqual([])
  expect(failuresOf(range(16, 4), { drill: true })).toEqual([])
}, 120_000)

test('[SM21] seeds that found a bug in changes of the policy pass', () => {
  expect(failuresOf(POLICY_SEEDS, { policies: true, members: false, forMs: 4000 })).toEqual([])
  expect(failuresOf(CHANGING_SEEDS, { policies: true })).toEqual([])
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
  expect([9, 11, 12].map((seed) => simulate({ seed, amnesia: true, members: false }).seed)).toEqual([9, 11, 12])
}, 120_000)
