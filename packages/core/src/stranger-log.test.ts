import { expect, test } from 'vitest'
import { StrangerLog } from './stranger-log.js'

test('[W4] of a flood of warnings a burst and one a second are written, and how many were left out', () => {
  let nowMs = 0
  const lines: Readonly<Record<string, unknown>>[] = []
  const log = { info() {}, error() {}, warn: (fields: Readonly<Record<string, unknown>>) => void lines.push(fields) }
  const timers = { elapsedMs: () => nowMs, after: () => ({ [Symbol.dispose]() {} }) }
  const strangers = new StrangerLog(log, timers)
  for (let i = 0; i < 10_000; i++) strangers.warn({ i }, 'refused')
  expect(lines).toHaveLength(20)
  expect(lines.at(-1)).toEqual({ i: 19 })
  nowMs = 1000
  strangers.warn({ i: 'late' }, 'refused')
  strangers.warn({ i: 'too soon' }, 'refused')
  expect(lines.slice(20)).toEqual([{ i: 'late', left_out: 9980 }])
  nowMs = 100_000
  strangers.warn({ i: 'calm' }, 'refused')
  strangers.warn({ i: 'calm' }, 'refused')
  expect(lines.slice(21)).toEqual([{ i: 'calm', left_out: 1 }, { i: 'calm' }])
})
