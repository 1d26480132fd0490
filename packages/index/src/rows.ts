import { assert, isFinite32, type Metric } from '@meridian/core'
import { ABSENT, OrdinalMap } from './ordinal-map.js'
import { ENGINE } from './graph.js'
import { type Keeper, NO_ROW } from './keeper.js'
import { holds, type NumberForm } from './number-form.js'
import { ScanBatch, type Sieve } from './scan-batch.js'
import { normalize } from './scoring.js'
import { isSketched, type Sketcher } from './sketches.js'
import { Slab } from './slab.js'
import type { TopK } from './top-k.js'
import type { ScoreVectors } from './vector-scan.js'

/** Ordinal of a row that is free, or that no record has claimed. */
export const NO_ORDINAL = 0xffffffff
/** Of a row whose vector is the keeper's. */
const NO_SLOT = 0xffffffff
/** From here on slots are those of odd rows. */
const ODD = 0x80000000

/** Shared by all: a scan is over before the next begins. */
const own = new ScanBatch()
const odd = new ScanBatch()
const kept = new ScanBatch()
const coarse = new ScanBatch()

/**
 * The vectors of a space as rows, in the form of their datatype where it holds them, and the exact scan over them. Invariants:
 *  1. `rowOf(o) = r` exactly when `ordinalAt(r) = o`.
 *  2. A row's numbers never change while it is taken: an update takes a new row.
 *  3. `Cosine` vectors are compared by length 1, whatever was handed in. As floats they are stored so, in other forms as they came.
 *  4. Odd rows, which the form does not hold, are stored as floats, and never with a keeper.
 *  5. A taken row's vector lies in one place: here, or with the keeper under a living label.
 */
export class Rows {
  readonly #byOrdinal = new OrdinalMap()
  readonly #slab: Slab
  #oddSlab: Slab | undefined
  readonly #free: number[] = []
  readonly #scratch: Float32Array
  readonly #isDirectedLater: boolean
  #keeper: Keeper | undefined
  /** By row. */
  #ordinals: Uint32Array = new Uint32Array(64).fill(NO_ORDINAL)
  /** By row; in the slab. */
  #slots: Uint32Array = new Uint32Array(64).fill(NO_SLOT)
  /** Rows ever taken; every row number is below it. */
  #end = 0

  constructor(
    readonly dims: number,
    readonly metric: Metric,
    readonly scoreVectors: ScoreVectors = ENGINE.scoreVectors,
    /** With it, scans pass over vectors that are here without reading them, where that changes nothing. */
    sketcher?: Sketcher,
    /** Other than floats only where the engine `hasPacked`. */
    readonly form: NumberForm = 'float32',
  ) {
    this.#slab = new Slab(dims, scoreVectors, isSketched(dims, metric) ? sketcher : undefined, form)
    this.#isDirectedLater = metric === 'Cosine' && form !== 'float32'
    this.#scratch = new Float32Array(dims)
  }

  /** Rows that a record owns. */
  get live(): number {
    return this.#byOrdinal.size
  }

  /** Every row number is below it. */
  get end(): number {
    return this.#end
  }

  /** Vectors that memory is held for here, beside what the keeper has. */
  get held(): number {
    return this.#slab.held + (this.#oddSlab?.held ?? 0)
  }

  /** What they take, sketches included. */
  get heldBytes(): number {
    return this.#slab.held * this.#slab.slotBytes + (this.#oddSlab ? this.#oddSlab.held * this.#oddSlab.slotBytes : 0)
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
    const row = this.takeKept()
    this.#slots[row] = this.#store(vector)
    return row
  }

  /** Whether the form of this space does not hold its numbers: it is in no graph. */
  isOdd(row: number): boolean {
    const slot = this.#slots[row]!
    return slot >= ODD && slot !== NO_SLOT
  }

  /** A row that belongs to nobody yet, of which the next keeper has the vector. */
  takeKept(): number {
    const row = this.#free.pop() ?? this.#end++
    if (row >= this.#ordinals.length) {
      this.#ordinals = longer(this.#ordinals, NO_ORDINAL)
      this.#slots = longer(this.#slots, NO_SLOT)
    }
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
    this.#drop(row)
  }

