/** Takes exact runs of bytes out of a stream of chunks of any size, holding one run and one chunk at most. */
export class ChunkReader {
  readonly #chunks: AsyncIterator<Uint8Array>
  #chunk: Uint8Array = new Uint8Array(0)
  #at = 0

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** The next `count` bytes; fewer only at the end of the stream, where it ends with an empty run. The caller owns nothing: copy to keep. */
  async take(count: number): Promise<Uint8Array> {
    if (this.#chunk.length - this.#at >= count) {
      this.#at += count
      return this.#chunk.subarray(this.#at - count, this.#at)
    }
    const run = new Uint8Array(count)
    let filled = 0
    while (filled < count) {
      if (this.#at === this.#chunk.length) {
        const next = await this.#chunks.next()
        if (next.done) return run.subarray(0, filled)
        this.#chunk = next.value
        this.#at = 0
      }
      const part = this.#chunk.subarray(this.#at, this.#at + count - filled)
      run.set(part, filled)
      filled += part.length
      this.#at += part.length
    }
    return run
  }
}
