import {
  assert,
  type IndexedVector,
  type IndexHit,
  type IndexQuery,
  type IndexTraces,
  type Log,
  SILENT_LOG,
  type SearchWork,
  type SpaceParams,
  type SpaceRef,
  type SpaceStats,
  StoreError,
  type Terms,
  type VectorIndex,
  type VectorValue,
} from '@meridian/core'
import { checkQuery, spaceKey } from './query.js'
import { finished, type ScannedSpace, scannedSpace } from './scanned-space.js'

interface Open {
  readonly params: SpaceParams
  readonly scanned: ScannedSpace
}

/**
 * The index as its definition: every search scans everything, in the caller's thread, and nothing is written. For the
 * simulator, for small tests, and as the twin that `HnswIndex` is measured against.
 */
export class ExactIndex implements VectorIndex {
  readonly #spaces = new Map<string, Open>()
  #closed = false

  constructor(readonly log: Log = SILENT_LOG) {}

  openSpace(space: SpaceRef, params: SpaceParams, vectors: Iterable<IndexedVector>): void {
    const opened = { params, scanned: scannedSpace(params) }
    this.#spaces.set(spaceKey(space), opened)
    for (const entry of vectors)
      try {
        this.#put(opened, entry.ordinal, entry.id, entry.read())
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        this.log.error({ id: entry.id, error: String(error) }, 'vector not read; it is not searchable')
      }
  }

  set(space: SpaceRef, vector: Omit<IndexedVector, 'read'> & { readonly vector: VectorValue }): void {
    const opened = this.#spaces.get(spaceKey(space))
    assert(opened, 'set in a space that is not open')
    this.#put(opened, vector.ordinal, vector.id, vector.vector)
  }

  remove(space: SpaceRef, ordinal: number): void {
    this.#spaces.get(spaceKey(space))?.scanned.remove(ordinal)
  }

  /** `search` without the promise. @throws StoreError `WRONG_INPUT`, `NOT_READY` (space not open), `SHUTTING_DOWN`. */
  searchNow(space: SpaceRef, query: IndexQuery, tell?: (work: SearchWork) => void): IndexHit[] {
    const { params, scanned } = this.#open(space)
    checkQuery(query, params)
    return finished(scanned.search(query, tell))
  }

  async search(
    space: SpaceRef,
    query: IndexQuery,
    signal?: AbortSignal,
    tell?: (work: SearchWork) => void,
  ): Promise<IndexHit[]> {
    signal?.throwIfAborted()
    return this.searchNow(space, query, tell)
  }

  async terms(space: SpaceRef): Promise<Terms | undefined> {
    return this.#open(space).scanned.terms()
  }

  async traces(space: SpaceRef): Promise<IndexTraces> {
    this.#open(space)
    return { graph: 'clear', files: 'clear' }
  }

  dropSpace(space: SpaceRef): void {
    this.#spaces.delete(spaceKey(space))
  }

  stats(space: SpaceRef): SpaceStats | undefined {
    const opened = this.#spaces.get(spaceKey(space))
    if (!opened) return undefined
    const { live, bytes } = opened.scanned
    return { live, pending: 0, dead: 0, state: 'ready', bytes }
  }

  flush(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  #open(space: SpaceRef): Open {
    if (this.#closed) throw new StoreError('SHUTTING_DOWN', 'the index is closed')
    const opened = this.#spaces.get(spaceKey(space))
    if (!opened) throw new StoreError('NOT_READY', 'the vector space is not open')
    return opened
  }

  #put({ scanned }: Open, ordinal: number, id: string, vector: VectorValue): void {
    if (!scanned.put(ordinal, vector)) this.log.warn({ id }, 'vector is not searchable: it is none of its space')
  }
}
