import { type ReplicaId, VersionVector } from '@meridian/core'
import { MemoryStorage } from '@meridian/storage'
import { expect, test } from 'vitest'
import { JobQueue } from './job-queue.js'
import { type Job, Sequencer } from './sequencer.js'
import { TestTime, TestTimers } from './test-time.js'
import { Window } from './window.js'

const KIB = 1024

/** A sequencer whose commits take 5 ms, and what each of them was made of. */
const world = () => {
  const time = new TestTime()
  const timers = new TestTimers(time)
  const commits: string[][] = [[]]
  const storage = new MemoryStorage({ schedule: (run) => void timers.after(5, run) })
  const sequencer = new Sequencer(
    storage,
    timers,
    () => VersionVector.ZERO,
    () => void commits.push([]),
  )
  const job = (name: string, bytes: number, more: Partial<Job> = {}): Job => ({
    bytes,
    stage: (stage) => {
      stage.put(`key-${name}`, new Uint8Array(bytes))
      commits.at(-1)!.push(name)
    },
    failed: () => void commits.at(-1)!.push(`${name} failed`),
    ...more,
  })
  return { time, sequencer, commits, job }
}

test('[RP57] what peers sent is taken in slices, and requests go before what waits of it', () => {
  const { time, sequencer, commits, job } = world()
  for (let n = 0; n < 20; n++) sequencer.push(job(`r${n}`, 256 * KIB, { isReceived: true }))
  time.run(3)
  sequencer.push(job('write', 100))
  time.run(200)
  expect(commits.slice(0, 3)).toEqual([
    ['r0', 'r1'],
    ['write', 'r2', 'r3'],
    ['r4', 'r5'],
  ])
  expect(commits.flat()).toHaveLength(21)
})

test('[RP57] one that is larger than a slice goes alone, and requests without end hold nothing up', () => {
  const { time, sequencer, commits, job } = world()
  for (const name of ['large', 'next']) sequencer.push(job(name, 1024 * KIB, { isReceived: true }))
  for (let n = 0; n < 4; n++) {
    sequencer.push(job(`w${n}`, 100))
    time.run(3)
  }
  time.run(50)
  expect(commits.slice(0, 2)).toEqual([
    ['w0', 'large'],
    ['w1', 'next'],
  ])
})

test('[RP57] a job that nothing may follow is not followed by what was received', () => {
  const { time, sequencer, commits, job } = world()
  sequencer.push(job('received', 10, { isReceived: true }))
  sequencer.push(job('cleaning', 10, { isLast: true }))
  sequencer.push(job('write', 10))
  time.run(50)
  expect(commits.filter((names) => names.length > 0)).toEqual([['cleaning'], ['write', 'received']])
})

test('[RP57] a queue gives back what it took, in order, over many more than it keeps room for', () => {
  const queue = new JobQueue()
  const made = Array.from({ length: 5000 }, (_, bytes): Job => ({ bytes, stage() {}, failed() {} }))
  const taken: number[] = []
  for (const [n, each] of made.entries()) {
    queue.push(each)
    if (n % 3 === 0) taken.push(queue.shift().bytes)
  }
  const left = queue.length
  expect(left).toBe(5000 - taken.length)
  taken.push(...queue.clear().map(({ bytes }) => bytes))
  expect(taken).toEqual(made.map(({ bytes }) => bytes))
  expect(queue.length).toBe(0)
})

test('[RP58] a fresh link has little under way, and more as it is acknowledged, up to the window', () => {
  const origin = 7 as ReplicaId
  const window = new Window(1024 * KIB)
  const send = (from: number): number => {
    let seq = from
    for (; window.hasRoom(origin); seq++) window.sent(origin, seq, 64 * KIB)
    return seq
  }
  const rounds: number[] = []
  for (let seq = 1; rounds.length < 4; ) {
    seq = send(seq)
    rounds.push(window.bytesOf(origin) / KIB)
    window.acknowledged(VersionVector.of([[origin, seq - 1]]))
  }
  expect(rounds).toEqual([256, 512, 1024, 1024])
  expect(new Window(100 * KIB).hasRoom(origin)).toBe(true)
})
