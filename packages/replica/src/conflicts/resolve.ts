import {
  cellValue,
  type ConflictCell,
  decodeEntry,
  type Entry,
  encodeEntry,
  type JsonObject,
  type PatchEntry,
  type PointId,
  type RecordOp,
  type ReplicaId,
  setOwn,
  StoreError,
  type VectorValue,
} from '@meridian/core'
import type { Collection } from '../api.js'
import type { ConflictDetail, ConflictBook } from './conflict-book.js'
import type { Resolution } from './conflict-note.js'
import type { SpaceKeys } from '../space-keys.js'

/** What becomes of a conflict. `undo` puts back what stood there before it was resolved. */
export type Decision =
  | { readonly keep: 'winner' | 'loser' }
  /**
   * The loser is written under `newId`, which must be free, or hold the copy that the same decision made before. `isDerived`: the
   * id is a function of the conflict, so that no other decision names it.
   */
  | { readonly keep: 'both'; readonly newId: PointId; readonly isDerived?: boolean }
  /** Where another region decided, `newId` or else `derivedId` is the copy that goes. */
  | { readonly undo: true; readonly newId?: PointId; readonly derivedId?: PointId }

export interface Decided {
  readonly ops: readonly RecordOp[]
  /** `undefined`: as it was. */
  readonly resolution: Resolution | undefined
}

const invalid = (message: string): StoreError => new StoreError('VALIDATION', message)

/**
 * The ordinary write that carries a decision out: made from what is there when its turn comes, so it has seen both sides, and
 * settles the conflict wherever it arrives. What stood there before is noted as records have it, by the keys of vectors: under a
 * name that was dropped and added anew, undoing it brings back nothing.
 * @throws StoreError `POINT_NOT_FOUND` when the conflict is not listed any more, `VALIDATION` for what cannot be done.
 */
export const decide = (
  book: ConflictBook,
  id: string,
  decision: Decision,
  now: Collection,
  keys: SpaceKeys,
): Decided => {
  const detail = book.detail(id)
  if ('undo' in decision) {
    const newId = decision.newId ?? (detail.note.resolution === undefined ? decision.derivedId : undefined)
    return undo(detail, newId, now, keys)
  }
  const { note, loser } = detail
  const before = current(now, note.point, note.cell)
  const resolution: Resolution = {
    kept: decision.keep,
    newId: decision.keep === 'both' ? decision.newId : undefined,
    before: encodeEntry({ ...keys.stored(before), stamp: NO_STAMP } as Entry),
  }
  if (decision.keep !== 'both')
    return { ops: [decision.keep === 'winner' ? before : marked(applied(now, loser, note.cell), loser)], resolution }
  if (isRepeat(detail, decision, now)) return { ops: [before], resolution: undefined }
  return { ops: [marked(copyOf(now, loser, note.cell, decision.newId), loser), before], resolution }
}

/** Whether the copy is there already, by the same decision: whoever asks again did not hear the answer. */
const isRepeat = (
  { note: { resolution, settledBy } }: ConflictDetail,
  { newId, isDerived }: Extract<Decision, { keep: 'both' }>,
  now: Collection,
): boolean => {
  if (now.find(newId) === undefined) return false
  return (
    (resolution?.kept === 'both' && resolution.newId === newId) ||
    (isDerived === true && settledBy !== undefined && resolution === undefined)
  )
}

/** With the mark of the write that the value is from. */
const marked = (op: RecordOp, { stamp: { content } }: Entry): RecordOp =>
  content === undefined ? op : { ...op, content: { version: content.version, model: content.model } }

const NO_STAMP = { ms: 0, counter: 0, writer: 1 as ReplicaId }

const patchOf = (id: PointId, change: Partial<Omit<PatchEntry, 'id' | 'kind' | 'stamp'>>): RecordOp => ({
  ...{ kind: 'patch', id, clear: false, set: {}, unset: [], vectors: new Map(), dropVectors: [] },
  ...change,
})

const vectorsOf = (now: Collection, ordinal: number): Map<string, VectorValue> =>
  new Map(now.vectorNames(ordinal).map((name) => [name, now.vector(ordinal, name)!]))

const only = (payload: JsonObject, key: string): JsonObject => {
  const found: JsonObject = {}
  if (Object.hasOwn(payload, key)) setOwn(found, key, payload[key]!)
  return found
}

