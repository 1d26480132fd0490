import { expect, test } from 'vitest'
import { collectGarbage, Tidier } from './tidier.js'

/** Timers that fire when they are told to. */
const manual = () => {
  let waiting: (() => void) | undefined
  return {
    timers: {
      elapsedMs: () => 0,
      after: (_: number, run: () => void) => {
        waiting = run
        return {
          [Symbol.dispose]: () => {
            waiting = undefined
          },
        }
      },
    },
    isArmed: () => waiting !== undefined,
    fire: () => {
      const run = waiting
      waiting = undefined
      run?.()
    },
  }
}

test('[IX47] memory is given back once, a quiet second after much came in, and never in the midst of work', () => {
  const clock = manual()
  let isQuiet = true
  let tidied = 0
  let settled = 0
  const tidier = new Tidier(
    clock.timers,
    () => isQuiet,
    () => tidied++,
    () => settled++,
  )
  for (let i = 0; i < 1000; i++) tidier.note(1000)
  expect(clock.isArmed()).toBe(false)
  tidier.note(16 << 20)
  expect(clock.isArmed()).toBe(true)
  // A search, then a graph that is still built.
  tidier.note(0)
  clock.fire()
  isQuiet = false
  clock.fire()
  expect(tidied).toBe(0)
  isQuiet = true
  clock.fire()
  expect([tidied, settled, clock.isArmed()]).toEqual([1, 0, true])
  // Again six seconds later, if nothing was in between.
  tidier.note(0)
  clock.fire()
  isQuiet = false
  clock.fire()
  expect([tidied, settled, clock.isArmed()]).toEqual([1, 0, true])
  isQuiet = true
  clock.fire()
  expect([tidied, settled, clock.isArmed()]).toEqual([1, 1, false])
  tidier.note(0)
  expect(clock.isArmed()).toBe(false)
  // What comes before that begins anew.
  tidier.note(17 << 20)
  clock.fire()
  tidier.note(17 << 20)
  clock.fire()
  expect([tidied, settled]).toEqual([2, 1])
  clock.fire()
  expect([tidied, settled]).toEqual([3, 1])
  clock.fire()
  expect([tidied, settled, clock.isArmed()]).toEqual([3, 2, false])
  tidier.note(17 << 20)
  tidier[Symbol.dispose]()
  expect([tidied, settled, clock.isArmed()]).toEqual([3, 2, false])
})

test('[IX47] what nobody holds any more is collected', () => {
  const gone = new WeakRef(new Array<number>(1000))
  return new Promise<void>((resolve) => {
    // In another turn: within this one a weak reference keeps what it was made for.
    setImmediate(() => {
      collectGarbage()
      expect(gone.deref()).toBeUndefined()
      resolve()
    })
  })
})
