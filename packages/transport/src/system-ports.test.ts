import { expect, test, vi } from 'vitest'
import { systemClock, systemRandom, systemTimers } from './system-ports.js'

test('[TR60] a disposed timer does not run, others run in order of their delays', async () => {
  const ran: string[] = []
  await new Promise<void>((resolve) => {
    systemTimers.after(15, resolve)
    systemTimers.after(5, () => ran.push('late'))
    systemTimers.after(0, () => ran.push('soon'))
    systemTimers.after(1, () => ran.push('never'))[Symbol.dispose]()
  })
  expect(ran).toEqual(['soon', 'late'])
})

test('[TR60] a delay beyond what the platform can count is waited for in full', () => {
  vi.useFakeTimers()
  try {
    const run = vi.fn()
    const days = 24 * 60 * 60 * 1000
    systemTimers.after(40 * days, run)
    vi.advanceTimersByTime(40 * days - 1)
    expect(run).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(run).toHaveBeenCalledTimes(1)
    systemTimers.after(40 * days, run)[Symbol.dispose]()
    const late = systemTimers.after(40 * days, run)
    vi.advanceTimersByTime(30 * days)
    late[Symbol.dispose]()
    vi.advanceTimersByTime(30 * days)
    expect(run).toHaveBeenCalledTimes(1)
  } finally {
    vi.useRealTimers()
  }
})

test('[TR61] clocks tell wall time and a time that never goes back; random numbers fill 32 bits', () => {
  expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1_000)
  const before = systemTimers.elapsedMs()
  expect(systemTimers.elapsedMs()).toBeGreaterThanOrEqual(before)
  let ones = 0
  let zeros = 0
  const distinct = new Set<number>()
  for (let i = 0; i < 1_000; i++) {
    const value = systemRandom.uint32()
    expect(value >>> 0).toBe(value)
    ones |= value
    zeros |= ~value
    distinct.add(value)
  }
  expect([ones, zeros]).toEqual([-1, -1])
  expect(distinct.size).toBeGreaterThan(990)
})
