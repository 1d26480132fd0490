/** A set of ordinals below `length`, one bit each. */
export class Bits {
  readonly words: Uint32Array

  constructor(readonly length: number) {
    this.words = new Uint32Array((length + 31) >>> 5)
  }

  has(ordinal: number): boolean {
    return ordinal < this.length && (this.words[ordinal >>> 5]! & (1 << (ordinal & 31))) !== 0
  }

  add(ordinal: number): void {
    this.words[ordinal >>> 5]! |= 1 << (ordinal & 31)
  }

  /** Keeps what the other has too; both are of one length. */
  and(other: Bits): void {
    for (let i = 0; i < this.words.length; i++) this.words[i]! &= other.words[i]!
  }

  or(other: Bits): void {
    for (let i = 0; i < this.words.length; i++) this.words[i]! |= other.words[i]!
  }

  without(other: Bits): void {
    for (let i = 0; i < this.words.length; i++) this.words[i]! &= ~other.words[i]!
  }

  copy(): Bits {
    const copy = new Bits(this.length)
    copy.words.set(this.words)
    return copy
  }

  get count(): number {
    let count = 0
    for (let i = 0; i < this.words.length; i++) count += ones(this.words[i]!)
    return count
  }

  /** Ascending. */
  toOrdinals(): Uint32Array {
    const ordinals = new Uint32Array(this.count)
    let at = 0
    for (let i = 0; i < this.words.length; i++)
      for (let word = this.words[i]!; word !== 0; word &= word - 1)
        ordinals[at++] = (i << 5) + 31 - Math.clz32(word & -word)
    return ordinals
  }
}

/** Bits set in a word (Warren, "Hacker's Delight", 5-1). */
const ones = (word: number): number => {
  let x = word - ((word >>> 1) & 0x55555555)
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333)
  x = (x + (x >>> 4)) & 0x0f0f0f0f
  return Math.imul(x, 0x01010101) >>> 24
}
