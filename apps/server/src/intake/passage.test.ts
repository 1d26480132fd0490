import { expect, test } from 'vitest'
import { Passage } from './passage.js'

const LARGE = 64 * 1024

/** A clock that is stepped, and writes that end when they are told to. */
const stage = () => {
  let nowMs = 0
  const begun: number[] = []
  const ends: ((failure?: Error) => void)[] = []
  const passage = new Passage(() => nowMs)
  const write = (number: number, bytes = LARGE): Promise<number> =>
    passage.through(bytes, () => {
      begun.push(number)
      return new Promise((resolve, reject) => {
        ends[number] = (failure) => (failure === undefined ? resolve(number) : reject(failure))
      })
    })
  const pass = (ms: number): void => {
    nowMs += ms
  }
  return { passage, begun, ends, write, pass, settled: () => new Promise(setImmediate) }
}

test('[IN9] while searches come, large writes go in one at a time and in their order; small ones do not wait', async () => {
  const { passage, begun, ends, write, settled } = stage()
  passage.searched()
  const writes = [write(0), write(1), write(2)]
  const small = write(3, LARGE - 1)
  await settled()
  expect(begun).toEqual([0, 3])
  ends[3]!()
  expect(await small).toBe(3)
  ends[0]!()
  await settled()
  expect(begun).toEqual([0, 3, 1])
  ends[1]!()
  await settled()
  ends[2]!()
  expect(await Promise.all(writes)).toEqual([0, 1, 2])
})

test('[IN9] without searches none waits; what waits goes in together when searches have ceased', async () => {
  const { passage, begun, ends, write, pass, settled } = stage()
  const first = [write(0), write(1)]
  expect(begun).toEqual([0, 1])
  passage.searched()
  const second = [write(2), write(3), write(4)]
  await settled()
  expect(begun).toEqual([0, 1])
  pass(300)
  ends[0]!()
  await settled()
  expect(begun).toEqual([0, 1, 2, 3, 4])
  for (const number of [1, 2, 3, 4]) ends[number]!()
  expect(await Promise.all([...first, ...second])).toEqual([0, 1, 2, 3, 4])
  // All are out again: one alone goes in, the next waits.
  passage.searched()
  void write(5)
  void write(6)
  await settled()
  expect(begun.slice(5)).toEqual([5])
})

test('[IN9] one that fails makes room for the next; of too many the last ones do not wait', async () => {
  const { passage, begun, ends, write, settled } = stage()
  passage.searched()
  const failing = expect(write(0)).rejects.toThrow('no room')
  const writes = Array.from({ length: 65 }, (_, i) => write(i + 1))
  await settled()
  expect(begun).toEqual([0, 65])
  ends[0]!(new Error('no room'))
  await failing
  await settled()
  expect(begun).toEqual([0, 65, 1])
  ends[65]!()
  await settled()
  expect(begun).toEqual([0, 65, 1, 2])
  for (let number = 1; number <= 64; number++) {
    await settled()
    ends[number]!()
  }
  await Promise.all(writes)
})
