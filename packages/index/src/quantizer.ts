import type { VectorParams } from '@meridian/core'
import { ENGINE } from './graph.js'
import { formOf } from './number-form.js'
import type { Rows } from './rows.js'

/** Vectors whose elements decide the range, and elements of them all: to be sorted in one go. */
const SAMPLE_ROWS = 512
const SAMPLE_NUMBERS = 400_000
const LOWEST = -128
const HIGHEST = 127
/** The code of 0, of a quantizer `around` zero. */
const ZERO = -1

/** Most that a graph of bytes takes: sums of squares fit 32 bits. */
const CODES_MAX = 65_536

const EXTRA_CODES_MIN = 32
/** Numbers that `Dot` vectors get beside their own in a graph of codes: see `Embedding`. */
export const extraCodes = (size: number): number => Math.max(Math.ceil(size / 8), Math.min(size, EXTRA_CODES_MIN))

/** Bytes of a vector in a graph of codes. */
export const codesOf = ({ size, metric }: VectorParams): number => size + (metric === 'Dot' ? extraCodes(size) : 0)

/** Whether the graph of such a space holds codes; `Manhattan` has no graph. */
export const isQuantized = (params: VectorParams): boolean => quantileOf(params) !== undefined

/**
 * What share of the numbers the codes of such a space have a range for; `undefined`: its graph holds none. Integers of a byte take no
 * more room than codes, and say all.
 */
export const quantileOf = (params: VectorParams): number | undefined => {
  if (formOf(params) === 'uint8') return undefined
  const hasCodes = params.metric !== 'Manhattan' && codesOf(params) <= CODES_MAX && ENGINE.hasBytes
  return hasCodes ? params.quantization?.quantile : undefined
}

/** Numbers as codes of a byte: equal steps over one range for all dimensions. What lies beyond becomes the nearest end of it. */
export class Quantizer {
  /** `step` is above 0. `quantile` is what the range was chosen for. */
  constructor(
    readonly low: number,
    readonly step: number,
    readonly quantile: number,
  ) {}

  /**
   * The range that holds the middle `quantile` of the elements of a sample of the rows, or all of them where cutting the rest off
   * would change distances more than the finer steps are worth: few large elements may be what tells vectors apart.
   */
  static over(rows: Rows, quantile: number): Quantizer {
    const owned = [...rows.taken()]
    const count = Math.min(owned.length, SAMPLE_ROWS, Math.max(16, Math.floor(SAMPLE_NUMBERS / rows.dims)))
    const sample = new Float32Array(count * rows.dims)
    for (let i = 0; i < count; i++)
      sample.set(rows.vectorAt(owned[Math.floor((i * owned.length) / count)]!), i * rows.dims)
    sample.sort()
    const cut = Math.floor(((1 - quantile) / 2) * sample.length)
    const at = lossOf(sample, cut) <= lossOf(sample, 0) ? cut : 0
    const low = sample[at] ?? 0
    const step = stepOf(sample, at)
    return new Quantizer(low, step > 0 && Number.isFinite(1 / step) ? step : 1, quantile)
  }

  /** As wide on both sides of zero, for which there is a code; up to `top` at least. */
  around(top: number): Quantizer {
    const highest = this.low + this.step * (HIGHEST - LOWEST)
    const step = Math.max(top, -this.low, highest) / HIGHEST
    return new Quantizer(-step * HIGHEST, step, this.quantile)
  }

  /** The largest number of either sign that has a code; of a quantizer `around` zero. */
  get reach(): number {
    return -this.low
  }

  decode(codes: Int8Array, into: Float32Array): void {
    const { low, step } = this
    for (let i = 0; i < into.length; i++) into[i] = (codes[i]! - LOWEST) * step + low
  }

  encode(vector: Float32Array, into: Int8Array): Int8Array {
    const { low, step } = this
    const scale = 1 / step
    for (let i = 0; i < vector.length; i++) {
      const code = Math.round((vector[i]! - low) * scale) + LOWEST
      into[i] = Math.max(LOWEST, Math.min(HIGHEST, code))
    }
    return into
  }

  /**
   * As `encode` of the first `size` numbers of a row; those after it, each 1 or -1, get codes of that sign and about one magnitude, chosen
   * so that the squares of all come as near to `squares` as they can. By Euclid such codes order as their products do, rounding and all.
   * Of a quantizer `around` zero.
   */
  encodeAround(row: Float32Array, size: number, squares: number, into: Int8Array): Int8Array {
    this.encode(row, into)
    let left = squares / this.step ** 2
    for (let i = 0; i < size; i++) left -= (into[i]! - ZERO) ** 2
    const count = row.length - size
    const least = Math.min(HIGHEST, Math.floor(Math.sqrt(Math.max(0, left) / count)))
    // So many are larger by one.
    const larger = least === HIGHEST ? 0 : Math.round((left - count * least ** 2) / (2 * least + 1))
    for (let i = 0; i < count; i++) into[size + i] = (i < larger ? least + 1 : least) * row[size + i]! + ZERO
    return into
  }
}

const stepOf = (sorted: Float32Array, cut: number): number =>
  ((sorted[sorted.length - 1 - cut] ?? 0) - (sorted[cut] ?? 0)) / (HIGHEST - LOWEST)

/** Sum of squared errors of a sample, `cut` of whose elements lie beyond either end of the range: what is cut off, and rounding. */
const lossOf = (sorted: Float32Array, cut: number): number => {
  const last = sorted.length - 1
  let loss = (sorted.length * stepOf(sorted, cut) ** 2) / 12
  for (let i = 0; i < cut; i++)
    loss += (sorted[cut]! - sorted[i]!) ** 2 + (sorted[last - i]! - sorted[last - cut]!) ** 2
  return loss
}