/** Writes again what the cell holds now. */
const current = (now: Collection, id: PointId, cell: ConflictCell): RecordOp => {
  const ordinal = now.find(id)
  if (ordinal === undefined) return { kind: 'delete', id }
  const payload = now.payload(ordinal)
  if (cell.kind === 'record') return { kind: 'put', id, vectors: vectorsOf(now, ordinal), payload }
  if (cell.kind === 'vectors') return patchOf(id, { vectors: vectorsOf(now, ordinal) })
  if (cell.key === undefined) return patchOf(id, { clear: true, set: payload })
  return patchOf(id, Object.hasOwn(payload, cell.key) ? { set: only(payload, cell.key) } : { unset: [cell.key] })
}

/** The record with the cell as `entry` has it. */
const applied = (now: Collection, entry: Entry, cell: ConflictCell): RecordOp => {
  const { id } = entry
  const value = cellValue(entry, cell)
  if (cell.kind === 'record')
    return value.isRemoved ? { kind: 'delete', id } : { kind: 'put', id, ...pick(value.vectors, value.payload) }
  // Of a patch that came to nothing by a delete only single cells are known, and they make no record.
  const ordinal = now.find(id)
  if (entry.kind === 'delete') return { kind: 'delete', id }
  if (ordinal === undefined)
    throw invalid(
      `the record ${String(id)} is deleted, and the conflict is about a part of it: upsert the whole point, or keep the winner`,
    )
  if (cell.kind === 'vectors') {
    const there = now.vectorNames(ordinal)
    const gone = entry.kind === 'put' ? there.filter((name) => !value.vectors.has(name)) : value.dropped
    return patchOf(id, { vectors: value.vectors, dropVectors: gone })
  }
  if (cell.key === undefined) return patchOf(id, { clear: true, set: value.payload })
  return patchOf(id, value.isRemoved ? { unset: [cell.key] } : { set: value.payload })
}

const pick = (vectors: ReadonlyMap<string, VectorValue>, payload: JsonObject) => ({ vectors, payload })

/** The loser as a record of its own: the whole of it, or what is there with the disputed cell as the loser has it. */
const copyOf = (now: Collection, loser: Entry, cell: ConflictCell, newId: PointId): RecordOp => {
  if (now.find(newId) !== undefined)
    throw invalid(`new_id: the point ${String(newId)} is there already, name a free id`)
  const change = applied(now, loser, cell)
  if (change.kind === 'delete') throw invalid('the loser is a delete, and there is nothing to keep beside the winner')
  if (change.kind === 'put') return { ...change, id: newId }
  const ordinal = now.find(loser.id)!
  const payload: JsonObject = change.clear ? {} : { ...now.payload(ordinal) }
  for (const key of change.unset) delete payload[key]
  for (const [key, value] of Object.entries(change.set)) setOwn(payload, key, value)
  const vectors = vectorsOf(now, ordinal)
  for (const [name, vector] of change.vectors) vectors.set(name, vector)
  for (const name of change.dropVectors) vectors.delete(name)
  return { kind: 'put', id: newId, vectors, payload }
}

/** What this replica noted as standing there before; elsewhere, the winner. */
const undo = (
  { note, winner }: ConflictDetail,
  newId: PointId | undefined,
  now: Collection,
  keys: SpaceKeys,
): Decided => {
  if (note.settledBy === undefined)
    throw invalid(`the conflict ${note.id} is open, and there is nothing to undo: resolve it first`)
  const { resolution } = note
  if (resolution?.kept === 'undone') throw invalid(`the conflict ${note.id} was undone already: resolve it anew`)
  const copy = resolution?.newId ?? newId
  const ops: RecordOp[] =
    copy !== undefined && now.find(copy) !== undefined && copy !== note.point ? [{ kind: 'delete', id: copy }] : []
  if (resolution?.before === undefined) ops.push(marked(applied(now, winner, note.cell), winner))
  else {
    const { stamp: _, ...before } = keys.shown(decodeEntry(resolution.before))
    const isPart = before.kind === 'patch' && now.find(note.point) === undefined
    ops.push(marked(isPart ? applied(now, winner, note.cell) : (before as RecordOp), winner))
  }
  return { ops, resolution: { kept: 'undone', newId: undefined, before: undefined } }
}
