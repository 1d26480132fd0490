import { assert, type Datatype, type HnswParams, type Metric } from '@meridian/core'
import hnswlib from 'hnswlib-node'
import { type Addon, type Engine, engineOf, type NativeGraph, type Point } from './native-graph.js'

/** That of the installed addon. */
export const ENGINE: Engine = engineOf(hnswlib as unknown as Addon)

/** What a graph is built for; equal shapes can read each other's files. */
export interface GraphShape {
  readonly dims: number
  /** Squared Euclidean distance, or one minus the inner product. */
  readonly distance: 'l2' | 'ip'
  readonly hnsw: HnswParams
  /** Its vectors are codes: `Int8Array`s. Only of an engine that `hasBytes`, and of `l2`. */
  readonly bytes?: true
  /** Its numbers lie in fewer bytes. Only of an engine that `hasPacked`, and of `l2`. */
  readonly packed?: PackedShape
}

/** Vectors are given and read as floats all the same: they become the nearest that the numbers can say. */
export interface PackedShape {
  readonly numbers: Datatype
  /** So many elements, the last ones, stay floats; fewer than there are. */
  readonly floats: number
  /** They are compared by their cosine; then none stay floats, and halves have length 1 but for their rounding. */
  readonly isDirected: boolean
}

const CAPACITY_MIN = 1024
/** Labels are u32 and hnswlib takes larger ones modulo 2^32. */
const LABELS_MAX = 0xfffffffe
/** The square of a longer vector's length could overflow float32 inside hnswlib. */
export const SQUARED_NORM_MAX = 1e30

/** NaN or infinite if an element is. */
export const squaredNorm = (vector: Float32Array): number => {
  let sum = 0
  for (let i = 0; i < vector.length; i++) sum += vector[i]! * vector[i]!
  return sum
}

/** Whether a graph can hold, and be asked for, this vector: finite, and its squares stay finite in float32. */
export const fitsGraph = (vector: Float32Array): boolean => squaredNorm(vector) < SQUARED_NORM_MAX * 2

/**
 * The one door to hnswlib, which returns nonsense, or without our patch aborts the process, on what this class refuses. Invariants:
 *  1. Every element that reaches native code is a finite number, and every vector has `dims` of them.
 *  2. Labels are 0, 1, 2 ... in order of insertion and never reused; an update is `markDead` and a new `add`.
 *  3. A label is marked dead once. No slot is replaced.
 *  4. A search asks for at most as many as are alive.
 *  5. All calls are synchronous and from one thread: the asynchronous forms take no lock.
 * The memory is native: V8 does not see it, and it goes when the object is collected.
 */
export class Graph {
  readonly #native: NativeGraph
  /** One byte a label, 0 or 1. */
  #isDead: Uint8Array
  #slots: number
  #dead = 0

  private constructor(
    readonly shape: GraphShape,
    native: NativeGraph,
    slots: number,
    /** Whether `vector` and `score` work. */
    readonly keepsVectors: boolean,
  ) {
    this.#native = native
    this.#slots = slots
    this.#isDead = new Uint8Array(Math.max(CAPACITY_MIN, native.capacity))
  }

  /**
   * `expected` slots have room from the start: a large block is the system's, and goes back to it whole. One that grew in steps may
   * lie among others that the allocator keeps, with holes where it lay before. What is not used of it takes no memory.
   */
  static create(shape: GraphShape, engine: Engine = ENGINE, expected = 0): Graph {
    const native = engine.create(shape)
    native.init(Math.max(CAPACITY_MIN, expected), shape.hnsw.m, shape.hnsw.efConstruct)
    return new Graph(shape, native, 0, engine.keepsVectors)
  }

  /**
   * Reads a file of `write`. The caller vouches for every byte of it (checksum, layout, shape): a flipped link inside would
   * crash the process. `dead` are the labels that were marked when it was written.
   */
  static load(shape: GraphShape, path: string, slots: number, dead: Iterable<number>, engine: Engine = ENGINE): Graph {
    const native = engine.create(shape)
    native.read(path)
    assert(native.count === slots, 'a checked graph file holds what its header says')
    const graph = new Graph(shape, native, slots, engine.keepsVectors)
    for (const label of dead) {
      graph.#isDead[label] = 1
      graph.#dead++
    }
    return graph
  }

  /** Slots that it has room for without growing. */
  get capacity(): number {
    return this.#native.capacity
  }

  /** Labels given out, dead ones included. */
  get slots(): number {
    return this.#slots
  }

  get dead(): number {
    return this.#dead
  }

  get live(): number {
    return this.#slots - this.#dead
  }

  /** Adds a vector that `fitsGraph`; returns its label. */
  add(vector: Point): number {
    assert(this.#slots < LABELS_MAX, 'labels left')
    this.#check(vector)
    const { capacity } = this.#native
    if (this.#slots === capacity) this.#grow(capacity + Math.max(CAPACITY_MIN, capacity >> 3))
    const label = this.#slots
    this.#native.add(vector, label)
    this.#slots++
    return label
  }

  /** The label is never found again. */
  markDead(label: number): void {
    assert(label < this.#slots && this.#isDead[label] === 0, 'a label dies once')
    this.#native.markDead(label)
    this.#isDead[label] = 1
    this.#dead++
  }

  /**
   * Labels of about the `limit` nearest, none of them dead: nearest first where the engine `hasBytes`, else in any order. `allowed` has one bit a label, the lowest
   * of a byte first; labels beyond it are not allowed. Few allowed labels make a long walk, none the longest.
   */
  search(vector: Point, limit: number, ef: number, allowed?: Uint8Array): ArrayLike<number> {
    const count = Math.min(limit, this.live)
    if (count === 0) return []
    this.#check(vector)
    return this.#native.search(vector, count, Math.max(1, ef, count), allowed)
  }

  /** Copies the first elements of a label's vector, or of its codes, as many as there is room for. */
  vector(label: number, into: Point): void {
    assert(label < this.#slots && into.length <= this.shape.dims, 'a label that there is')
    this.#native.vector(label, into)
  }

  /** Scores the first elements of the vectors of labels, as many as the query has; see `ScoreVectors`. */
  score(metric: Metric, query: Point, labels: Uint32Array, scores: Float32Array): void {
    this.#native.score(metric, query, labels, scores)
  }

  /** Without the patch, hnswlib reports success on a full disk: the caller must check what was written before relying on it. */
  write(path: string): void {
    this.#native.write(path)
  }

  /** Gives its memory back now instead of when it is collected. It must not be used any more. */
  release(): void {
    this.#native.init(1, 2, 1)
  }

  #grow(capacity: number): void {
    this.#native.resize(capacity)
    const grown = new Uint8Array(capacity)
    grown.set(this.#isDead.subarray(0, this.#slots))
    this.#isDead = grown
  }

  #check(vector: Point): void {
    const isSound = vector instanceof Int8Array ? this.shape.bytes === true : fitsGraph(vector)
    assert(vector.length === this.shape.dims && isSound, 'native code sees only finite vectors of its length')
  }
}
