import {
  type IndexHit,
  type IndexQuery,
  isMulti,
  isSparse,
  isSparseSpace,
  type MultiVector,
  type SearchWork,
  type SpaceParams,
  spaceProblem,
  type Terms,
  type VectorParams,
  type VectorValue,
  valueProblem,
} from '@meridian/core'
import { rowsBytes } from './graph-memory.js'
import { Postings } from './postings.js'
import { Rows } from './rows.js'
import { maxSim, normalizeRows } from './scoring.js'
import { TopK } from './top-k.js'

/** Hears once how a search was done. */
export type Tell = (work: SearchWork) => void

/** A space that is searched by looking at all that can match, in the thread that holds it. */
export interface ScannedSpace {
  readonly live: number
  /** Memory that it takes, about. */
  readonly bytes: number
  /** In place of what the record had. `false`: the value is none of this space, and the record has none now. */
  put(ordinal: number, value: VectorValue): boolean
  remove(ordinal: number): void
  /** For a query that was checked. Yields where other work may come in between; what changes meanwhile may be seen. */
  search(query: IndexQuery, tell?: Tell): Generator<void, IndexHit[]>
  terms(): Terms | undefined
}

export const scannedSpace = (params: SpaceParams): ScannedSpace =>
  isSparseSpace(params) ? new SparseSpace(params) : params.multi ? new MultiSpace(params) : new DenseSpace(params)

/** To the end at once. */
export const finished = <T>(steps: Generator<void, T>): T => {
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}

const candidatesOf = (live: number, among: Uint32Array | undefined): number => Math.min(live, among?.length ?? live)

/** What other regions send may be none of the space: of another form or length. */
const belongs = (params: SpaceParams, value: VectorValue): boolean =>
  (spaceProblem(params, value) ?? valueProblem(value)) === undefined

class DenseSpace implements ScannedSpace {
  readonly #rows: Rows

  constructor(readonly params: VectorParams) {
    this.#rows = new Rows(params.size, params.metric)
  }

  get live(): number {
    return this.#rows.live
  }

  get bytes(): number {
    return rowsBytes(this.#rows)
  }

  put(ordinal: number, value: VectorValue): boolean {
    this.remove(ordinal)
    if (!(value instanceof Float32Array && this.#rows.accepts(value))) return false
    this.#rows.assign(this.#rows.take(value), ordinal)
    return true
  }

  remove(ordinal: number): void {
    const row = this.#rows.rowOf(ordinal)
    if (row !== undefined) this.#rows.free(row)
  }

  // biome-ignore lint/correctness/useYield: it is over before anything else would want to run.
  *search({ vector, limit, among }: IndexQuery, tell?: Tell): Generator<void, IndexHit[]> {
    const prepared = this.#rows.prepare(vector as Float32Array)
    const best = new TopK(this.#rows.metric, Math.min(limit, among?.length ?? this.live))
    const scanned = among ? this.#rows.offerAmong(prepared, among, best) : this.#rows.offerAll(prepared, best)
    tell?.({ plan: 'scan', candidates: candidatesOf(this.live, among), ef: 0, scanned })
    return best.take()
  }

  terms(): undefined {}
}

/** Of a record beside its numbers, and of an index with its value in two lists. */
const RECORD_BYTES = 150
const NUMBER_BYTES = 20

class SparseSpace implements ScannedSpace {
  readonly #postings = new Postings()

  constructor(readonly params: SpaceParams) {}

  get live(): number {
    return this.#postings.live
  }

  get bytes(): number {
    return this.#postings.live * RECORD_BYTES + this.#postings.numbers * NUMBER_BYTES
  }

  put(ordinal: number, value: VectorValue): boolean {
    this.remove(ordinal)
    if (!(isSparse(value) && belongs(this.params, value))) return false
    this.#postings.add(ordinal, value)
    return true
  }

  remove(ordinal: number): void {
    this.#postings.remove(ordinal)
  }

  // biome-ignore lint/correctness/useYield: it looks at the records that share an index with the query, and no others.
  *search({ vector, limit, among }: IndexQuery, tell?: Tell): Generator<void, IndexHit[]> {
    const best = new TopK('Dot', Math.min(limit, among?.length ?? this.live))
    const scanned = isSparse(vector) ? this.#postings.offer(vector, among, best) : 0
    tell?.({ plan: 'postings', candidates: candidatesOf(this.live, among), ef: 0, scanned })
    return best.take()
  }

  terms(): Terms {
    const postings = this.#postings
    return { vectors: postings.filled, having: (index) => postings.having(index) }
  }
}

/** Numbers compared between two chances for other work. */
const STEP_NUMBERS = 500_000

class MultiSpace implements ScannedSpace {
  readonly #values = new Map<number, MultiVector>()
  #numbers = 0

  constructor(readonly params: VectorParams) {}

  get live(): number {
    return this.#values.size
  }

  get bytes(): number {
    return this.#values.size * RECORD_BYTES + this.#numbers * 4
  }

  put(ordinal: number, value: VectorValue): boolean {
    this.remove(ordinal)
    if (!(isMulti(value) && belongs(this.params, value))) return false
    this.#numbers += value.data.length
    this.#values.set(ordinal, this.params.metric === 'Cosine' ? normalizeRows(value) : value)
    return true
  }

  remove(ordinal: number): void {
    this.#numbers -= this.#values.get(ordinal)?.data.length ?? 0
    this.#values.delete(ordinal)
  }

  *search({ vector, limit, among }: IndexQuery, tell?: Tell): Generator<void, IndexHit[]> {
    if (!isMulti(vector)) return []
    const { metric, size } = this.params
    const query = metric === 'Cosine' ? normalizeRows(vector) : vector
    const rows = query.data.length / size
    const best = new TopK(metric, Math.min(limit, among?.length ?? this.live))
    let compared = 0
    let scanned = 0
    // A list of its own: a record that changes meanwhile would come twice.
    for (const ordinal of among ?? [...this.#values.keys()]) {
      const value = this.#values.get(ordinal)
      if (value === undefined) continue
      best.offer(ordinal, maxSim(metric, query, value))
      scanned++
      compared += rows * value.data.length
      if (compared < STEP_NUMBERS) continue
      compared = 0
      yield
    }
    tell?.({ plan: 'scan', candidates: candidatesOf(this.live, among), ef: 0, scanned })
    return best.take()
  }

  terms(): undefined {}
}
