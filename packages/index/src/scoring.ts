import { isSimilarity, type Metric, type MultiVector, type SparseVector } from '@meridian/core'

/** Scores `query` against the vector that starts at `offset` of `data`. */
export type Kernel = (query: Float32Array, data: Float32Array, offset: number) => number

/*
 * Sums run in doubles over four accumulators, in one fixed order, and are rounded to float32 once at the end: the same two
 * vectors have the same score on every replica, whether they were found by a scan or in a graph.
 */

const dot: Kernel = (query, data, offset) => {
  const dims = query.length
  const even = dims & ~3
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let i = 0
  let at = offset
  for (; i < even; i += 4, at += 4) {
    a += query[i]! * data[at]!
    b += query[i + 1]! * data[at + 1]!
    c += query[i + 2]! * data[at + 2]!
    d += query[i + 3]! * data[at + 3]!
  }
  for (; i < dims; i++, at++) a += query[i]! * data[at]!
  return Math.fround(a + b + (c + d))
}

/** Squared distance, not rounded. */
const squares: Kernel = (query, data, offset) => {
  const dims = query.length
  const even = dims & ~3
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let i = 0
  let at = offset
  for (; i < even; i += 4, at += 4) {
    const p = query[i]! - data[at]!
    const q = query[i + 1]! - data[at + 1]!
    const r = query[i + 2]! - data[at + 2]!
    const s = query[i + 3]! - data[at + 3]!
    a += p * p
    b += q * q
    c += r * r
    d += s * s
  }
  for (; i < dims; i++, at++) {
    // Not `** 2`, which rounds differently before code is compiled than after.
    const p = query[i]! - data[at]!
    a += p * p
  }
  return a + b + (c + d)
}

const euclid: Kernel = (query, data, offset) => Math.fround(Math.sqrt(squares(query, data, offset)))

const manhattan: Kernel = (query, data, offset) => {
  const dims = query.length
  const even = dims & ~3
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let i = 0
  let at = offset
  for (; i < even; i += 4, at += 4) {
    a += Math.abs(query[i]! - data[at]!)
    b += Math.abs(query[i + 1]! - data[at + 1]!)
    c += Math.abs(query[i + 2]! - data[at + 2]!)
    d += Math.abs(query[i + 3]! - data[at + 3]!)
  }
  for (; i < dims; i++, at++) a += Math.abs(query[i]! - data[at]!)
  return Math.fround(a + b + (c + d))
}

/** For `Cosine` both sides must be normalised: it is their dot product. */
export const KERNELS: Readonly<Record<Metric, Kernel>> = { Cosine: dot, Dot: dot, Euclid: euclid, Manhattan: manhattan }

/** Whether score `a` is strictly the better match. */
export const isBetter = (metric: Metric, a: number, b: number): boolean => (isSimilarity(metric) ? a > b : a < b)

/** Score of two vectors of equal length as a search reports it; `Cosine` normalises both first. */
export const score = (metric: Metric, a: Float32Array, b: Float32Array): number =>
  metric === 'Cosine' ? dot(normalize(a), normalize(b), 0) : KERNELS[metric](a, b, 0)

const squaredNorm = (vector: Float32Array): number => {
  let sum = 0
  for (let i = 0; i < vector.length; i++) sum += vector[i]! * vector[i]!
  return sum
}

/**
 * Scaled to length 1, as a collection with metric `Cosine` stores it. A vector that is (nearly) zero or of length 1 already
 * is left alone and returned itself: normalising twice gives the same bytes as once.
 */
export const normalize = (vector: Float32Array): Float32Array => {
  const squared = squaredNorm(vector)
  if (squared < 1.2e-7 || Math.abs(squared - 1) <= 1e-6) return vector
  const scale = 1 / Math.sqrt(squared)
  const scaled = new Float32Array(vector.length)
  for (let i = 0; i < vector.length; i++) scaled[i] = vector[i]! * scale
  return scaled
}

/** Product over the indices that both have, as a float32; `undefined` when they share none: such vectors are no match. */
export const sparseDot = (a: SparseVector, b: SparseVector): number | undefined => {
  let sum: number | undefined
  for (let i = 0, k = 0; i < a.indices.length && k < b.indices.length; ) {
    const gap = a.indices[i]! - b.indices[k]!
    if (gap === 0) sum = (sum ?? 0) + a.values[i]! * b.values[k]!
    if (gap <= 0) i++
    if (gap >= 0) k++
  }
  return sum === undefined ? undefined : Math.fround(sum)
}

/** As a `Cosine` space stores them: each row by itself. */
export const normalizeRows = (value: MultiVector): MultiVector => {
  const data = value.data.slice()
  for (let at = 0; at < data.length; at += value.dims) data.set(normalize(data.subarray(at, at + value.dims)), at)
  return { dims: value.dims, data }
}

/**
 * MaxSim of stored forms: for each row of the query its best match among the other's rows, summed up. Of distances the least
 * is the best; those of `Euclid` are summed as squares, and the sum's root is the score. (Khattab and Zaharia, "ColBERT", 2020.)
 */
export const maxSim = (metric: Metric, query: MultiVector, other: MultiVector): number => {
  const kernel = metric === 'Euclid' ? squares : KERNELS[metric]
  const { dims } = query
  let sum = 0
  for (let at = 0; at < query.data.length; at += dims) {
    const row = query.data.subarray(at, at + dims)
    let best = kernel(row, other.data, 0)
    for (let offset = dims; offset < other.data.length; offset += dims) {
      const found = kernel(row, other.data, offset)
      if (isBetter(metric, found, best)) best = found
    }
    sum += best
  }
  return Math.fround(metric === 'Euclid' ? Math.sqrt(sum) : sum)
}
