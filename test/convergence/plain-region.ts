import { compareStamps, type Entry, isMulti, isSparse, type JsonObject, type VectorValue } from '@meridian/core'

// biome-ignore lint/suspicious/noExplicitAny: vectors as JSON are of several forms.
type Any = any

interface PlainRecord {
  readonly vectors: Map<string, VectorValue>
  payload: Map<string, unknown>
}

/** A record as `points/scroll` shows it. */
export interface Shown {
  readonly id: number | string
  readonly payload: JsonObject
  readonly vector: Record<string, Any>
}

/**
 * One region that takes the writes one after the other: a put replaces, a delete removes, a patch changes what is there. It knows
 * nothing of stamps but their order, and merges nothing.
 */
export const applyInStampOrder = (entries: readonly Entry[]): Shown[] => {
  const records = new Map<Entry['id'], PlainRecord>()
  for (const entry of [...entries].sort((a, b) => compareStamps(a.stamp, b.stamp))) apply(records, entry)
  return [...records]
    .map(([id, { vectors, payload }]) => ({
      // Those of these tests are small.
      id: id as Shown['id'],
      payload: Object.fromEntries(payload) as JsonObject,
      vector: Object.fromEntries([...vectors].map(([name, value]) => [name, shownVector(value)])),
    }))
    .sort(byId)
}

const apply = (records: Map<Entry['id'], PlainRecord>, entry: Entry): void => {
  if (entry.kind === 'delete') {
    records.delete(entry.id)
    return
  }
  if (entry.kind === 'put') {
    records.set(entry.id, { vectors: new Map(entry.vectors), payload: new Map(Object.entries(entry.payload)) })
    return
  }
  const record = records.get(entry.id)
  if (record === undefined) return
  if (entry.clear) record.payload = new Map()
  for (const [key, value] of Object.entries(entry.set)) record.payload.set(key, value)
  for (const key of entry.unset) record.payload.delete(key)
  for (const [name, value] of entry.vectors) record.vectors.set(name, value)
  for (const name of entry.dropVectors) record.vectors.delete(name)
}

const shownVector = (value: VectorValue): Any => {
  if (isSparse(value)) return { indices: [...value.indices], values: [...value.values] }
  if (!isMulti(value)) return [...value]
  const rows = Array.from({ length: value.data.length / value.dims }, (_, i) => i * value.dims)
  return rows.map((at) => [...value.data.subarray(at, at + value.dims)])
}

export const byId = (a: Pick<Shown, 'id'>, b: Pick<Shown, 'id'>): number =>
  String(a.id) < String(b.id) ? -1 : String(a.id) > String(b.id) ? 1 : 0

/** Numbers of vectors as the float32 that their decimals stand for. */
export const asFloat32 = (value: Any): Any => {
  if (typeof value === 'number') return Math.fround(value)
  if (Array.isArray(value)) return value.map(asFloat32)
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, key === 'indices' ? each : asFloat32(each)]),
  )
}