  /** `by` keeps the vector of the row from now on. Nothing happens where it is not the keeper. */
  keptBy(by: Keeper, row: number): void {
    if (by === this.#keeper && by.keeps(row)) this.#drop(row)
  }

  /**
   * Every vector that `next` has is its to keep, and what it lacks comes from the keeper before, which is of no use afterwards.
   * All taken rows are owned, or `next` has them.
   */
  handTo(next: Keeper | undefined): void {
    if (next === this.#keeper) return
    for (const row of this.taken()) {
      if (next?.keeps(row)) this.#drop(row)
      else if (this.#slots[row] === NO_SLOT) this.#slots[row] = this.#store(this.storedAt(row))
    }
    this.#keeper = next
  }

  /** As it is compared. Valid until the next call, and while the row is taken. */
  vectorAt(row: number): Float32Array {
    return this.#isDirectedLater ? normalize(this.storedAt(row)) : this.storedAt(row)
  }

  /** As it is stored; valid as `vectorAt`. What a graph of the form, or a file, holds of the row. */
  storedAt(row: number): Float32Array {
    const slot = this.#slots[row]!
    if (slot < ODD) return this.#slab.at(slot, this.#scratch)
    if (slot !== NO_SLOT) return this.#oddSlab!.at(slot - ODD, this.#scratch)
    const keeper = this.#keeper
    assert(keeper, 'a vector is here or with the keeper')
    keeper.read(keeper.labelOf(row), this.#scratch)
    return this.#scratch
  }

  /** A query as the kernel wants it. */
  prepare(query: Float32Array): Float32Array {
    return this.metric === 'Cosine' ? normalize(query) : query
  }

  /** Scores those of `rows` that a record owns, but for those that sketches rule out; returns how many. */
  offerRows(query: Float32Array, rows: Iterable<number>, best: TopK): number {
    this.#begin()
    let offered = 0
    for (const row of rows) offered += this.#offer(query, row, best)
    return offered + this.#finish(query, best)
  }

  /** As `offerRows`, every owned row, in memory order. */
  offerAll(query: Float32Array, best: TopK): number {
    this.#begin()
    const keeper = this.#keeper
    let offered = 0
    for (let label = 0; label < (keeper?.end ?? 0); label++) {
      const row = keeper!.rowOf(label)
      if (row !== NO_ROW && this.#slots[row] === NO_SLOT) offered += this.#offer(query, row, best)
    }
    const size = this.#slab.size + (this.#oddSlab?.size ?? 0)
    for (let row = 0; size > 0 && row < this.#end; row++)
      if (this.#slots[row] !== NO_SLOT) offered += this.#offer(query, row, best)
    return offered + this.#finish(query, best)
  }

  /** As `offerRows`, the rows of those `ordinals` that there are. */
  offerAmong(query: Float32Array, ordinals: Uint32Array, best: TopK): number {
    this.#begin()
    let offered = 0
    for (let i = 0; i < ordinals.length; i++) {
      const row = this.#byOrdinal.get(ordinals[i]!)
      if (row !== ABSENT) offered += this.#offer(query, row, best)
    }
    return offered + this.#finish(query, best)
  }

  /**
   * Offers to `nearest` the rows that the keeper keeps, all owned ones or those of `ordinals`, each under its own number with what
   * `score` makes of its label; the others to `best`, in full. Returns how many those were.
   */
  offerCoarse(
    query: Float32Array,
    ordinals: Uint32Array | undefined,
    score: (labels: Uint32Array, scores: Float32Array) => void,
    nearest: TopK,
    best: TopK,
  ): number {
    this.#begin()
    coarse.clear()
    let offered = 0
    const look = (row: number): void => {
      if (this.#ordinals[row] === NO_ORDINAL) return
      if (this.#slots[row] !== NO_SLOT) offered += this.#offer(query, row, best)
      else if (coarse.add(this.#keeper!.labelOf(row), row)) coarse.offer(score, nearest)
    }
    if (ordinals === undefined) for (let row = 0; row < this.#end; row++) look(row)
    else
      for (let i = 0; i < ordinals.length; i++) {
        const row = this.#byOrdinal.get(ordinals[i]!)
        if (row !== ABSENT) look(row)
      }
    coarse.offer(score, nearest)
    return offered + this.#finish(query, best)
  }

  #begin(): void {
    own.clear()
    odd.clear()
    kept.clear()
  }

  /** Returns how many were scored now. */
  #offer(query: Float32Array, row: number, best: TopK): number {
    const ordinal = this.#ordinals[row]!
    if (ordinal === NO_ORDINAL) return 0
    const slot = this.#slots[row]!
    if (slot < ODD) return own.add(slot, ordinal) ? this.#finish(query, best) : 0
    if (slot !== NO_SLOT) return odd.add(slot - ODD, ordinal) ? this.#finish(query, best) : 0
    return kept.add(this.#keeper!.labelOf(row), ordinal) ? this.#offerKept(query, best) : 0
  }

  /** The keeper's first: with them `best` may be full, and then most of the others need not be read. */
  #finish(query: Float32Array, best: TopK): number {
    return this.#offerKept(query, best) + this.#offerOwn(query, best) + this.#offerOdd(query, best)
  }

  #offerOwn(query: Float32Array, best: TopK): number {
    const slab = this.#slab
    const sieve: Sieve | undefined =
      slab.isSketched && own.isWorthSieving(this.dims)
        ? (slots, bound, kept) => slab.sieve(this.metric, query, slots, bound, kept)
        : undefined
    return own.offer((slots, scores) => slab.score(this.metric, query, slots, scores), best, sieve)
  }

  #offerOdd(query: Float32Array, best: TopK): number {
    return odd.offer((slots, scores) => this.#oddSlab!.score(this.metric, query, slots, scores), best)
  }

  #offerKept(query: Float32Array, best: TopK): number {
    return kept.offer((labels, scores) => this.#keeper!.score(this.metric, query, labels, scores), best)
  }

  /** Gives the row's slot back, if it has one. */
  #drop(row: number): void {
    const slot = this.#slots[row]!
    if (slot === NO_SLOT) return
    this.#slots[row] = NO_SLOT
    if (slot < ODD) this.#slab.free(slot)
    else this.#oddSlab!.free(slot - ODD)
  }

  /** Returns the slot. */
  #store(vector: Float32Array): number {
    const compared = this.metric === 'Cosine' ? normalize(vector) : vector
    if (this.form === 'float32') return this.#slab.take(compared)
    if (holds(this.form, vector)) return this.#slab.take(vector, compared)
    this.#oddSlab ??= new Slab(this.dims, this.scoreVectors)
    return ODD + this.#oddSlab.take(compared)
  }
}

/** By an eighth, filled up with `empty`. */
const longer = (from: Uint32Array, empty: number): Uint32Array => {
  const grown = new Uint32Array(from.length + Math.max(1024, from.length >> 3)).fill(empty)
  grown.set(from)
  return grown
}
