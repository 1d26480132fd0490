import type { RecordOp } from '@meridian/core'
import { expect, test } from 'vitest'
import { Intake } from './intake.js'
import { memoryMaxDefault, memoryUsed } from './memory-use.js'

const MIB = 1024 * 1024
const put: RecordOp = { kind: 'put', id: 1, vectors: new Map([['', Float32Array.of(1)]]), payload: {} }
const change = { kind: 'patch', id: 1, clear: false, set: {}, unset: [], vectors: new Map(), dropVectors: [] } as const
const remove: RecordOp = { kind: 'delete', id: 1 }

/** An intake of 100 MiB pending and 1000 MiB of memory, and a clock that is stepped. Writes slow down only from there on unless it says earlier. */
const stage = (slowMib = 100, isShared = true) => {
  let nowMs = 0
  const timers: { atMs: number; run: () => void }[] = []
  const state = { pendingMib: 0, usedMib: 0, otherPendingMib: 0 }
  const intake = new Intake({
    timers: {
      elapsedMs: () => nowMs,
      after: (delayMs, run) => {
        timers.push({ atMs: nowMs + delayMs, run })
        return { [Symbol.dispose]() {} }
      },
    },
    pendingBytes: (name) => (name === 'other' ? state.otherPendingMib : state.pendingMib) * MIB,
    pendingBytesMax: 100 * MIB,
    pendingBytesSlow: slowMib * MIB,
    isShared,
    memoryUsed: () => state.usedMib * MIB,
    memoryMaxBytes: 1000 * MIB,
  })
  const pass = async (ms: number): Promise<void> => {
    for (const untilMs = nowMs + ms; nowMs < untilMs; nowMs++) {
      for (const timer of timers.filter(({ atMs }) => atMs <= nowMs)) {
        timers.splice(timers.indexOf(timer), 1)
        timer.run()
        await new Promise(setImmediate)
      }
    }
    await Promise.resolve()
  }
  return { intake, state, pass, waiting: () => timers.length }
}

test('[IN1] a write of vectors waits while too many are not indexed, and goes on when they are', async () => {
  const { intake, state, pass } = stage()
  state.pendingMib = 99
  await intake.admit('c', [put])
  state.pendingMib = 100
  let isIn = false
  const admitted = intake.admit('c', [remove, put]).then(() => {
    isIn = true
  })
  await pass(1500)
  expect(isIn).toBe(false)
  state.pendingMib = 99
  await pass(50)
  await admitted
  expect(intake.refused).toEqual({ pending: 0, memory: 0 })
})

test('[IN7] where the graph is behind, writes go in one by one as it comes nearer, in their order', async () => {
  const { intake, state, pass } = stage(80)
  state.pendingMib = 79
  await intake.admit('c', [put])
  expect(intake.slowed).toBe(0)
  state.pendingMib = 80
  const came: number[] = []
  const writes = [0, 1, 2].map((i) => intake.admit('c', [put]).then(() => void came.push(i)))
  await intake.admit('c', [remove])
  await intake.admit('other', [put])
  await pass(1000)
  expect(came).toEqual([])
  state.pendingMib = 79
  await pass(5)
  expect(came).toEqual([0])
  // One that comes now is the last.
  writes.push(intake.admit('c', [put]).then(() => void came.push(3)))
  await pass(10)
  expect(came).toEqual([0, 1])
  state.pendingMib = 81
  await pass(500)
  expect(came).toEqual([0, 1])
  state.pendingMib = 0
  await pass(60)
  await Promise.all(writes)
  expect(came).toEqual([0, 1, 2, 3])
  expect([intake.slowed, intake.refused.pending]).toEqual([4, 0])
  await intake.admit('c', [put])
  expect(intake.slowed).toBe(4)
})

test('[IN7] two seconds are enough, and 64 wait at most; past the bound what comes in waits as before', async () => {
  const { intake, state, pass } = stage(80)
  state.pendingMib = 90
  let count = 0
  const writes = Array.from({ length: 64 }, () => intake.admit('c', [put]).then(() => count++))
  await pass(1990)
  expect(count).toBe(0)
  // One too many does not wait.
  await intake.admit('c', [put])
  await pass(20)
  expect(count).toBeGreaterThan(0)
  expect(count).toBeLessThan(5)
  await pass(1000)
  await Promise.all(writes)
  state.pendingMib = 100
  const refused = expect(intake.admit('c', [put])).rejects.toMatchObject({ code: 'INDEX_BEHIND' })
  await pass(2100)
  await refused
  expect(intake.slowed).toBe(64)
})

test('[IN8] while searches come, they do so from a sixteenth of that on, where processors are shared; where it is off, never', async () => {
  const { intake, state, pass } = stage(80)
  state.pendingMib = 5
  await intake.admit('c', [put])
  intake.passage.searched()
  let isIn = false
  const admitted = intake.admit('c', [put]).then(() => {
    isIn = true
  })
  await pass(1)
  await pass(200)
  expect(isIn).toBe(false)
  intake.passage.searched()
  state.pendingMib = 4
  await pass(20)
  await admitted
  state.pendingMib = 5
  const second = intake.admit('c', [put])
  await pass(1)
  // None came any more.
  await pass(300)
  await second
  expect(intake.slowed).toBe(2)
  for (const other of [stage(80, false), stage(100)]) {
    other.state.pendingMib = 50
    other.intake.passage.searched()
    await other.intake.admit('c', [put])
    expect(other.intake.slowed).toBe(0)
  }
})

