import { expect, test } from 'vitest'
import { type BreakerRound, breakerGoals } from './breaker.js'

const times = { p50Ms: 1, p95Ms: 1.5, p99Ms: 2 }
const round: BreakerRound = {
  without: times,
  during: times,
  p99Ratio: 1,
  trips: 2,
  stoodStill: 0.8,
  progress: [0.1, 0.4],
  completedAfterMs: 3000,
}
const metOf = (rounds: readonly BreakerRound[], p99Ratio = 1): boolean[] =>
  breakerGoals({ rounds, p99Ratio }).map(({ isMet }) => isMet)

test('[BN28] a load that stopped nothing, took twice as long, or came too late tells nothing of the breaker', () => {
  expect(metOf([round, round])).toEqual([true, true, true])
  expect(metOf([round, { ...round, trips: 0 }])).toEqual([false, true, true])
  expect(metOf([round, round], 2.01)).toEqual([true, false, true])
  expect(metOf([round, { ...round, progress: [0.1, 1] }])).toEqual([true, true, false])
})
