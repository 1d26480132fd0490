import { assert } from '@meridian/core'

/** Longest key, in bytes. */
export const KEY_BYTES_MAX = 200

export interface RangeOptions {
  from?: string
  reverse?: boolean
  limit?: number
}

/** Keys from `lower` (inclusive) to `upper` (exclusive). */
export interface KeyRange {
  readonly lower: string
  readonly upper: string
}

/** Below every key and above every key. */
const LOWEST = '\0'
const HIGHEST = '\x80'

/** The keys that start with `prefix`, from `from` (inclusive) on. Empty when `lower >= upper`. */
export const rangeOf = (prefix: string, from: string | undefined): KeyRange => {
  // One byte more than a key, so that the successor of a key can be asked for.
  assert(prefix.length <= KEY_BYTES_MAX && (from ?? '').length <= KEY_BYTES_MAX + 1, 'a range is bounded by keys')
  if (prefix === '') return { lower: from === undefined || from === '' ? LOWEST : from, upper: HIGHEST }
  const last = prefix.length - 1
  const upper = prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1)
  return { lower: from !== undefined && from > prefix ? from : prefix, upper }
}

/** Keys are named by our own code, so a bad one is a bug. ASCII makes UTF-16 order, byte order and one-byte encoding agree. */
export const assertKey = (key: string): void => {
  assert(key.length > 0 && key.length <= KEY_BYTES_MAX, `a key has 1 to ${KEY_BYTES_MAX} bytes, not ${key.length}`)
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i)
    assert(code > 0 && code < 0x80, 'a key is ASCII')
  }
}