test('[IN2] one that has waited two seconds is told to come again, and so is one too many; what has no vectors passes', async () => {
  const { intake, state, pass, waiting } = stage()
  state.pendingMib = 250
  const refused = Array.from({ length: 64 }, () => intake.admit('c', [put]))
  const codes = Promise.allSettled(refused)
  expect(waiting()).toBe(64)
  const refusal = { code: 'INDEX_BEHIND', message: expect.stringMatching(/^250 MiB of vectors of collection c wait/) }
  await expect(intake.admit('c', [put])).rejects.toMatchObject(refusal)
  expect(intake.refused.pending).toBe(1)
  await intake.admit('c', [remove, { ...change, set: { a: 1 } }])
  expect(() => intake.check('c', [put])).toThrow('wait to be indexed')
  expect(() => intake.check('c', [remove])).not.toThrow()
  await pass(2100)
  for (const each of await codes) expect(each).toMatchObject({ status: 'rejected', reason: refusal })
  expect(intake.refused.pending).toBe(66)
  expect([intake.hasRefused('pending', 1000), intake.hasRefused('memory', 1000)]).toEqual([true, false])
  await pass(1000)
  expect(intake.hasRefused('pending', 1000)).toBe(false)
  // Those that waited are gone: others may wait.
  state.pendingMib = 100
  const next = intake.admit('c', [put])
  state.pendingMib = 0
  await pass(50)
  await next
})

test('[IN3] at the ceiling of memory what takes room is refused, what makes room is not; there is room again 3 % below', async () => {
  const { intake, state, pass } = stage()
  state.usedMib = 999
  await intake.admit('c', [put])
  state.usedMib = 1000
  // It was looked at a moment ago.
  await intake.admit('c', [put])
  await pass(251)
  const full = {
    code: 'MEMORY_FULL',
    message: expect.stringMatching(/^\d+ MiB of memory are in use and 1000 are allowed/),
  }
  await expect(intake.admit('c', [put])).rejects.toMatchObject(full)
  await expect(intake.admit('c', [{ ...change, set: { a: 1 } }])).rejects.toMatchObject(full)
  expect(() => intake.check('c', [remove, put])).toThrow('--memory-max')
  await intake.admit('c', [remove, { ...change, clear: true, unset: ['a'], dropVectors: ['v'] }])
  expect(intake.refused).toEqual({ pending: 0, memory: 3 })
  expect(intake.memoryFreeBytes).toBe(0)
  state.usedMib = 971
  await pass(251)
  await expect(intake.admit('c', [put])).rejects.toMatchObject(full)
  state.usedMib = 969
  await pass(251)
  await intake.admit('c', [put])
  expect(intake.memoryFreeBytes).toBe(31 * MIB)
})

test('[IN6] a restore waits as long as the graphs need, ends when it is told to, and is refused at the ceiling of memory', async () => {
  const { intake, state, pass } = stage()
  const stopped = new AbortController()
  await intake.admitNext('c', stopped.signal)
  state.pendingMib = 100
  let isIn = false
  const admitted = intake.admitNext('c', stopped.signal).then(() => {
    isIn = true
  })
  await pass(10_000)
  expect(isIn).toBe(false)
  state.pendingMib = 99
  await pass(50)
  await admitted
  expect(intake.refused).toEqual({ pending: 0, memory: 0 })
  state.pendingMib = 100
  const ended = expect(intake.admitNext('c', stopped.signal)).rejects.toThrow('stopping')
  stopped.abort(new Error('stopping'))
  await pass(50)
  await ended
  const full = expect(intake.admitNext('c', new AbortController().signal)).rejects.toMatchObject({
    code: 'MEMORY_FULL',
  })
  state.usedMib = 1000
  await pass(300)
  await full
  expect(intake.refused).toEqual({ pending: 0, memory: 1 })
})

test('[IN4] memory is what the process cannot give back; the ceiling is a share of the container or the machine', () => {
  const status = 'VmRSS:\t  9000 kB\nRssAnon:\t  3000 kB\nRssFile:\t  5500 kB\nRssShmem:\t   500 kB\n'
  expect(memoryUsed(status)).toBe(3500 * 1024)
  expect(memoryUsed('')).toBeGreaterThan(10 * MIB)
  const ballast = Buffer.alloc(64 * MIB, 1)
  expect(memoryUsed()).toBeGreaterThan(ballast.length)
  expect(memoryMaxDefault(1000, 4000)).toBe(850)
  expect(memoryMaxDefault(0, 4000)).toBe(3400)
  expect(memoryMaxDefault(2 ** 64, 4000)).toBe(3400)
})
