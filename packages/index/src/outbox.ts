import { type Changes, type IndexRequest, type SpaceNumber, TRANSFER_BYTES_MIN } from './worker-protocol.js'

/** A batch of changes is closed at this size. */
const BATCH_BYTES = 1024 * 1024
const BATCH_CHANGES = 4096

/**
 * Collects what goes to the worker, in order, so that one message carries a whole tick: a message costs more than the
 * vector in it. Changes of one space that follow one another share their arrays.
 */
export class Outbox {
  #requests: IndexRequest[] = []
  #batch: Batch | undefined
  /** Numbers that the last batch came to: the next, which is likely to be as large, need not grow step by step. */
  #lastFloats = 0

  push(request: IndexRequest): void {
    this.#close()
    this.#requests.push(request)
  }

  /** Copies the vector. Whether so much has come together that it should go now. */
  set(space: SpaceNumber, ordinal: number, id: string, version: string, vector: Float32Array): boolean {
    return this.#batchFor(space).add(ordinal, id, version, vector)
  }

  remove(space: SpaceNumber, ordinal: number): boolean {
    return this.#batchFor(space).add(ordinal, undefined, '', undefined)
  }

  take(): IndexRequest[] {
    this.#close()
    const requests = this.#requests
    this.#requests = []
    return requests
  }

  #batchFor(space: SpaceNumber): Batch {
    if (this.#batch?.space !== space || this.#batch.isFull) this.#close()
    this.#batch ??= new Batch(space, this.#lastFloats)
    return this.#batch
  }

  #close(): void {
    const batch = this.#batch
    if (batch === undefined) return
    this.#lastFloats = batch.floats
    this.#requests.push({ type: 'change', space: batch.space, changes: batch.finish() })
    this.#batch = undefined
  }
}

class Batch {
  readonly #ordinals: number[] = []
  readonly #ids: (string | undefined)[] = []
  readonly #versions: string[] = []
  #vectors: Float32Array
  #floats = 0

  /** With room for so many numbers at first. */
  constructor(
    readonly space: SpaceNumber,
    floats: number,
  ) {
    this.#vectors = new Float32Array(floats)
  }

  /** Numbers that are in it. */
  get floats(): number {
    return this.#floats
  }

  get isFull(): boolean {
    return this.#floats * 4 >= BATCH_BYTES || this.#ordinals.length >= BATCH_CHANGES
  }

  add(ordinal: number, id: string | undefined, version: string, vector: Float32Array | undefined): boolean {
    this.#ordinals.push(ordinal)
    this.#ids.push(id)
    this.#versions.push(version)
    if (vector) {
      const end = this.#floats + vector.length
      if (end > this.#vectors.length) {
        const grown = new Float32Array(Math.max(end, this.#vectors.length * 2))
        grown.set(this.#vectors)
        this.#vectors = grown
      }
      this.#vectors.set(vector, this.#floats)
      this.#floats = end
    }
    return this.isFull
  }

  finish(): Changes {
    return {
      ordinals: Uint32Array.from(this.#ordinals),
      ids: this.#ids,
      versions: this.#versions,
      // What is handed over goes with the buffer behind it, what is copied would take all of that along.
      vectors:
        this.#floats * 4 < TRANSFER_BYTES_MIN
          ? this.#vectors.slice(0, this.#floats)
          : this.#vectors.subarray(0, this.#floats),
    }
  }
}
