import type { Datatype, Log, Metric } from '@meridian/core'
import type { GraphShape, PackedShape } from './graph.js'
import { type SketchAddon, type Sketcher, sketcherOf } from './sketches.js'
import {
  type NativeMetric,
  nativeMetric,
  type NativeScoreVectors,
  scoreInJs,
  scoreNatively,
  type ScoreVectors,
} from './vector-scan.js'

/** A vector, or of a graph of bytes its codes. */
export type Point = Float32Array | Int8Array

/** What a graph needs of hnswlib, called one way whatever the installed addon can do. Vectors are read during the call. */
export interface NativeGraph {
  readonly capacity: number
  readonly count: number
  init(capacity: number, m: number, efConstruct: number): void
  resize(capacity: number): void
  add(vector: Point, label: number): void
  markDead(label: number): void
  /** Labels; of an engine that `hasBytes`, the nearest first. `allowed` has one bit a label, the lowest of a byte first. */
  search(vector: Point, limit: number, ef: number, allowed: Uint8Array | undefined): ArrayLike<number>
  read(path: string): void
  write(path: string): void
  /** Copies the first elements of a label's vector, dead or alive. Only of an engine that `keepsVectors`. */
  vector(label: number, into: Point): void
  /** As `ScoreVectors`, of the first elements of the vectors of labels. Only of an engine that `keepsVectors`. */
  score(metric: Metric, query: Point, labels: Uint32Array, scores: Float32Array): void
}

/** A way to make native graphs. */
export interface Engine {
  /** Instruction set of its distance functions; `undefined` if the addon is the published one, which has SSE at most. */
  readonly kernel: string | undefined
  /** The exact scan. */
  readonly scoreVectors: ScoreVectors
  /** Makes sketches of vectors, if the addon can. */
  readonly sketcher: Sketcher | undefined
  /** Whether the vectors in a graph can be read and scored: then nobody else needs a copy. */
  readonly keepsVectors: boolean
  /** Whether there are graphs of bytes. */
  readonly hasBytes: boolean
  /** Whether numbers may lie in fewer bytes, in graphs and in what is scanned. */
  readonly hasPacked: boolean
  /** Gives freed memory back to the system, if the addon can. */
  trimMemory(): void
  /** From now on little of it is kept at the ends of the threads' arenas, which `trimMemory` does not reach; in the whole process. */
  limitFreeMemory(): void
  create(shape: GraphShape): NativeGraph
}

/** The part of the addon that is used. Its own types depend on the patch, which another package manager does not apply. */
export interface Addon extends SketchAddon {
  readonly HierarchicalNSW: new (space: AddonSpace, dims: number, kernel?: undefined, floats?: number) => AddonGraph
  readonly simdKernel?: () => string
  readonly trimMemory?: () => void
  readonly limitFreeMemory?: () => void
  readonly scoreVectors?: NativeScoreVectors
}

type AddonSpace = 'l2' | 'ip' | 'l2-int8' | `l2-${Datatype}` | 'cosine-uint8' | 'unit-float16'

export interface AddonGraph {
  initIndex(capacity: number, m: number, efConstruct: number): void
  resizeIndex(capacity: number): void
  getMaxElements(): number
  getCurrentCount(): number
  setEf(ef: number): void
  addPoint(point: readonly number[] | Point, label: number): void
  markDelete(label: number): void
  searchKnn(
    point: readonly number[] | Point,
    k: number,
    filter?: Uint8Array | ((label: number) => boolean),
  ): { readonly neighbors: ArrayLike<number> }
  readonly readPoint?: (label: number, into: Point) => void
  readonly scoreLabels?: (
    metric: NativeMetric,
    query: Point,
    labels: Uint32Array,
    scores: Float32Array,
    plain?: boolean,
  ) => void
  readIndexSync(path: string): void
  writeIndexSync(path: string): void
}

/** Whether bit `label` is set; bits beyond the last byte are not. */
export const hasBit = (bits: Uint8Array, label: number): boolean => ((bits[label >> 3] ?? 0) & (1 << (label & 7))) !== 0

/** What both kinds of addon do alike. */
abstract class AddonBacked implements NativeGraph {
  protected readonly addon: AddonGraph

