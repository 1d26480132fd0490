import type { Metric, Trace, VectorParams } from '@meridian/core'
import { Buried, UNKNOWN_ID } from './buried.js'
import { Embedding } from './embedding.js'
import { ENGINE, Graph } from './graph.js'
import type { VectorFile } from './vector-file.js'
import { type Keeper, NO_LABEL, NO_ROW } from './keeper.js'
import type { Rows } from './rows.js'

/** Makes files for vectors; `undefined` where it cannot. */
export interface VectorFiles {
  create(): VectorFile | undefined
}

/** Slots that a graph has room for at first, of the rows there are: changes go on while it is built. */
const ROOM = 1.1

/**
 * One generation of a space's graph and what ties it to the rows. Invariants, for every row that a record owns:
 *  1. It is in exactly one of: the graph (under one living label), `missing`, `loose`.
 *  2. A label whose row was dropped is dead and leads to no row.
 */
export class Layer implements Keeper {
  /** By row; `NO_LABEL` where it is not in the graph. */
  #labelOf: Uint32Array
  /** By label. */
  #rowOf: Uint32Array
  /** Rows still to be put into the graph, oldest first. */
  readonly missing = new Set<number>()
  /** Rows too long for this graph; scanned as long as it serves. */
  readonly loose = new Set<number>()
  /** Those of them that a graph built anew might take. */
  readonly #outgrown = new Set<number>()
  /** Counts changes of the graph. */
  revision = 0

  constructor(
    readonly embedding: Embedding,
    readonly graph: Graph,
    rowOf = new Uint32Array(1024).fill(NO_ROW),
    readonly buried = new Buried(),
    /** Has the vectors where the graph holds codes. */
    readonly file?: VectorFile,
  ) {
    this.#rowOf = rowOf
    this.#labelOf = new Uint32Array(rowOf.length).fill(NO_LABEL)
    for (let label = 0; label < graph.slots; label++) {
      if (rowOf[label] !== NO_ROW) this.#setLabel(rowOf[label]!, label)
    }
  }

  /** With none of the rows yet, not even among the missing. */
  static empty(params: VectorParams, rows: Rows, files?: VectorFiles): Layer {
    const embedding = Embedding.over(params, rows)
    const file = embedding.quantizer ? files?.create() : undefined
    const expected = Math.ceil(rows.live * ROOM)
    return new Layer(embedding, Graph.create(embedding.shape, ENGINE, expected), undefined, undefined, file)
  }

  static create(params: VectorParams, rows: Rows, files?: VectorFiles): Layer {
    const layer = Layer.empty(params, rows, files)
    for (const row of rows.taken()) layer.enlist(row, rows)
    return layer
  }

  /** The layer, where its graph can keep the vectors of the rows. */
  get keeper(): Keeper | undefined {
    return this.graph.keepsVectors && (!this.embedding.quantizer || this.file) ? this : undefined
  }

  keeps(row: number): boolean {
    const label = this.labelOf(row)
    return label !== NO_LABEL && (this.file === undefined || label < this.file.end)
  }

  /** Gives back what it takes now. It must not be used any more. */
  release(): void {
    this.graph.release()
    this.file?.close()
  }

  get end(): number {
    return this.graph.slots
  }

  read(label: number, into: Float32Array): void {
    if (this.file) this.file.read(label, into)
    else this.graph.vector(label, into)
  }

  score(metric: Metric, query: Float32Array, labels: Uint32Array, scores: Float32Array): void {
    if (this.file) this.file.score(metric, query, labels, scores)
    else this.graph.score(metric, query, labels, scores)
  }

  /** How many rows are scanned that a graph built anew might take. */
  get outgrown(): number {
    return this.#outgrown.size
  }

  /** Takes note of a row that was just taken. */
  enlist(row: number, rows: Rows): void {
    const fit = rows.isOdd(row) ? 'never' : this.embedding.fits(rows.storedAt(row))
    if (fit === 'now') this.missing.add(row)
    else this.loose.add(row)
    if (fit === 'later') this.#outgrown.add(row)
  }

  /** Forgets a row that is about to be freed, of an id with that hash. */
  drop(row: number, hash: number): void {
    this.#outgrown.delete(row)
    if (this.missing.delete(row) || this.loose.delete(row)) return
    const label = this.labelOf(row)
    if (label === NO_LABEL) return
    this.#labelOf[row] = NO_LABEL
    this.#rowOf[label] = NO_ROW
    this.graph.markDead(label)
    this.buried.add(label, hash)
    this.revision++
  }

  /** Moves missing rows into the graph until none is left or `more` says no; at least one. Returns how many. */
  insert(rows: Rows, more: () => boolean): number {
    let count = 0
    for (const row of this.missing) {
      this.#put(row, rows)
      count++
      if (!more()) break
    }
    return count
  }

  /** Moves this row into the graph, if it is missing. */
  insertRow(row: number, rows: Rows): void {
    if (this.missing.has(row)) this.#put(row, rows)
  }

  #put(row: number, rows: Rows): void {
    const vector = rows.storedAt(row)
    const label = this.graph.add(this.embedding.row(vector))
    this.file?.append(vector)
    if (label >= this.#rowOf.length) this.#rowOf = grown(this.#rowOf, label, NO_ROW)
    this.#rowOf[label] = row
    this.#setLabel(row, label)
    this.missing.delete(row)
    rows.keptBy(this, row)
    this.revision++
  }

  /** Labels of about the `ef` nearest to a query as it came; see `Graph.search`. */
  search(vector: Float32Array, ef: number, allowed?: Uint8Array): ArrayLike<number> {
    const wide = this.embedding.ef(ef)
    return this.graph.search(this.embedding.query(vector), wide, wide, allowed)
  }

  /** Whether a dead label holds a vector of an id with that hash. */
  traces(hash: number): Trace {
    if (this.buried.has(hash)) return 'holds'
    if (this.graph.dead === 0) return 'clear'
    for (let label = 0; label < this.graph.slots; label++)
      if (this.#rowOf[label] === NO_ROW && this.buried.at(label) === UNKNOWN_ID) return 'unknown'
    return 'clear'
  }

  /** `NO_LABEL` for a row that is not in the graph. */
  labelOf(row: number): number {
    return this.#labelOf[row] ?? NO_LABEL
  }

  /** `NO_ROW` for a dead label. */
  rowOf(label: number): number {
    return this.#rowOf[label]!
  }

  #setLabel(row: number, label: number): void {
    if (row >= this.#labelOf.length) this.#labelOf = grown(this.#labelOf, row, NO_LABEL)
    this.#labelOf[row] = label
  }
}

/** Long enough for `index`, filled up with `empty`. */
const grown = (from: Uint32Array, index: number, empty: number): Uint32Array => {
  const wider = new Uint32Array(Math.max(index + 1, from.length + (from.length >> 3))).fill(empty)
  wider.set(from)
  return wider
}
