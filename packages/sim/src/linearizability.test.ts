import { SeededRandom } from '@meridian/core/seeded-random'
import { describe, expect, test } from 'vitest'
import { isLinearizable, type Operation } from './linearizability.js'

type Op = Operation<number | undefined>
const write = (value: number | undefined, called: number, returned?: number): Op => ({
  kind: 'write',
  value,
  called,
  returned,
})
const read = (value: number | undefined, called: number, returned: number): Op => ({
  kind: 'read',
  value,
  called,
  returned,
})

describe('[LC1] histories that some order explains', () => {
  test.each<[string, Op[]]>([
    ['nothing', []],
    ['a read of nothing', [read(undefined, 0, 1)]],
    ['one after the other', [write(1, 0, 1), read(1, 2, 3), write(undefined, 4, 5), read(undefined, 6, 7)]],
    ['a read during a write sees either', [write(1, 0, 10), read(undefined, 1, 2), read(1, 3, 4)]],
    ['overlapping writes in either order', [write(1, 0, 10), write(2, 0, 10), read(2, 11, 12), read(2, 13, 14)]],
    ['a write without an answer is seen late', [write(1, 0), write(2, 1, 2), read(2, 3, 4), read(1, 5, 6)]],
    ['a write without an answer is never seen', [write(1, 0), read(undefined, 3, 4), write(2, 5, 6), read(2, 7, 8)]],
    ['a deletion without an answer', [write(1, 0, 1), write(undefined, 2), read(1, 3, 4), read(undefined, 5, 6)]],
    ['what touches in time overlaps', [write(1, 0, 5), read(undefined, 5, 6)]],
  ])('%s', (_, history) => {
    expect(isLinearizable(history, undefined)).toBe(true)
  })
})

describe('[LC2] histories that none explains', () => {
  test.each<[string, Op[]]>([
    ['a stale read', [write(1, 0, 1), read(undefined, 2, 3)]],
    ['a read of what nobody wrote', [write(1, 0, 1), read(2, 2, 3)]],
    ['new, then old', [write(1, 0, 10), read(1, 1, 2), read(undefined, 3, 4)]],
    ['new, then old, of a write without an answer', [write(1, 0), read(1, 1, 2), read(undefined, 3, 4)]],
    ['it flips', [write(1, 0, 1), write(2, 0), read(1, 2, 3), read(2, 4, 5), read(1, 6, 7)]],
    ['an overwritten value comes back', [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)]],
    ['a deleted value comes back', [write(1, 0, 1), write(undefined, 2, 3), read(1, 4, 5)]],
    ['it is seen before it is written', [read(1, 0, 1), write(1, 2, 3)]],
    ['two readers disagree', [write(1, 0, 9), write(2, 0, 9), read(1, 10, 11), read(2, 12, 13)]],
  ])('%s', (_, history) => {
    expect(isLinearizable(history, undefined)).toBe(false)
  })
})

/** Every order of every subset that holds the answered ones. */
const byBruteForce = (left: readonly Op[], value: number | undefined): boolean => {
  if (left.every(({ returned }) => returned === undefined)) return true
  return left.some((op, i) => {
    if (left.some((other) => other.returned !== undefined && other.returned < op.called)) return false
    if (op.kind === 'read' && op.value !== value) return false
    return byBruteForce(left.toSpliced(i, 1), op.kind === 'write' ? op.value : value)
  })
}

test('[LC3] says what trying every order says, on 5,000 small histories of which many are bad', () => {
  const random = new SeededRandom(1)
  let good = 0
  for (let run = 0; run < 5000; run++) {
    const history = Array.from({ length: 1 + random.int(6) }, (): Op => {
      const called = random.int(12)
      const value = random.pick([undefined, 1, 2, 3])
      const returned = called + random.int(6)
      if (random.chance(0.5)) return read(value, called, returned)
      return write(value, called, random.chance(0.25) ? undefined : returned)
    })
    const expected = byBruteForce(history, undefined)
    if (expected) good++
    if (isLinearizable(history, undefined) !== expected) expect.fail(`${expected}: ${JSON.stringify(history)}`)
  }
  expect(good).toBeGreaterThan(500)
  expect(good).toBeLessThan(4500)
})

test('[LC4] long histories of a correct register are decided, and one stale read in them is found', () => {
  const random = new SeededRandom(2)
  const history: Op[] = []
  let value: number | undefined
  for (let at = 0; at < 600; at++) {
    // Takes effect at `at`; eight are under way at any time.
    const around = { called: at - 4 * random.float(), returned: at + 4 * random.float() }
    if (random.chance(0.5)) history.push({ kind: 'read', value, ...around })
    else {
      value = random.chance(0.2) ? undefined : at
      history.push({
        kind: 'write',
        value,
        ...around,
        ...(random.chance(0.2) ? { returned: undefined } : {}),
      })
    }
  }
  expect(isLinearizable(history, undefined)).toBe(true)
  const first = history.find((op) => op.kind === 'write' && op.value !== undefined && op.returned !== undefined)!
  expect(isLinearizable([...history, read(first.value, 3000, 3001)], undefined)).toBe(false)
})
