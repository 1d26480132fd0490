import { expect, test } from 'vitest'
import { ResidentPages } from './resident-pages.js'

const MIB = 1024 * 1024

/** Timers that fire when they are told to, and what was given back. */
const stepped = (used: number) => {
  let waiting: { readonly delayMs: number; readonly run: () => void } | undefined
  const released: (readonly [from: number, bytes: number])[] = []
  const timers = {
    elapsedMs: () => 0,
    after: (delayMs: number, run: () => void) => {
      waiting = { delayMs, run }
      return {
        [Symbol.dispose]: () => {
          waiting = undefined
        },
      }
    },
  }
  const pages = new ResidentPages(timers, (from, bytes) => {
    released.push([from, bytes])
    return used
  })
  const fire = (): void => {
    const { run } = waiting!
    waiting = undefined
    run()
  }
  return { pages, released, fire, delayMs: () => waiting?.delayMs }
}

test('[ST46] pages are given back a quiet second after much was looked at, once, a slice a turn', () => {
  const { pages, released, fire, delayMs } = stepped(150 * MIB)
  for (let i = 0; i < 1000; i++) pages.note(16_000)
  expect(delayMs()).toBeUndefined()
  pages.note(MIB)
  expect(delayMs()).toBe(1000)
  pages.note(2 * MIB)
  fire()
  expect(released).toEqual([])
  pages.note(MIB)
  fire()
  expect([released.length, delayMs()]).toEqual([1, 0])
  fire()
  fire()
  expect(released).toEqual([0, 64, 128].map((from) => [from * MIB, 64 * MIB]))
  expect(delayMs()).toBeUndefined()
  pages.note(15 * MIB)
  expect(delayMs()).toBeUndefined()
})

test('[ST46] work that does not end is disturbed once a minute', () => {
  const { pages, released, fire, delayMs } = stepped(MIB)
  pages.note(16 * MIB)
  for (let second = 1; second < 60; second++) {
    pages.note(2 * MIB)
    fire()
  }
  expect(released).toEqual([])
  pages.note(2 * MIB)
  fire()
  expect([released.length, delayMs()]).toEqual([1, undefined])
  pages.note(16 * MIB)
  pages.note(2 * MIB)
  fire()
  expect([released.length, delayMs()]).toEqual([1, 1000])
})

test('[ST46] nothing is given back after the end', () => {
  const { pages, delayMs } = stepped(MIB)
  pages.note(16 * MIB)
  pages[Symbol.dispose]()
  expect(delayMs()).toBeUndefined()
})
