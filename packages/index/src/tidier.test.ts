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
  const tidier = new Tidier(
    clock.timers,
    () => isQuiet,
    () => tidied++,
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
  expect([tidied, clock.isArmed()]).toEqual([1, false])
  tidier.note(0)
  expect(clock.isArmed()).toBe(false)
  tidier.note(17 << 20)
  tidier[Symbol.dispose]()
  expect([tidied, clock.isArmed()]).toEqual([1, false])
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
