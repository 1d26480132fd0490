import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader, ByteWriter } from './bytes.js'
import {
  COUNTER_MAX,
  compareStamps,
  formatStamp,
  HLC_ZERO,
  type HlcState,
  MS_MAX,
  newestStamp,
  observe,
  readStamp,
  STAMP_BYTES,
  tick,
  writeStamp,
} from './hlc.js'
import type { ReplicaId } from './ids.js'
import { anyStamp } from './testing/arbitraries.js'

const state = (ms: number, counter: number): HlcState => ({ ms, counter })
const isAbove = (a: HlcState, b: HlcState): boolean => a.ms > b.ms || (a.ms === b.ms && a.counter > b.counter)
const anyState = fc.record({
  ms: fc.oneof(fc.nat({ max: 5 }), fc.integer({ min: 0, max: MS_MAX - 1 })),
  counter: fc.oneof(fc.nat({ max: 2 }), fc.integer({ min: COUNTER_MAX - 1, max: COUNTER_MAX })),
})
/** A clock that stands, jumps both ways, goes below zero, or shows fractions. */
const wildClock = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.integer({ min: -MS_MAX, max: MS_MAX - 1 }),
  fc.double({ min: -10, max: 10, noNaN: true }),
)

describe('hybrid logical clock', () => {
  it('[HL1] each tick is above all earlier ones, however the wall clock jumps and whatever is observed', () => {
    const step = fc.oneof(
      wildClock.map((nowMs) => ({ nowMs })),
      anyState.map((seen) => ({ seen })),
    )
    fc.assert(
      fc.property(anyState, fc.array(step, { maxLength: 50 }), (start, steps) => {
        let last = start
        for (const step of steps) {
          const next = 'seen' in step ? observe(last, step.seen) : tick(last, step.nowMs)
          if ('seen' in step) {
            expect(isAbove(last, next)).toBe(false)
            expect(isAbove(step.seen, next)).toBe(false)
            expect([last, step.seen]).toContainEqual(next)
            expect(isAbove(tick(next, Number.NEGATIVE_INFINITY), step.seen)).toBe(true)
          } else expect(isAbove(next, last)).toBe(true)
          last = next
        }
      }),
    )
  })

  it('[HL2] a tick follows the wall clock when it is ahead, and keeps to whole milliseconds and 16-bit counters', () => {
    fc.assert(
      fc.property(anyState, wildClock, (last, nowMs) => {
        const next = tick(last, nowMs)
        if (Math.floor(nowMs) > last.ms) expect(next).toEqual(state(Math.floor(nowMs), 0))
        else expect(next.ms - last.ms).toBeLessThanOrEqual(1)
        expect(Number.isInteger(next.ms) && next.counter <= COUNTER_MAX).toBe(true)
      }),
    )
    expect(tick(HLC_ZERO, 0.9)).toEqual(state(0, 1))
    expect(tick(state(5, 3), Number.NaN)).toEqual(state(5, 4))
  })

  it('[HL3] a full counter borrows the next millisecond', () => {
    expect(tick(state(9, COUNTER_MAX - 1), 9)).toEqual(state(9, COUNTER_MAX))
    expect(tick(state(9, COUNTER_MAX), 9)).toEqual(state(10, 0))
  })

  it('[HL4] stamps are totally ordered by time, counter, writer, and bytes sort alike', () => {
    const encoded = (stamp: Parameters<typeof writeStamp>[1]): Uint8Array => {
      const out = new ByteWriter()
      writeStamp(out, stamp)
      return out.finish()
    }
    fc.assert(
      fc.property(anyStamp, anyStamp, anyStamp, (a, b, c) => {
        const order = Math.sign(compareStamps(a, b))
        expect(order).toBe(-Math.sign(compareStamps(b, a)) || 0)
        expect(order).toBe(Buffer.compare(encoded(a), encoded(b)))
        const [low, middle, high] = [a, b, c].sort(compareStamps)
        expect(compareStamps(low!, high!)).toBeLessThanOrEqual(0)
        expect(compareStamps(low!, middle!)).toBeLessThanOrEqual(0)
        expect(newestStamp(newestStamp(a, b), c)).toEqual(high)
      }),
    )
    expect(newestStamp(undefined, undefined)).toBeUndefined()
  })

  it('[HL5] a stamp takes 9 bytes and reads back; writer 0 is refused', () => {
    fc.assert(
      fc.property(anyStamp, (stamp) => {
        const out = new ByteWriter(0)
        writeStamp(out, stamp)
        expect(out.length).toBe(STAMP_BYTES)
        expect(readStamp(new ByteReader(out.finish()))).toEqual(stamp)
      }),
    )
    expect(() => readStamp(new ByteReader(new Uint8Array(9)))).toThrow('writer 0')
  })

  it('[HL6] the readable form shows time, counter and writer', () => {
    const stamp = { ms: Date.UTC(2026, 0, 2, 3, 4, 5, 678), counter: 3, writer: 7 as ReplicaId }
    expect(formatStamp(stamp)).toBe('2026-01-02T03:04:05.678Z/3@7')
    expect(formatStamp({ ...stamp, ms: MS_MAX })).toBe('+010889-08-02T05:31:50.655Z/3@7')
    fc.assert(
      fc.property(fc.nat(MS_MAX), fc.array(fc.nat(3000), { maxLength: 5 }), (ms, later) => {
        for (const each of [ms, ...later.map((add) => Math.min(ms + add, MS_MAX))])
          expect(formatStamp({ ...stamp, ms: each })).toBe(`${new Date(each).toISOString()}/3@7`)
      }),
    )
  })
})
