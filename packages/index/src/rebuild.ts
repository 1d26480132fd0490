import type { VectorParams } from '@meridian/core'
import { Layer, type VectorFiles } from './layer.js'
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
  /** Of those, the last that are not in the new graph; some of them may be freed or taken anew meanwhile. */
  readonly #found: number[] = []

  constructor(
    params: VectorParams,
    readonly rows: Rows,
    files?: VectorFiles,
  ) {
    this.layer = Layer.empty(params, rows, files)
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

  /**
   * Goes on until no row is left that was there before, or `more` says no. What is fresh is not its business: it would take all
   * the time that a rebuild gets.
   */
  step(more: () => boolean): void {
    do {
      const row = this.#found.pop()
      if (row !== undefined) this.layer.insertRow(row, this.rows)
      else if (this.#seen < this.rows.end) this.#look()
      else return
    } while (more())
  }

  #look(): void {
    const end = Math.min(this.rows.end, this.#seen + ROWS_AT_ONCE)
    while (this.#seen < end) {
      const row = this.#seen++
      if (this.rows.ordinalAt(row) === NO_ORDINAL) continue
      this.layer.enlist(row, this.rows)
      this.#found.push(row)
    }
  }
}
