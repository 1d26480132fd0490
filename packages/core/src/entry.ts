import type { ContentMark } from './content-mark.js'
import type { Stamp } from './hlc.js'
import type { JsonObject } from './json.js'
import type { PointId } from './point-id.js'
import type { VectorValue } from './vector-value.js'

/**
 * One stamped write of one record, as it stands in a block. Requests that name points by filter, or change values relative
 * to what is stored, are resolved to entries by the replica that takes them.
 */
export type Entry = PutEntry | DeleteEntry | PatchEntry

/** Replaces the whole record: what the put does not name is gone. Only a put creates a record. */
export interface PutEntry {
  readonly kind: 'put'
  readonly id: PointId
  readonly stamp: Stamp
  /** By vector name; the unnamed vector has the name ''. */
  readonly vectors: ReadonlyMap<string, VectorValue>
  readonly payload: JsonObject
}

export interface DeleteEntry {
  readonly kind: 'delete'
  readonly id: PointId
  readonly stamp: Stamp
}

/** Changes single cells. It shows only on a record that some put created. */
export interface PatchEntry {
  readonly kind: 'patch'
  readonly id: PointId
  readonly stamp: Stamp
  /** The payload is emptied first (overwrite and clear). */
  readonly clear: boolean
  readonly set: JsonObject
  readonly unset: readonly string[]
  readonly vectors: ReadonlyMap<string, VectorValue>
  readonly dropVectors: readonly string[]
}

/** An entry before its stamp is drawn: what the write path is handed. */
export type RecordOp = (Omit<PutEntry, 'stamp'> | Omit<DeleteEntry, 'stamp'> | Omit<PatchEntry, 'stamp'>) & {
  /** What it was made from; without it, the write belongs to the content that it changes. */
  readonly content?: Pick<ContentMark, 'version' | 'model'>
}
