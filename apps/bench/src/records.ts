import type { RecordOp } from '@meridian/core'

export const DIMS = 128
const ID_BYTES = 20
const STAMP_BYTES = 8
const METADATA_BYTES = 100

/** What a record is made of before any store touches it: id, stamp, metadata as JSON text, float32 vector. */
export const rawBytes = (dims: number): number => ID_BYTES + STAMP_BYTES + METADATA_BYTES + dims * 4
export const RAW_BYTES = rawBytes(DIMS)

type Put = Extract<RecordOp, { kind: 'put' }>

/** Records number `from` (inclusive) to `to` (exclusive): the same for the same numbers, no two alike, and hard to compress. */
export const records = (from: number, to: number, dims = DIMS): Put[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => record(from + i, dims))

/** One alone. `version` draws other values for the same id. */
export const record = (number: number, dims = DIMS, version = 0): Put => {
  const random = mulberry32(number + 1 + version * 0x1000193)
  const vector = Float32Array.from({ length: dims }, () => random() * 2 - 1)
  return {
    kind: 'put',
    id: `record-${String(number).padStart(ID_BYTES - 7, '0')}`,
    vectors: new Map([['', vector]]),
    payload: metadata(number, random),
  }
}

/** An object of exactly `METADATA_BYTES` as JSON. */
const metadata = (number: number, random: () => number): Record<string, string | number> => {
  const known = { kind: 'bench', number, text: '' }
  const missing = METADATA_BYTES - JSON.stringify(known).length
  known.text = Array.from({ length: missing }, () => Math.floor(random() * 36).toString(36)).join('')
  return known
}

const mulberry32 = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
