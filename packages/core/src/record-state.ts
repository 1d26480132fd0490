import type { Entry } from './entry.js'
import type { StampOrder } from './conflict.js'
import { compareStamps, type Stamp } from './hlc.js'
import { type JsonObject, type JsonValue, setOwn } from './json.js'
import type { VectorValue } from './vector-value.js'

/** The newest value of one vector or payload key; `undefined` is a removal, kept so that an older value stays hidden. */
export interface Cell<T> {
  readonly stamp: Stamp
  readonly value: T | undefined
}

/**
 * What all entries of one id amount to. Invariants, which every function here keeps:
 *  1. `presence` is the newest put or delete; the record exists when it is a put.
 *  2. No cell is older than `presence`: a put replaces everything, and a delete is only ever followed by a put.
 *  3. `cleared` is newer than `presence`, and no payload cell is older than `cleared`.
 * Cells may be newer than a delete, or stand alone: a patch that came before its put. They show once there is a put.
 */
export interface RecordState {
  readonly presence: { readonly stamp: Stamp; readonly alive: boolean } | undefined
  readonly cleared: Stamp | undefined
  readonly vectors: ReadonlyMap<string, Cell<VectorValue>>
  readonly payload: ReadonlyMap<string, Cell<JsonValue>>
}

export const EMPTY_STATE: RecordState = {
  presence: undefined,
  cleared: undefined,
  vectors: new Map(),
  payload: new Map(),
}

/** What a single entry says. */
export const stateOf = (entry: Entry): RecordState => {
  const { stamp } = entry
  switch (entry.kind) {
    case 'delete':
      return { ...EMPTY_STATE, presence: { stamp, alive: false } }
    case 'put':
      return {
        presence: { stamp, alive: true },
        cleared: undefined,
        vectors: new Map([...entry.vectors].map(([name, value]) => [name, { stamp, value }])),
        payload: new Map(Object.entries(entry.payload).map(([key, value]) => [key, { stamp, value }])),
      }
    case 'patch':
      return {
        presence: undefined,
        cleared: entry.clear ? stamp : undefined,
        vectors: new Map<string, Cell<VectorValue>>([
          ...[...entry.vectors].map(([name, value]) => [name, { stamp, value }] as const),
          ...entry.dropVectors.map((name) => [name, { stamp, value: undefined }] as const),
        ]),
        payload: new Map<string, Cell<JsonValue>>([
          ...Object.entries(entry.set).map(([key, value]) => [key, { stamp, value }] as const),
          ...entry.unset.map((key) => [key, { stamp, value: undefined }] as const),
        ]),
      }
  }
}

/**
 * The newest of each cell, or the highest under the collection's policy: commutative, associative, idempotent, and blind to
 * arrival order, wall time and who asks.
 * (A map of last-writer-wins registers; Shapiro et al., "A comprehensive study of Convergent and Commutative Replicated Data
 * Types", 2011.)
 */
export const mergeUnder =
  (order: StampOrder) =>
  (a: RecordState, b: RecordState): RecordState => {
    const presence = newerPresence(a.presence, b.presence, order)
    const cleared = onlyNewer(newer(a.cleared, b.cleared, order), presence?.stamp, order)
    return {
      presence,
      cleared,
      vectors: mergeCells(a.vectors, b.vectors, presence?.stamp, order),
      payload: mergeCells(a.payload, b.payload, cleared ?? presence?.stamp, order),
    }
  }

/** Under the default policy: the newest of each cell. */
export const merge = mergeUnder(compareStamps)

type Presence = RecordState['presence']
const newerPresence = (a: Presence, b: Presence, order: StampOrder): Presence =>
  a === undefined ? b : b === undefined || order(a.stamp, b.stamp) >= 0 ? a : b

const newer = (a: Stamp | undefined, b: Stamp | undefined, order: StampOrder): Stamp | undefined =>
  a === undefined ? b : b === undefined || order(a, b) >= 0 ? a : b

const onlyNewer = (stamp: Stamp | undefined, floor: Stamp | undefined, order: StampOrder): Stamp | undefined =>
  stamp !== undefined && (floor === undefined || order(stamp, floor) > 0) ? stamp : undefined

const mergeCells = <T>(
  a: ReadonlyMap<string, Cell<T>>,
  b: ReadonlyMap<string, Cell<T>>,
  floor: Stamp | undefined,
  order: StampOrder,
): ReadonlyMap<string, Cell<T>> => {
  const merged = new Map<string, Cell<T>>()
  for (const cells of [a, b])
    for (const [name, cell] of cells) {
      if (floor !== undefined && order(cell.stamp, floor) < 0) continue
      const other = merged.get(name)
      if (other === undefined || order(cell.stamp, other.stamp) > 0) merged.set(name, cell)
    }
  return merged
}

/** A record as a reader sees it. */
export interface VisibleRecord {
  readonly vectors: ReadonlyMap<string, VectorValue>
  readonly payload: JsonObject
}

/** `undefined` unless the newest of puts and deletes is a put. */
export const visible = (state: RecordState): VisibleRecord | undefined => {
  if (!state.presence?.alive) return undefined
  const vectors = new Map<string, VectorValue>()
  for (const [name, cell] of state.vectors) if (cell.value !== undefined) vectors.set(name, cell.value)
  const payload: JsonObject = {}
  for (const [key, cell] of state.payload) if (cell.value !== undefined) setOwn(payload, key, cell.value)
  return { vectors, payload }
}
