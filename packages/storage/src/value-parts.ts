import { assert } from '@meridian/core'

/**
 * LMDB gives a value above half a page whole pages of its own that lie together. After some time of overwriting, free pages
 * rarely do, and the file grows while half of it is free. So a large value is cut into rows of one page each, and any free
 * page will do for any of them.
 *
 *   <key>                        the first part, or the whole value
 *   \x80 <key> \x80 <index:4>    the others, from 1. Keys are ASCII: these sort behind all of them, and no listing has them
 *
 * Every part but the last has exactly `PART_BYTES`; a row of another length is the last, or, as all rows once were, a whole value.
 */

/** A page of 4 KiB less its header. */
export const PART_BYTES = 4072
const INDEX_HEX = 4
export const PARTS_MAX = 16 ** INDEX_HEX

export const partKey = (key: string, index: number): string =>
  index === 0 ? key : `\x80${key}\x80${index.toString(16).padStart(INDEX_HEX, '0')}`

/** Views on `value`. An empty one has one part. */
export const partsOf = (value: Uint8Array): Uint8Array[] => {
  assert(value.length <= PART_BYTES * PARTS_MAX, `a value has at most ${PART_BYTES * PARTS_MAX} bytes`)
  const parts = [value.subarray(0, PART_BYTES)]
  for (let at = PART_BYTES; at < value.length; at += PART_BYTES) parts.push(value.subarray(at, at + PART_BYTES))
  return parts
}

/** The parts of a value, `first` and as many as follow it in the storage. */
export const storedParts = (first: Uint8Array, read: (index: number) => Uint8Array | undefined): Uint8Array[] => {
  const parts = [first]
  for (let last: Uint8Array | undefined = first; last?.length === PART_BYTES && parts.length < PARTS_MAX; ) {
    last = read(parts.length)
    if (last !== undefined) parts.push(last)
  }
  return parts
}
