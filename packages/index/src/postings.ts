import { assert, type SparseVector } from '@meridian/core'
import type { TopK } from './top-k.js'

/**
 * The sparse vectors of a space, by index. Invariants:
 *  1. A list holds each record once, ascending by ordinal, and is there only while it holds one.
 *  2. A record is in the lists of exactly its vector's indices.
 * Nothing of a vector is kept twice but its indices. To fill it fast, add in ascending order of ordinals.
 */
export class Postings {
  readonly #lists = new Map<number, Posting>()
  readonly #indices = new Map<number, Uint32Array>()
  #filled = 0
  #numbers = 0
  /** Sums by ordinal while a query runs; NaN where there is none. */
  #sums = new Float64Array(0)

  get live(): number {
    return this.#indices.size
  }

  /** Indices of all vectors together. */
  get numbers(): number {
    return this.#numbers
  }

  /** Records whose vector has any index. */
  get filled(): number {
    return this.#filled
  }

  having(index: number): number {
    return this.#lists.get(index)?.length ?? 0
  }

  /** For a record that has none. */
  add(ordinal: number, { indices, values }: SparseVector): void {
    assert(!this.#indices.has(ordinal), 'one vector a record')
    this.#indices.set(ordinal, indices)
    if (indices.length > 0) this.#filled++
    this.#numbers += indices.length
    for (let i = 0; i < indices.length; i++) {
      let list = this.#lists.get(indices[i]!)
      if (list === undefined) {
        list = new Posting()
        this.#lists.set(indices[i]!, list)
      }
      list.add(ordinal, values[i]!)
    }
  }

  remove(ordinal: number): void {
    const indices = this.#indices.get(ordinal)
    if (indices === undefined) return
    this.#indices.delete(ordinal)
    if (indices.length > 0) this.#filled--
    this.#numbers -= indices.length
    for (const index of indices) {
      const list = this.#lists.get(index)!
      list.remove(ordinal)
      if (list.length === 0) this.#lists.delete(index)
    }
  }

  /** Offers the records that share an index with the query, or those of them that are `among`; returns how many share one. */
  offer(query: SparseVector, among: Uint32Array | undefined, best: TopK): number {
    const touched: number[] = []
    // Ascending by index, so that a record's sum is made in the order of `sparseDot`.
    for (let i = 0; i < query.indices.length; i++) {
      const list = this.#lists.get(query.indices[i]!)
      if (list === undefined) continue
      this.#reserve(list.last + 1)
      const sums = this.#sums
      const weight = query.values[i]!
      for (let at = 0; at < list.length; at++) {
        const ordinal = list.ordinals[at]!
        const sum = sums[ordinal]!
        if (Number.isNaN(sum)) {
          touched.push(ordinal)
          sums[ordinal] = weight * list.values[at]!
        } else sums[ordinal] = sum + weight * list.values[at]!
      }
    }
    const allowed = among && new Set(among)
    for (const ordinal of touched) {
      if (allowed === undefined || allowed.has(ordinal)) best.offer(ordinal, Math.fround(this.#sums[ordinal]!))
      this.#sums[ordinal] = Number.NaN
    }
    return touched.length
  }

  #reserve(length: number): void {
    if (length <= this.#sums.length) return
    const wider = new Float64Array(Math.max(1024, Math.ceil(length * 1.5))).fill(Number.NaN)
    wider.set(this.#sums)
    this.#sums = wider
  }
}

class Posting {
  ordinals = new Uint32Array(4)
  values = new Float32Array(4)
  length = 0

  get last(): number {
    return this.length === 0 ? 0 : this.ordinals[this.length - 1]!
  }

  add(ordinal: number, value: number): void {
    if (this.length === this.ordinals.length) this.#resize(this.length * 2)
    const at = this.length === 0 || ordinal > this.last ? this.length : this.#find(ordinal)
    this.ordinals.copyWithin(at + 1, at, this.length)
    this.values.copyWithin(at + 1, at, this.length)
    this.ordinals[at] = ordinal
    this.values[at] = value
    this.length++
  }

  remove(ordinal: number): void {
    const at = this.#find(ordinal)
    assert(this.ordinals[at] === ordinal && at < this.length, 'a record is in the lists of its indices')
    this.ordinals.copyWithin(at, at + 1, this.length)
    this.values.copyWithin(at, at + 1, this.length)
    this.length--
    if (this.length < this.ordinals.length / 4 && this.length >= 4) this.#resize(this.length * 2)
  }

  /** Of the first that is not below `ordinal`. */
  #find(ordinal: number): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.ordinals[middle]! < ordinal) low = middle + 1
      else high = middle
    }
    return low
  }

  #resize(capacity: number): void {
    const { ordinals, values } = this
    this.ordinals = new Uint32Array(capacity)
    this.values = new Float32Array(capacity)
    this.ordinals.set(ordinals.subarray(0, this.length))
    this.values.set(values.subarray(0, this.length))
  }
}
