import type { ByteReader, ByteWriter } from './bytes.js'
import { malformed } from './bytes.js'
import type { ContentMark } from './content-mark.js'
import type { ReplicaId } from './ids.js'

/**
 * Hybrid logical clock stamp (Kulkarni et al., "Logical Physical Clocks", 2014) plus its writer. `ms` is wall time in
 * milliseconds since 1970 in 48 bits, `counter` orders writes of one millisecond in 16 bits. A writer never issues a stamp
 * twice, so equal stamps are the same write.
 */
export interface Stamp {
  readonly ms: number
  readonly counter: number
  readonly writer: ReplicaId
  /** Which content the write belongs to; not part of what tells two writes apart. Absent when nothing is known. */
  readonly content?: ContentMark
}

export const MS_MAX = 2 ** 48 - 1
export const COUNTER_MAX = 0xffff
export const STAMP_BYTES = 9

/** Total order: time, then counter, then writer. Negative: `a` is older. */
export const compareStamps = (a: Stamp, b: Stamp): number => a.ms - b.ms || a.counter - b.counter || a.writer - b.writer

export const newestStamp = (a: Stamp | undefined, b: Stamp | undefined): Stamp | undefined =>
  a === undefined ? b : b === undefined || compareStamps(a, b) >= 0 ? a : b

export interface HlcState {
  readonly ms: number
  readonly counter: number
}

export const HLC_ZERO: HlcState = { ms: 0, counter: 0 }

/**
 * The next local stamp. Never goes backwards, whatever `nowMs` does; a full counter borrows the next millisecond. Fractions of
 * a millisecond are dropped, as they are from encoded stamps.
 */
export const tick = (last: HlcState, nowMs: number): HlcState => {
  const wholeMs = Math.floor(nowMs)
  if (wholeMs > last.ms) return { ms: wholeMs, counter: 0 }
  return last.counter < COUNTER_MAX ? { ms: last.ms, counter: last.counter + 1 } : { ms: last.ms + 1, counter: 0 }
}

/** After hearing a peer's stamp, the next local stamp is above it. */
export const observe = (last: HlcState, seen: HlcState): HlcState =>
  seen.ms > last.ms || (seen.ms === last.ms && seen.counter > last.counter)
    ? { ms: seen.ms, counter: seen.counter }
    : last

/** Readable form for logs and answers: `2026-01-02T03:04:05.678Z/3@7`. */
export const formatStamp = (stamp: Stamp): string => `${isoOf(stamp.ms)}/${stamp.counter}@${stamp.writer}`

const SECOND_MS = 1000
/** The last second that was written out: most stamps that are formatted together are of the same. */
let lastSecond = { ms: 0, text: '1970-01-01T00:00:00' }

const isoOf = (ms: number): string => {
  const wholeMs = Math.min(ms, 8.64e15)
  const secondMs = wholeMs - (wholeMs % SECOND_MS)
  if (lastSecond.ms !== secondMs) lastSecond = { ms: secondMs, text: new Date(secondMs).toISOString().slice(0, -5) }
  return `${lastSecond.text}.${String(Math.floor(wholeMs % SECOND_MS)).padStart(3, '0')}Z`
}

export const writeStamp = (out: ByteWriter, stamp: Stamp): void => {
  out.u48(stamp.ms).u16(stamp.counter).u8(stamp.writer)
}

export const readStamp = (input: ByteReader): Stamp => {
  const ms = input.u48()
  const counter = input.u16()
  const writer = input.u8()
  if (writer === 0) throw malformed('stamp of writer 0')
  return { ms, counter, writer: writer as ReplicaId }
}
