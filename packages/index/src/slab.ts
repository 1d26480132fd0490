import type { Metric } from '@meridian/core'
import { Sketches, type Sketcher } from './sketches.js'
import type { ScoreVectors } from './vector-scan.js'

const CHUNK_BYTES = 128 * 1024

/** Stands where every slot of a chunk is free. */
const DROPPED = new Float32Array(0)

/**
 * Vectors in fixed-size chunks of slots. A chunk that has no taken slot takes no memory, but for one that is kept for the next:
 * updates must not allocate one each.
 */
export class Slab {
  readonly #chunks: Float32Array[] = []
  /** Taken slots of each. */
  readonly #takenOf: number[] = []
  readonly #chunkSlots: number
  readonly #sketches: Sketches | undefined
  readonly #free: number[] = []
  #spare: Float32Array | undefined
  #droppedCount = 0
  /** Slots ever taken; every slot number is below it. */
  #end = 0
  #size = 0

  constructor(
    readonly dims: number,
    readonly scoreVectors: ScoreVectors,
    /** Makes a sketch of each vector. */
    sketcher?: Sketcher,
  ) {
    this.#chunkSlots = Math.max(1, Math.floor(CHUNK_BYTES / (4 * dims)))
    this.#sketches = sketcher && new Sketches(sketcher, dims, this.#chunkSlots)
  }

  /** Taken slots. */
  get size(): number {
    return this.#size
  }

  /** Slots whose memory is held, free ones among them. */
  get held(): number {
    const beyond = this.#chunks.at(-1) === DROPPED ? this.#chunks.length * this.#chunkSlots - this.#end : 0
    return this.#end - this.#droppedCount * this.#chunkSlots + beyond
  }

  /** Of a held slot. */
  get slotBytes(): number {
    return this.dims * 4 + (this.#sketches?.bytes ?? 0)
  }

  /** Copies a vector into a slot, whose number it returns. */
  take(vector: Float32Array): number {
    const slot = this.#free.pop() ?? this.#end++
    const chunk = Math.floor(slot / this.#chunkSlots)
    this.#hold(chunk)
    this.#chunks[chunk]!.set(vector, (slot - chunk * this.#chunkSlots) * this.dims)
    this.#sketches?.write(slot, vector)
    this.#size++
    return slot
  }

  /** The slot may be taken again from now on. */
  free(slot: number): void {
    this.#free.push(slot)
    this.#size--
    const chunk = Math.floor(slot / this.#chunkSlots)
    if (--this.#takenOf[chunk]! > 0) return
    this.#spare ??= this.#chunks[chunk]!
    this.#chunks[chunk] = DROPPED
    this.#sketches?.drop(chunk)
    this.#droppedCount++
  }

  /** A view; valid while the slot is taken. */
  at(slot: number): Float32Array {
    const chunk = Math.floor(slot / this.#chunkSlots)
    const start = (slot - chunk * this.#chunkSlots) * this.dims
    return this.#chunks[chunk]!.subarray(start, start + this.dims)
  }

  score(metric: Metric, query: Float32Array, slots: Uint32Array, scores: Float32Array): void {
    this.scoreVectors(metric, query, this.#chunks, this.#chunkSlots, slots, scores)
  }

  /** Whether slots can be told by their sketches. */
  get isSketched(): boolean {
    return this.#sketches !== undefined
  }

  /** See `Sketcher.sieve`; only where it `isSketched`. */
  sieve(metric: Metric, query: Float32Array, slots: Uint32Array, bound: number, kept: Uint32Array): number {
    return this.#sketches!.sieve(metric, query, slots, bound, kept)
  }

  /** Makes room for one more slot of a chunk. */
  #hold(chunk: number): void {
    if (this.#takenOf[chunk] === undefined) this.#takenOf[chunk] = 0
    else if (this.#takenOf[chunk] === 0) this.#droppedCount--
    if (this.#takenOf[chunk]++ > 0) return
    this.#chunks[chunk] = this.#spare ?? new Float32Array(this.#chunkSlots * this.dims)
    this.#spare = undefined
    this.#sketches?.hold(chunk)
  }
}
