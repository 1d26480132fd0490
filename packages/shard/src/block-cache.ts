/** The bytes of recently used blocks by row number, least recently used first out. Bounded by bytes. */
export class BlockCache {
  readonly #blocks = new Map<number, Uint8Array>()
  #bytes = 0

  constructor(readonly bytesMax: number) {}

  get(row: number): Uint8Array | undefined {
    const block = this.#blocks.get(row)
    if (block === undefined) return undefined
    this.#blocks.delete(row)
    this.#blocks.set(row, block)
    return block
  }

  set(row: number, block: Uint8Array): void {
    this.delete(row)
    this.#blocks.set(row, block)
    this.#bytes += block.length
    for (const [oldest] of this.#blocks) {
      if (this.#bytes <= this.bytesMax) break
      this.delete(oldest)
    }
  }

  delete(row: number): void {
    const block = this.#blocks.get(row)
    if (block === undefined) return
    this.#blocks.delete(row)
    this.#bytes -= block.length
  }
}
