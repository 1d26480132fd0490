const CHUNK_BITS = 4096

/** A set of u32 that takes about a bit a member when they lie close together, as ordinals do. */
export class OrdinalSet {
  readonly #chunks = new Map<number, Uint32Array>()
  #size = 0

  get size(): number {
    return this.#size
  }

  add(ordinal: number): void {
    const index = Math.floor(ordinal / CHUNK_BITS)
    let chunk = this.#chunks.get(index)
    if (!chunk) {
      chunk = new Uint32Array(CHUNK_BITS / 32)
      this.#chunks.set(index, chunk)
    }
    const word = (ordinal % CHUNK_BITS) >> 5
    const bit = 1 << (ordinal & 31)
    if ((chunk[word]! & bit) === 0) this.#size++
    chunk[word]! |= bit
  }

  delete(ordinal: number): void {
    const chunk = this.#chunks.get(Math.floor(ordinal / CHUNK_BITS))
    const word = (ordinal % CHUNK_BITS) >> 5
    const bit = 1 << (ordinal & 31)
    if (!chunk || (chunk[word]! & bit) === 0) return
    chunk[word]! &= ~bit
    this.#size--
  }
}
