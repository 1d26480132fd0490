import type { Metric } from '@meridian/core'
import { formBytes, type NumberForm, type Numbers, readNumbers, roomFor, writeNumbers } from './number-form.js'
import { Sketches, type Sketcher } from './sketches.js'
import type { ScoreVectors } from './vector-scan.js'

const CHUNK_BYTES = 128 * 1024

/**
 * Vectors in fixed-size chunks of slots. A chunk that has no taken slot takes no memory, but for one that is kept for the next:
 * updates must not allocate one each.
 */
export class Slab {
  readonly #chunks: Numbers[] = []
  /** Stands where every slot of a chunk is free. */
  readonly #dropped: Numbers
  /** Taken slots of each. */
  readonly #takenOf: number[] = []
  readonly #chunkSlots: number
  readonly #sketches: Sketches | undefined
  readonly #free: number[] = []
  #spare: Numbers | undefined
  #droppedCount = 0
  /** Slots ever taken; every slot number is below it. */
  #end = 0
  #size = 0

  constructor(
    readonly dims: number,
    readonly scoreVectors: ScoreVectors,
    /** Makes a sketch of each vector. */
    sketcher?: Sketcher,
    readonly form: NumberForm = 'float32',
  ) {
    this.#dropped = roomFor(form, 0)
    this.#chunkSlots = Math.max(1, Math.floor(CHUNK_BYTES / (formBytes(form) * dims)))
    this.#sketches = sketcher && new Sketches(sketcher, dims, this.#chunkSlots)
  }

  /** Taken slots. */
  get size(): number {
    return this.#size
  }

  /** Slots whose memory is held, free ones among them. */
  get held(): number {
    const beyond = this.#chunks.at(-1) === this.#dropped ? this.#chunks.length * this.#chunkSlots - this.#end : 0
    return this.#end - this.#droppedCount * this.#chunkSlots + beyond
  }

  /** Of a held slot. */
  get slotBytes(): number {
    return this.dims * formBytes(this.form) + (this.#sketches?.bytes ?? 0)
  }

  /** Copies a vector that the form holds into a slot, whose number it returns. `compared` is what it is scored as. */
  take(vector: Float32Array, compared = vector): number {
    const slot = this.#free.pop() ?? this.#end++
    const chunk = Math.floor(slot / this.#chunkSlots)
    this.#hold(chunk)
    writeNumbers(vector, this.#chunks[chunk]!, (slot - chunk * this.#chunkSlots) * this.dims)
    this.#sketches?.write(slot, compared)
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
    this.#chunks[chunk] = this.#dropped
    this.#sketches?.drop(chunk)
    this.#droppedCount++
  }

  /** A view, valid while the slot is taken; of another form than floats `room`, filled. */
  at(slot: number, room: Float32Array): Float32Array {
    const chunk = Math.floor(slot / this.#chunkSlots)
    const start = (slot - chunk * this.#chunkSlots) * this.dims
    const numbers = this.#chunks[chunk]!
    if (numbers instanceof Float32Array) return numbers.subarray(start, start + this.dims)
    readNumbers(numbers, start, room)
    return room
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
    this.#chunks[chunk] = this.#spare ?? roomFor(this.form, this.#chunkSlots * this.dims)
    this.#spare = undefined
    this.#sketches?.hold(chunk)
  }
}
