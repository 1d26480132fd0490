import { type Doc, getBackend } from '@automerge/automerge'
import {
  COUNTER_MAX,
  canonicalJson,
  compareStamps,
  type JsonValue,
  MS_MAX,
  parseReplicaId,
  type Stamp,
} from '@meridian/core'
import { integerOf, Unsound } from './entry-fields.js'
import type { CatalogDocument, ROOT_MAPS } from './genesis.js'

/** A value and the write that gave it; `null` says that there is none any more. */
export interface Stamped {
  readonly value: JsonValue
  readonly stamp: Stamp
}

/** The one text that stands in the document: a scalar, so that concurrent writes are siblings and never mix. */
export const stampedText = (value: JsonValue, { ms, counter, writer }: Stamp): string =>
  canonicalJson({ stamp: [ms, counter, writer], value })

/**
 * Of an entry's concurrent values the newest by stamp; of equal stamps, which no honest pair has, the greater text. Depends
 * on the set alone. `skip` is told of values that make no sense.
 */
export const readStamped = (
  document: Doc<CatalogDocument>,
  map: (typeof ROOT_MAPS)[number],
  key: string,
  skip: (error: unknown) => void,
): Stamped | undefined => {
  let newest: (Stamped & { text: string }) | undefined
  // Asked of the document's own handle, as members are.
  for (const [kind, text] of getBackend(document).getAll(`/${map}`, key)) {
    try {
      if (kind !== 'str' || typeof text !== 'string') throw new Unsound('is not text')
      const read = { ...parse(text), text }
      const order = newest === undefined ? 1 : compareStamps(read.stamp, newest.stamp) || (text > newest.text ? 1 : -1)
      if (order > 0) newest = read
    } catch (error) {
      skip(error)
    }
  }
  return newest && { value: newest.value, stamp: newest.stamp }
}

export const newerOf = (a: Stamped | undefined, b: Stamped): Stamped =>
  a === undefined || compareStamps(b.stamp, a.stamp) > 0 ? b : a

const parse = (text: string): Stamped => {
  let entry: unknown
  try {
    entry = JSON.parse(text)
  } catch {
    throw new Unsound('is not JSON')
  }
  if (typeof entry !== 'object' || entry === null || !('stamp' in entry) || !('value' in entry))
    throw new Unsound('is not a stamped value')
  if (!Array.isArray(entry.stamp) || entry.stamp.length !== 3) throw new Unsound('stamp is not of three numbers')
  const [ms, counter, writer]: unknown[] = entry.stamp
  return {
    value: entry.value as JsonValue,
    stamp: {
      ms: integerOf(ms, 'stamp.ms', MS_MAX),
      counter: integerOf(counter, 'stamp.counter', COUNTER_MAX),
      writer: parseReplicaId(integerOf(writer, 'stamp.writer', 255)),
    },
  }
}
