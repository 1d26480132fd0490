/** MurmurHash3's 32-bit finaliser (Appleby, public domain): every input bit changes every output bit with probability 1/2. */
export const mix32 = (value: number): number => {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** FNV-1a over UTF-16 units, finalised; 32 bits. */
export const hash32 = (text: string, seed = 0x811c9dc5): number => {
  let h = seed | 0
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return mix32(h)
}

/** A running 64-bit hash as two 32-bit lanes with different seeds. Not cryptographic: it finds damage, not malice. */
export class Hash64 {
  high = 0x9e3779b9
  low = 0x85ebca77

  /** Adds one 32-bit word. */
  word(value: number): this {
    this.high = mix32(Math.imul(this.high, 0x9e3779b1) + (value | 0))
    this.low = mix32(Math.imul(this.low, 0x27d4eb2f) ^ ((value + 0x165667b1) | 0))
    return this
  }

  text(text: string): this {
    for (let i = 0; i < text.length; i++) this.word(text.charCodeAt(i))
    return this.word(text.length)
  }

  /** 16 hex digits. */
  toString(): string {
    return this.high.toString(16).padStart(8, '0') + this.low.toString(16).padStart(8, '0')
  }
}
