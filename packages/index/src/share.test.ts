import { expect, test } from 'vitest'
import { Share } from './share.js'

/** Milliseconds of a second that it works: in turns of 2 ms, each followed by others that take `othersMs`. */
const workedMs = (share: number, othersMs: number): number => {
  let nowMs = 5000
  const due = new Share(nowMs)
  let worked = 0
  while (nowMs < 6000) {
    nowMs += othersMs
    if (due.restMs(nowMs) > 0) nowMs += othersMs === 0 ? due.restMs(nowMs) : 0
    else {
      nowMs += 2
      worked += 2
      due.took(nowMs, 2, share)
    }
  }
  return worked
}

test('[IX62] a share is one of all the time, whether others take long turns or none', () => {
  for (const share of [0.05, 0.1, 0.25, 0.5])
    for (const othersMs of [0, 0.3, 1, 2]) {
      expect(workedMs(share, othersMs)).toBeGreaterThan(1000 * share - 10)
      expect(workedMs(share, othersMs)).toBeLessThan(1000 * share + 10)
    }
  expect(workedMs(1, 0)).toBe(1000)
  // Others that take more than is left of the time have it.
  expect(workedMs(0.5, 6)).toBe(250)
})

test('[IX62] what it missed is made up for, a tenth of a second of it at most', () => {
  const due = new Share(0)
  expect(due.restMs(0)).toBe(0)
  due.took(2, 2, 0.1)
  expect(due.restMs(2)).toBe(18)
  expect(due.restMs(10_000)).toBe(0)
  let turns = 0
  for (let nowMs = 10_000; due.restMs(nowMs) === 0; turns++) {
    nowMs += 2
    due.took(nowMs, 2, 0.1)
  }
  // Each turn of 2 ms is 20 ms of its time.
  expect(turns).toBe(6)
})
