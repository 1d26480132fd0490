import { assert, type Metric } from '@meridian/core'
import { ABSENT, OrdinalMap } from './ordinal-map.js'
import { ENGINE } from './graph.js'
import { isFinite32, normalize } from './scoring.js'
import type { TopK } from './top-k.js'
import type { ScoreVectors } from './vector-scan.js'

/** Ordinal of a row that is free, or that no record has claimed. */
export const NO_ORDINAL = 0xffffffff
const CHUNK_BYTES = 128 * 1024
/** Rows scored in one go: the way into native code is paid once for all of them. */
const BATCH_ROWS = 2048

/** Stands where every row of a chunk is free. */
const DROPPED = new Float32Array(0)

/** Shared by all: a scan is over before the next begins. */
const batch = new Uint32Array(BATCH_ROWS)
const scores = new Float32Array(BATCH_ROWS)

/**
 * The vectors of a space as float32 rows in fixed-size chunks, and the exact scan over them. Invariants:
 *  1. `rowOf(o) = r` exactly when `ordinalAt(r) = o`.
 *  2. A row's floats never change while it is taken: an update takes a new row.
 *  3. `Cosine` rows are normalised, whatever was handed in.
 *  4. A chunk that has no taken row takes no memory, but for one that is kept for the next: updates must not allocate one each.
 */
export class Rows {
  readonly #byOrdinal = new OrdinalMap()
  readonly #chunks: Float32Array[] = []
  /** Taken rows of each. */
  readonly #takenOf: number[] = []
  #spare: Float32Array | undefined
  #droppedCount = 0
  readonly #chunkRows: number
  readonly #free: number[] = []
  #ordinals = new Uint32Array(64).fill(NO_ORDINAL)
  /** Rows ever taken; every row number is below it. */
  #end = 0

  constructor(
    readonly dims: number,
    readonly metric: Metric,
    readonly scoreVectors: ScoreVectors = ENGINE.scoreVectors,
  ) {
    this.#chunkRows = Math.max(1, Math.floor(CHUNK_BYTES / (4 * dims)))
  }

  /** Rows that a record owns. */
  get live(): number {
    return this.#byOrdinal.size
  }

  /** Every row number is below it. */
  get end(): number {
    return this.#end
  }

  /** Rows whose memory is held, free ones among them. */
  get held(): number {
    const beyond = this.#chunks.at(-1) === DROPPED ? this.#chunks.length * this.#chunkRows - this.#end : 0
    return this.#end - this.#droppedCount * this.#chunkRows + beyond
  }

  rowOf(ordinal: number): number | undefined {
    const row = this.#byOrdinal.get(ordinal)
    return row === ABSENT ? undefined : row
  }

  ordinalAt(row: number): number {
    return this.#ordinals[row]!
  }

