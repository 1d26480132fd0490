import {
  assert,
  type IndexedVector,
  type IndexHit,
  type IndexQuery,
  type Log,
  SILENT_LOG,
  type SpaceRef,
  type SpaceStats,
  StoreError,
  type VectorIndex,
  type VectorParams,
} from '@meridian/core'
import { checkQuery, spaceKey } from './query.js'
import { Rows } from './rows.js'
import { TopK } from './top-k.js'

/**
 * The index as its definition: every search scans everything, in the caller's thread, and nothing is written. For the
 * simulator, for small tests, and as the twin that `HnswIndex` is measured against.
 */
export class ExactIndex implements VectorIndex {
  readonly #spaces = new Map<string, Rows>()
  #closed = false

  constructor(readonly log: Log = SILENT_LOG) {}

  openSpace(space: SpaceRef, params: VectorParams, vectors: Iterable<IndexedVector>): void {
    const rows = new Rows(params.size, params.metric)
    this.#spaces.set(spaceKey(space), rows)
    for (const entry of vectors) this.#put(rows, entry.ordinal, entry.id, entry.read())
  }

  set(space: SpaceRef, vector: Omit<IndexedVector, 'read'> & { readonly vector: Float32Array }): void {
    const rows = this.#spaces.get(spaceKey(space))
    assert(rows, 'set in a space that is not open')
    this.#put(rows, vector.ordinal, vector.id, vector.vector)
  }

  remove(space: SpaceRef, ordinal: number): void {
    const rows = this.#spaces.get(spaceKey(space))
    if (rows) drop(rows, ordinal)
  }

  /** `search` without the promise. @throws StoreError `WRONG_INPUT`, `NOT_READY` (space not open), `SHUTTING_DOWN`. */
  searchNow(space: SpaceRef, query: IndexQuery): IndexHit[] {
    if (this.#closed) throw new StoreError('SHUTTING_DOWN', 'the index is closed')
    const rows = this.#spaces.get(spaceKey(space))
    if (!rows) throw new StoreError('NOT_READY', 'the vector space is not open')
    checkQuery(query, rows.dims)
    const prepared = rows.prepare(query.vector)
    const best = new TopK(rows.metric, Math.min(query.limit, query.among?.length ?? rows.live))
    if (query.among) rows.offerAmong(prepared, query.among, best)
    else rows.offerAll(prepared, best)
    return best.take()
  }

  async search(space: SpaceRef, query: IndexQuery, signal?: AbortSignal): Promise<IndexHit[]> {
    signal?.throwIfAborted()
    return this.searchNow(space, query)
  }

  dropSpace(space: SpaceRef): void {
    this.#spaces.delete(spaceKey(space))
  }

  stats(space: SpaceRef): SpaceStats | undefined {
    const rows = this.#spaces.get(spaceKey(space))
    return rows && { live: rows.live, pending: 0, dead: 0, state: 'ready' }
  }

  flush(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  #put(rows: Rows, ordinal: number, id: string, vector: Float32Array): void {
    drop(rows, ordinal)
    if (rows.accepts(vector)) rows.assign(rows.take(vector), ordinal)
    else this.log.warn({ id, dims: vector.length }, 'vector is not searchable: wrong length or not finite')
  }
}

const drop = (rows: Rows, ordinal: number): void => {
  const row = rows.rowOf(ordinal)
  if (row !== undefined) rows.free(row)
}
