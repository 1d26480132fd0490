import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ThreadClock, tickMs } from './thread-times.js'

test('[BN25] the times of threads are read whatever the threads are called, and told apart', () => {
  expect(tickMs('7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 12 5 0 0 20 0 11 0 3 1 1')).toBe(170)
  const clock = new ThreadClock(process.pid)
  const before = process.cpuUsage()
  for (let used = 0; used < 100_000; ) {
    const { user, system } = process.cpuUsage(before)
    used = user + system
  }
  const { main, worker, rest } = clock.read()
  expect(main + worker + rest > 0).toBe(existsSync('/proc/self/task'))
  expect(new ThreadClock(0).read()).toEqual({ main: 0, worker: 0, rest: 0 })
})
