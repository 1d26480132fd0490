import type { Metric } from '@meridian/core'
import { NATIVE_METRICS, type NativeMetric } from './vector-scan.js'

/** The arguments of a sieve after the metric. */
type Sieved = [
  query: Float32Array,
  blocks: readonly Uint8Array[],
  perBlock: number,
  positions: Uint32Array,
  bound: number,
  kept: Uint32Array,
]

/**
 * Makes sketches of vectors and looks vectors over by them. A sketch is codes of a byte with a range of the vector's own, and how
 * far at most they are off: with it a bound of the score is known without reading the vector (`src/sketch_scan.h` of the patch).
 */
export interface Sketcher {
  /** Bytes of a sketch. */
  bytes(dims: number): number
  /** Puts the sketch of a finite vector into place `at` of a block. */
  write(vector: Float32Array, block: Uint8Array, at: number): void
  /**
   * Writes to `kept` the indexes in `positions`, ascending, of the vectors whose score may be `bound` or better, and returns how
   * many. Every other one's is worse, as `ScoreVectors` would make it: nothing is left to chance.
   */
  sieve(metric: Metric, ...sieved: Sieved): number
}

/** What the patched addon exports for it, where it has kernels. */
export interface SketchAddon {
  readonly sketchBytes?: (dims: number) => number
  readonly writeSketch?: (vector: Float32Array, block: Uint8Array, at: number) => void
  readonly sieveSketches?: (metric: NativeMetric, ...sieved: [...Sieved, kernel?: string]) => number
}

/** `undefined` without the patch: everything is scored then. */
export const sketcherOf = (addon: SketchAddon): Sketcher | undefined => {
  const { sketchBytes, writeSketch, sieveSketches } = addon
  if (!sketchBytes || !writeSketch || !sieveSketches) return undefined
  return {
    bytes: sketchBytes,
    write: writeSketch,
    sieve: (metric, ...sieved) => sieveSketches(NATIVE_METRICS[metric], ...sieved),
  }
}

/**
 * Shorter vectors are scored as fast as they are looked over, longer ones have sketches too coarse. (Measured on 2,048 at a time, as many
 * times faster, in the cache and out of it: 0.7 at 32 dimensions, 1.1 and 2.3 at 100, 1.9 and 4 at 256, 2.7 and 3.6 at 784.)
 */
const DIMS_MIN = 128
const DIMS_MAX = 65_536

/** Whether the vectors of such a space have sketches: nothing is known of sums of absolute differences. */
export const isSketched = (dims: number, metric: Metric): boolean =>
  metric !== 'Manhattan' && dims >= DIMS_MIN && dims <= DIMS_MAX

/** Stands where no vector of a block is there. */
const DROPPED = new Uint8Array(0)

/** The sketches of a slab's vectors, chunk by chunk as it holds them. */
export class Sketches {
  /** Of one. */
  readonly bytes: number
  readonly #blocks: Uint8Array[] = []
  #spare: Uint8Array | undefined

  constructor(
    readonly sketcher: Sketcher,
    readonly dims: number,
    readonly perBlock: number,
  ) {
    this.bytes = sketcher.bytes(dims)
  }

  /** Makes room for the sketches of a chunk. */
  hold(chunk: number): void {
    this.#blocks[chunk] = this.#spare ?? new Uint8Array(this.perBlock * this.bytes)
    this.#spare = undefined
  }

  /** Gives the room back, but for one piece that is kept for the next. */
  drop(chunk: number): void {
    this.#spare ??= this.#blocks[chunk]!
    this.#blocks[chunk] = DROPPED
  }

  write(slot: number, vector: Float32Array): void {
    const chunk = Math.floor(slot / this.perBlock)
    this.sketcher.write(vector, this.#blocks[chunk]!, slot - chunk * this.perBlock)
  }

  sieve(metric: Metric, query: Float32Array, slots: Uint32Array, bound: number, kept: Uint32Array): number {
    return this.sketcher.sieve(metric, query, this.#blocks, this.perBlock, slots, bound, kept)
  }
}
