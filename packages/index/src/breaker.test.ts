import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Breaker, CLOSED, isStrained, type Load, paceOf, restMs, stepBreaker } from './breaker.js'
import { ServingTimes } from './serving-times.js'

const CALM: Load = { servingMs: 1, calmMs: 1, cpuShare: 0.3, lateMs: 0 }
const STRAINED: Load = { ...CALM, servingMs: 3 }

/** The states at each look, a quarter second apart. */
const played = (loads: readonly Load[]): Breaker[] => {
  let breaker = CLOSED
  return loads.map((load, i) => {
    breaker = stepBreaker(breaker, load, (i + 1) * 250)
    return breaker
  })
}

test('[CB1] strain stops a rebuild at once; after a rest it is tried at a tenth, and doubles its pace each calm second', () => {
  const states = played([CALM, STRAINED, ...Array.from({ length: 20 }, () => CALM)])
  const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)
  const paces = [
    1,
    ...times(2, 0),
    ...times(4, 0.1),
    ...times(4, 0.2),
    ...times(4, 0.4),
    ...times(4, 0.8),
    ...times(3, 1),
  ]
  expect(states.map(paceOf)).toEqual(paces)
  expect(new Set(states.map(({ kind }) => kind))).toEqual(new Set(['closed', 'open', 'half-open']))
})

test('[CB2] strain while it is tried ends the trial; rests double, up to 4 s', () => {
  const states = played(Array.from({ length: 200 }, () => STRAINED))
  const rests: number[] = []
  let openedAt = 0
  for (const [i, { kind }] of states.entries()) {
    if (kind === 'open' && states[i - 1]?.kind !== 'open') openedAt = i
    if (kind === 'half-open') rests.push((i - openedAt) * 250)
  }
  expect(rests.slice(0, 6)).toEqual([500, 1000, 2000, 4000, 4000, 4000])
  // However long it lasts, the trial comes again.
  expect(states.slice(-20).some(({ kind }) => kind === 'half-open')).toBe(true)
})

test('[CB3] each calm second makes one interruption good', () => {
  const states = played([...Array.from({ length: 20 }, () => STRAINED), ...Array.from({ length: 60 }, () => CALM)])
  const trips = states.map((state) => state.trips)
  expect(Math.max(...trips)).toBeGreaterThan(2)
  expect(trips.at(-1)).toBe(0)
  for (let i = 1; i < trips.length; i++) expect(Math.abs(trips[i]! - trips[i - 1]!)).toBeLessThanOrEqual(1)
  expect(restMs(2)).toBe(2 * restMs(1))
})

test('[CB4] strain is: searches clearly slower than without, processors that others need, a main thread that is late', () => {
  expect(isStrained({}, 1)).toBe(false)
  expect(isStrained({ servingMs: 1.5, calmMs: 1 }, 1)).toBe(false)
  expect(isStrained({ servingMs: 1.6, calmMs: 1 }, 1)).toBe(true)
  // Half a millisecond is nothing to stop for.
  expect(isStrained({ servingMs: 0.6, calmMs: 0.2 }, 1)).toBe(false)
  expect(isStrained({ servingMs: 0.8, calmMs: 0.2 }, 0.1)).toBe(true)
  // A machine that is busy for ever does not keep a tenth of the time from it.
  for (const busy of [
    { ...CALM, cpuShare: 0.9 },
    { ...CALM, lateMs: 51 },
  ])
    expect([1, 0.2, 0.1].map((pace) => isStrained(busy, pace))).toEqual([true, true, false])
  // Nor is what is owed kept from a graph that is the load itself.
  expect([1, 0.4, 0.2].map((pace) => isStrained({ ...STRAINED, owedPace: 0.2 }, pace))).toEqual([true, true, false])
  // Searches whose time without a rebuild is not known: it is measured.
  expect(isStrained({ servingMs: 1 }, 1)).toBe(true)
})

test('[CB7] what a rebuild is owed it gets after one look, whatever the load, more as it is owed more, and tries for more', () => {
  const owed = (owedPace: number) => ({ ...STRAINED, owedPace })
  const states = played([STRAINED, owed(0.05), owed(0.2), owed(0.2), owed(0.3), owed(0.3), owed(0.1), owed(0.1)])
  expect(states.map(paceOf)).toEqual([0, 0, 0.2, 0.2, 0.3, 0.3, 0, 0.1])
  const long = played(Array.from({ length: 40 }, () => owed(0.25)))
  expect(long.filter((state) => paceOf(state) === 0).length).toBeLessThan(12)
  expect(Math.max(...long.map(paceOf))).toBe(0.5)
})

test('[CB5] whatever the load, time is the only way out of `open`, and full pace is four calm seconds from a stop', () => {
  const load = fc.record({ servingMs: fc.double({ min: 0, max: 3, noNaN: true }), calmMs: fc.constant(1) })
  fc.assert(
    fc.property(fc.array(load, { maxLength: 200 }), (loads) => {
      const states = [CLOSED, ...played(loads)]
      for (let i = 1; i < states.length; i++) {
        const [was, is] = [states[i - 1]!, states[i]!]
        if (was.kind === 'open' && is.kind !== 'open')
          expect(i * 250 - was.sinceMs).toBeGreaterThanOrEqual(restMs(was.trips))
        if (was.kind !== 'closed' && is.kind === 'closed') {
          expect(was.kind).toBe('half-open')
          expect(loads.slice(Math.max(0, i - 16), i).some((each) => isStrained(each, 1))).toBe(false)
        }
        if (was.kind === 'closed' && isStrained(loads[i - 1]!, 1)) expect(is.kind).toBe('open')
      }
    }),
  )
})

test('[CB6] serving times: the 95th percentile of enough searches, and what is normal without a rebuild', () => {
  const times = new ServingTimes()
  for (let i = 1; i < 20; i++) times.add(i)
  expect(times.look(true)).toBeUndefined()
  times.add(20)
  expect(times.look(true)).toBe(19)
  expect(times.calmMs).toBe(19)
  for (let i = 0; i < 100; i++) times.add(i < 94 ? 1 : 29)
  expect(times.look(false)).toBe(29)
  expect(times.calmMs).toBe(19)
  for (let i = 0; i < 100; i++) times.add(29)
  times.look(true)
  expect(times.calmMs).toBeCloseTo(22)
  // Few searches in a whole second are forgotten: they would be told with those of another time.
  for (let i = 0; i < 19; i++) times.add(500)
  for (let i = 0; i < 4; i++) expect(times.look(true)).toBeUndefined()
  for (let i = 0; i < 20; i++) times.add(1)
  expect(times.look(false)).toBe(1)
  // What is kept is bounded.
  for (let i = 0; i < 10_000; i++) times.add(i < 4096 ? 2 : 900)
  expect(times.look(false)).toBe(2)
})
