/**
 * A few signs that tell vectors of like direction from others, whatever their lengths: of each sum of some of a vector's numbers,
 * every number in one of them with a sign of its own. Two vectors have the more of them in common the smaller the angle between them.
 * The same for the same numbers, everywhere and always.
 */
export class DirectionSigns {
  /** By dimension. */
  readonly #sumOf: Uint16Array
  readonly #signs: Int8Array
  readonly #sums: Float64Array

  /** `count` is from 1 to 65,536. */
  constructor(dims: number, count: number) {
    const mixed = Uint32Array.from({ length: dims }, (_, dim) => mix(dim))
    this.#sumOf = Uint16Array.from(mixed, (bits) => bits % count)
    this.#signs = Int8Array.from(mixed, (bits) => (bits & SIGN_BIT ? 1 : -1))
    this.#sums = new Float64Array(count)
  }

  /** Puts each sign, 1 or -1, behind the vector that `row` begins with. */
  write(row: Float32Array): void {
    const dims = this.#sumOf.length
    this.#sums.fill(0)
    for (let dim = 0; dim < dims; dim++) this.#sums[this.#sumOf[dim]!]! += this.#signs[dim]! * row[dim]!
    for (let i = 0; i < this.#sums.length; i++) row[dims + i] = this.#sums[i]! < 0 ? -1 : 1
  }
}

/** Not among the low ones, which choose the sum. */
const SIGN_BIT = 1 << 28

/** Bits that have nothing to do with those of the next number. */
const mix = (number: number): number => {
  let bits = Math.imul(number + 1, 0x9e3779b1)
  bits = Math.imul(bits ^ (bits >>> 15), 0x85ebca6b)
  return (bits ^ (bits >>> 13)) >>> 0
}
