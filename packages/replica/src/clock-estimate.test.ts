import { expect, test } from 'vitest'
import { ClockEstimate } from './clock-estimate.js'

/** A heartbeat of a peer that is `offsetMs` ahead, heard at `nowMs` after so many ms each way. */
const heard = (estimate: ClockEstimate, nowMs: number, offsetMs: number, [there, back]: readonly [number, number]) =>
  estimate.add({ wallMs: nowMs - back + offsetMs, echoMs: nowMs - there - back - 10, heldMs: 10 }, nowMs)

test('[RP127] the sample with the shortest round trip is believed', () => {
  const estimate = new ClockEstimate()
  heard(estimate, 10_000, 100, [2, 2])
  heard(estimate, 11_000, 100, [2, 200])
  expect(estimate.offsetMs).toBe(100)
})

test('[RP127] a clock that was set is noticed at once, either way, and a slow link is not taken for one', () => {
  const estimate = new ClockEstimate()
  for (let beat = 0; beat < 8; beat++) heard(estimate, 10_000 + beat * 1000, 0, [1, 1])
  heard(estimate, 18_000, 0, [1, 900])
  expect(estimate.offsetMs).toBe(0)
  heard(estimate, 19_000, 3_600_000, [1, 1])
  expect(estimate.offsetMs).toBe(3_600_000)
  heard(estimate, 20_000, -7_200_000, [1, 1])
  expect(estimate.offsetMs).toBe(-7_200_000)
})
