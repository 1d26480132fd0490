import type { HttpLines } from './http-lines.js'
import { requestBytes } from './http-line.js'
import type { VectorSet } from './vector-set.js'

/** One write in so many is searched for. */
const SAMPLE = 5

/** Vectors of a set on their way into a collection over HTTP, in batches that are each durable when they are acknowledged. */
export class BatchLoad {
  /** Milliseconds from an acknowledgement until the answer of a search for the batch's last point has it. */
  readonly searchable: number[] = []
  /** Writes that were told to come again. */
  refused = 0
  /** Made before the clock runs: on few cores the maker would be measured too. */
  readonly #requests: Buffer[] = []

  constructor(
    readonly lines: HttpLines,
    readonly collection: string,
    readonly set: VectorSet,
    readonly batch: number,
    /** So many of the set's vectors. */
    readonly count = set.vectors.length,
  ) {
    for (let from = 0; from < count; from += batch) this.#requests.push(this.#write(from, this.#end(from)))
  }

  get batches(): number {
    return this.#requests.length
  }

  /** So many writes are under way at once. @throws Error for an answer that is neither 200 nor 429 */
  async run(writers: number): Promise<void> {
    let next = 0
    const write = async (): Promise<void> => {
      for (let at = next++; at < this.#requests.length; at = next++) {
        await this.#acknowledged(this.#requests[at]!)
        if (at % SAMPLE === 0) this.searchable.push(await this.#found(this.#end(at * this.batch) - 1))
      }
    }
    await Promise.all(Array.from({ length: writers }, write))
  }

  async #acknowledged(request: Buffer): Promise<void> {
    for (;;) {
      const { status, retryAfter } = await this.lines.ask(request)
      if (status === 200) return
      if (status !== 429) throw new Error(`write: ${status}`)
      this.refused++
      await new Promise((resolve) => setTimeout(resolve, (retryAfter ?? 1) * 1000))
    }
  }

  async #found(id: number): Promise<number> {
    const startedMs = performance.now()
    const request = searchBytes(this.collection, this.set.vectors[id]!)
    for (;;) {
      const { status, body } = await this.lines.ask(request)
      if (status !== 200) throw new Error(`search: ${status}`)
      const { points } = JSON.parse(body.toString()).result as { points: { id: number }[] }
      if (points.some((point) => point.id === id)) return performance.now() - startedMs
    }
  }

  #end(from: number): number {
    return Math.min(this.count, from + this.batch)
  }

  #write(from: number, to: number): Buffer {
    const points = Array.from({ length: to - from }, (_, i) => ({
      id: from + i,
      vector: [...this.set.vectors[from + i]!],
    }))
    return requestBytes('PUT', `${this.collection}/points?wait=true`, JSON.stringify({ points }))
  }
}

/** The request of a search for the ten nearest. */
export const searchBytes = (collection: string, vector: Float32Array): Buffer =>
  requestBytes('POST', `${collection}/points/query`, JSON.stringify({ query: [...vector], limit: 10 }))