  /** Rows that a record owns, in no order; must not be changed meanwhile. */
  *taken(): IterableIterator<number> {
    for (let row = 0; row < this.#end; row++) if (this.#ordinals[row] !== NO_ORDINAL) yield row
  }

  /** Whether a vector can be a row: of the right length and finite. What arrives from other regions may be neither. */
  accepts(vector: Float32Array): boolean {
    return vector.length === this.dims && isFinite32(vector)
  }

  /** Copies `vector` into a row that belongs to nobody yet. */
  take(vector: Float32Array): number {
    assert(this.accepts(vector), 'a row holds finite numbers of the right count')
    const row = this.#free.pop() ?? this.#end++
    const chunk = Math.floor(row / this.#chunkRows)
    this.#hold(chunk)
    if (row >= this.#ordinals.length) {
      const grown = new Uint32Array(this.#ordinals.length * 2).fill(NO_ORDINAL)
      grown.set(this.#ordinals)
      this.#ordinals = grown
    }
    this.#chunks[chunk]!.set(
      this.metric === 'Cosine' ? normalize(vector) : vector,
      (row - chunk * this.#chunkRows) * this.dims,
    )
    return row
  }

  /** Gives a row that belongs to nobody to a record that has none. */
  assign(row: number, ordinal: number): void {
    assert(
      this.#ordinals[row] === NO_ORDINAL && this.rowOf(ordinal) === undefined,
      'one row a record, one record a row',
    )
    assert(ordinal >= 0 && ordinal < NO_ORDINAL, 'an ordinal is a u32')
    this.#ordinals[row] = ordinal
    this.#byOrdinal.set(ordinal, row)
  }

  /** Takes the row from its record without freeing it. */
  unassign(row: number): void {
    const ordinal = this.#ordinals[row]!
    if (ordinal === NO_ORDINAL) return
    this.#byOrdinal.delete(ordinal)
    this.#ordinals[row] = NO_ORDINAL
  }

  /** The row may be taken again from now on. */
  free(row: number): void {
    this.unassign(row)
    this.#free.push(row)
    const chunk = Math.floor(row / this.#chunkRows)
    if (--this.#takenOf[chunk]! > 0) return
    this.#spare ??= this.#chunks[chunk]!
    this.#chunks[chunk] = DROPPED
    this.#droppedCount++
  }

  /** A view; valid while the row is taken. */
  vectorAt(row: number): Float32Array {
    const chunk = Math.floor(row / this.#chunkRows)
    const start = (row - chunk * this.#chunkRows) * this.dims
    return this.#chunks[chunk]!.subarray(start, start + this.dims)
  }

  /** A query as the kernel wants it. */
  prepare(query: Float32Array): Float32Array {
    return this.metric === 'Cosine' ? normalize(query) : query
  }

  /** Scores those of `rows` that a record owns; returns how many. */
  offerRows(query: Float32Array, rows: Iterable<number>, best: TopK): number {
    let count = 0
    let offered = 0
    for (const row of rows) {
      if (this.#ordinals[row] === NO_ORDINAL) continue
      batch[count++] = row
      if (count < BATCH_ROWS) continue
      offered += this.#offerBatch(query, count, best)
      count = 0
    }
    return offered + this.#offerBatch(query, count, best)
  }

  /** Scores every owned row, in memory order; returns how many. */
  offerAll(query: Float32Array, best: TopK): number {
    let count = 0
    let offered = 0
    for (let row = 0; row < this.#end; row++) {
      if (this.#ordinals[row] === NO_ORDINAL) continue
      batch[count++] = row
      if (count < BATCH_ROWS) continue
      offered += this.#offerBatch(query, count, best)
      count = 0
    }
    return offered + this.#offerBatch(query, count, best)
  }

  /** Scores the rows of those `ordinals` that there are; returns how many. */
  offerAmong(query: Float32Array, ordinals: Uint32Array, best: TopK): number {
    let count = 0
    let offered = 0
    for (let i = 0; i < ordinals.length; i++) {
      const row = this.#byOrdinal.get(ordinals[i]!)
      if (row === ABSENT) continue
      batch[count++] = row
      if (count < BATCH_ROWS) continue
      offered += this.#offerBatch(query, count, best)
      count = 0
    }
    return offered + this.#offerBatch(query, count, best)
  }

  /** Makes room for one more row of a chunk. */
  #hold(chunk: number): void {
    if (this.#takenOf[chunk] === undefined) this.#takenOf[chunk] = 0
    else if (this.#takenOf[chunk] === 0) this.#droppedCount--
    if (this.#takenOf[chunk]++ > 0) return
    this.#chunks[chunk] = this.#spare ?? new Float32Array(this.#chunkRows * this.dims)
    this.#spare = undefined
  }

  /** The first `count` of the batch; returns `count`. */
  #offerBatch(query: Float32Array, count: number, best: TopK): number {
    const rows = batch.subarray(0, count)
    this.scoreVectors(this.metric, query, this.#chunks, this.#chunkRows, rows, scores)
    for (let i = 0; i < count; i++) best.offer(this.#ordinals[rows[i]!]!, scores[i]!)
    return count
  }
}
