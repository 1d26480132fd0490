import { isSparseSpace, type JsonValue, type Quantization, type SpaceParams } from '@meridian/core'
import type { Setting } from './api.js'

const settingAt = (settings: readonly Setting[], path: readonly string[]): JsonValue | undefined =>
  settings.find((each) => each.path.length === path.length && each.path.every((name, i) => name === path[i]))?.value

const field = (value: JsonValue | undefined, name: string): JsonValue | undefined =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? value[name] : undefined

/**
 * How the graph of a space is to hold its vectors: what was set for the space, else for its collection. Of other regions' settings
 * anything may come, so what is not sound counts as left out; without a quantile a range holds everything.
 */
export const quantizationOf = (settings: readonly Setting[], name: string): Quantization | undefined => {
  const own = settingAt(settings, ['vectors', name, 'quantization_config'])
  const scalar = field(own ?? settingAt(settings, ['quantization_config']), 'scalar')
  if (field(scalar, 'type') !== 'int8') return undefined
  const quantile = field(scalar, 'quantile')
  const isSound = typeof quantile === 'number' && quantile >= 0.5 && quantile <= 1
  return { quantile: isSound ? quantile : 1 }
}

/** What the index is told of a space. */
export const withQuantization = (params: SpaceParams, settings: readonly Setting[], name: string): SpaceParams => {
  if (isSparseSpace(params) || params.multi !== undefined) return params
  const quantization = quantizationOf(settings, name)
  return quantization ? { ...params, quantization } : params
}