  constructor(
    { HierarchicalNSW }: Addon,
    protected readonly shape: GraphShape,
  ) {
    const { packed, dims } = shape
    this.addon = packed
      ? new HierarchicalNSW(packedSpace(packed), dims, undefined, packed.floats)
      : new HierarchicalNSW(shape.bytes ? 'l2-int8' : shape.distance, dims)
  }

  get capacity(): number {
    return this.addon.getMaxElements()
  }

  get count(): number {
    return this.addon.getCurrentCount()
  }

  init(capacity: number, m: number, efConstruct: number): void {
    this.addon.initIndex(capacity, m, efConstruct)
  }

  resize(capacity: number): void {
    this.addon.resizeIndex(capacity)
  }

  markDead(label: number): void {
    this.addon.markDelete(label)
  }

  read(path: string): void {
    this.addon.readIndexSync(path)
  }

  write(path: string): void {
    this.addon.writeIndexSync(path)
  }

  vector(label: number, into: Point): void {
    this.addon.readPoint!(label, into)
  }

  score(metric: Metric, query: Point, labels: Uint32Array, scores: Float32Array): void {
    this.addon.scoreLabels!(nativeMetric(metric, this.shape.packed === undefined), query, labels, scores)
  }

  abstract add(vector: Point, label: number): void
  abstract search(vector: Point, limit: number, ef: number, allowed: Uint8Array | undefined): ArrayLike<number>
}

/** The patched addon: vectors and bits are read in place. */
class PatchedGraph extends AddonBacked {
  add(vector: Point, label: number): void {
    this.addon.addPoint(vector, label)
  }

  search(vector: Point, limit: number, ef: number, allowed: Uint8Array | undefined): ArrayLike<number> {
    this.addon.setEf(ef)
    return this.addon.searchKnn(vector, limit, allowed).neighbors
  }
}

/** The published addon: an array is filled for every call, and a function is called for every label that a filter decides. */
class StockGraph extends AddonBacked {
  readonly #scratch: number[] = new Array<number>(this.shape.dims).fill(0)

  add(vector: Point, label: number): void {
    this.addon.addPoint(this.#load(vector), label)
  }

  search(vector: Point, limit: number, ef: number, allowed: Uint8Array | undefined): ArrayLike<number> {
    this.addon.setEf(ef)
    const filter = allowed && ((label: number): boolean => hasBit(allowed, label))
    return this.addon.searchKnn(this.#load(vector), limit, filter).neighbors
  }

  #load(vector: Point): number[] {
    for (let i = 0; i < vector.length; i++) this.#scratch[i] = vector[i]!
    return this.#scratch
  }
}

const packedSpace = ({ numbers, isDirected }: PackedShape): AddonSpace =>
  !isDirected ? `l2-${numbers}` : numbers === 'uint8' ? 'cosine-uint8' : 'unit-float16'

const hasSpace = ({ HierarchicalNSW }: Addon, space: AddonSpace): boolean => {
  try {
    new HierarchicalNSW(space, 1)
    return true
  } catch {
    return false
  }
}

/** Asks the addon once what it can do. */
export const engineOf = (addon: Addon): Engine => {
  const kernel = addon.simdKernel?.()
  const Backed = kernel === undefined ? StockGraph : PatchedGraph
  const scoreVectors = addon.scoreVectors === undefined ? scoreInJs : scoreNatively(addon.scoreVectors)
  const { prototype } = addon.HierarchicalNSW as { readonly prototype: AddonGraph }
  const keepsVectors =
    Backed === PatchedGraph && prototype.readPoint !== undefined && prototype.scoreLabels !== undefined
  return {
    kernel,
    scoreVectors,
    sketcher: sketcherOf(addon),
    keepsVectors,
    hasBytes: keepsVectors && hasSpace(addon, 'l2-int8'),
    // Those that have one of these spaces have all, and scan such numbers.
    hasPacked: keepsVectors && addon.scoreVectors !== undefined && hasSpace(addon, 'unit-float16'),
    trimMemory: () => addon.trimMemory?.(),
    limitFreeMemory: () => addon.limitFreeMemory?.(),
    create: (shape) => new Backed(addon, shape),
  }
}

/** Says at start what searches run on. */
export const announce = ({ kernel }: Engine, log: Log): void => {
  if (kernel !== undefined) log.info({ kernel }, 'hnswlib-node is patched')
  else log.warn({}, 'hnswlib-node is not patched: the index works, but slower; installing with pnpm applies the patch')
}
