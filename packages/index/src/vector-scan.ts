import type { Metric } from '@meridian/core'
import { KERNELS } from './scoring.js'
import type { Numbers } from './number-form.js'

/**
 * Writes the score of the stored vector at each of `positions` to `scores`, which is at least as long. Vector `p` starts at
 * element `(p % perBlock) * query.length` of block `Math.floor(p / perBlock)`; blocks are all of one form, and floats unless the engine
 * `hasPacked`. For `Cosine` both sides are normalised; vectors in other forms than floats are on the way.
 */
export type ScoreVectors = (
  metric: Metric,
  query: Float32Array,
  blocks: readonly Numbers[],
  perBlock: number,
  positions: Uint32Array,
  scores: Float32Array,
) => void

/** The definition, for machines that have no native kernel. */
export const scoreInJs: ScoreVectors = (metric, query, blocks, perBlock, positions, scores) => {
  const kernel = KERNELS[metric]
  const dims = query.length
  for (let i = 0; i < positions.length; i++) {
    const position = positions[i]!
    const block = Math.floor(position / perBlock)
    scores[i] = kernel(query, blocks[block] as Float32Array, (position - block * perBlock) * dims)
  }
}

/** What the patched addon exports, where it has a kernel. It makes the sums of `scoreInJs`, to the last bit. */
export type NativeScoreVectors = (
  metric: NativeMetric,
  query: Float32Array,
  blocks: readonly Numbers[],
  perBlock: number,
  positions: Uint32Array,
  scores: Float32Array,
  plain?: boolean,
) => void

export type NativeMetric = 'cosine' | 'dot' | 'euclid' | 'manhattan'

/** Of vectors that are normalised where the metric wants it. */
export const NATIVE_METRICS: Readonly<Record<Metric, NativeMetric>> = {
  Cosine: 'dot',
  Dot: 'dot',
  Euclid: 'euclid',
  Manhattan: 'manhattan',
}

/** `isWhole`: vectors are normalised where the metric wants it. */
export const nativeMetric = (metric: Metric, isWhole: boolean): NativeMetric =>
  metric === 'Cosine' && !isWhole ? 'cosine' : NATIVE_METRICS[metric]

export const scoreNatively =
  (native: NativeScoreVectors): ScoreVectors =>
  (metric, query, blocks, perBlock, positions, scores) => {
    const isWhole = blocks[0] === undefined || blocks[0] instanceof Float32Array
    native(nativeMetric(metric, isWhole), query, blocks, perBlock, positions, scores)
  }
