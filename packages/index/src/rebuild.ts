import type { VectorParams } from '@meridian/core'
import { Embedding } from './embedding.js'
import { Graph } from './graph.js'
import { Layer } from './layer.js'
import { NO_ORDINAL, type Rows } from './rows.js'

/** Rows looked at between two looks at the clock. */
const ROWS_AT_ONCE = 64

/**
 * A graph that is built beside the serving one, from the rows there are, a slice at a time. Changes meanwhile need no log:
 * rows below the one that was looked at last are enlisted when they are taken, the others when their turn comes.
 */
export class Rebuild {
  readonly layer: Layer
  /** Rows below it were looked at. */
  #seen = 0

  constructor(
    params: VectorParams,
    readonly rows: Rows,
  ) {
    const embedding = Embedding.over(params, rows)
    this.layer = new Layer(embedding, Graph.create(embedding.shape))
  }

  /** Whether it lacks no more than the graph that `missing` are missing from: all rows were looked at. */
  isAsGoodAs(missing: number): boolean {
    return this.#seen >= this.rows.end && this.layer.missing.size <= missing
  }

  /** Rows that are not in the new graph yet; those that nobody owns are among them until they are looked at. */
  get left(): number {
    return this.rows.end - this.#seen + this.layer.missing.size
  }

  /** From 0 to 1. */
  get progress(): number {
    return this.rows.end === 0 ? 1 : Math.max(0, 1 - this.left / this.rows.end)
  }

  /** Takes note of a row that was just taken. */
  enlist(row: number): void {
    if (row < this.#seen) this.layer.enlist(row, this.rows)
  }

  /** Forgets a row that is about to be freed, of an id with that hash. */
  drop(row: number, hash: number): void {
    this.layer.drop(row, hash)
  }

  /** Goes on until nothing is left or `more` says no; at least one insertion. Returns how many. */
  step(more: () => boolean): number {
    let count = 0
    do {
      if (this.layer.missing.size === 0) this.#look()
      if (this.layer.missing.size > 0) count += this.layer.insert(this.rows, more)
    } while (this.left > 0 && more())
    return count
  }

  #look(): void {
    const end = Math.min(this.rows.end, this.#seen + ROWS_AT_ONCE)
    while (this.#seen < end) {
      const row = this.#seen++
      if (this.rows.ordinalAt(row) !== NO_ORDINAL) this.layer.enlist(row, this.rows)
    }
  }
}
