import { hash32 } from '@meridian/core'

/** Dimension of the demo's vectors. */
export const EMBEDDING_DIMS = 256

/**
 * Text to a unit vector without a model: words and character 3- and 4-grams, hashed with a sign into 256 dimensions
 * (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", 2009). The sign makes collisions cancel on
 * average, so the dot product of two vectors estimates how many features the texts share. A feature's weight grows with the
 * logarithm of its count; n-grams bring word forms and typing errors close. A text without a word gives the first axis.
 */
export const embed = (text: string): Float32Array => {
  const vector = new Float32Array(EMBEDDING_DIMS)
  for (const [feature, { count, weight }] of features(text)) {
    const hash = hash32(feature)
    const sign = hash & 0x80000000 ? -1 : 1
    vector[hash % EMBEDDING_DIMS]! += sign * weight * (1 + Math.log(count))
  }
  const norm = Math.hypot(...vector)
  if (norm === 0) vector[0] = 1
  else for (let i = 0; i < vector.length; i++) vector[i]! /= norm
  return vector
}

/** Lower-case runs of letters and digits, without accents. */
export const words = (text: string): string[] =>
  text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu) ?? []

/** They carry grammar, not products. */
const STOP_WORDS = new Set(
  'a an and are as at be by for from in is it its of on or that the this to with you your'.split(' '),
)
const WORD_WEIGHT = 1
const GRAM_WEIGHT = 0.35

interface Feature {
  count: number
  readonly weight: number
}

const features = (text: string): Map<string, Feature> => {
  const found = new Map<string, Feature>()
  const add = (name: string, weight: number): void => {
    const feature = found.get(name)
    if (feature === undefined) found.set(name, { count: 1, weight })
    else feature.count++
  }
  for (const word of words(text)) {
    if (STOP_WORDS.has(word)) continue
    add(`w:${word}`, WORD_WEIGHT)
    const bounded = `<${word}>`
    for (const size of [3, 4])
      for (let i = 0; i + size <= bounded.length; i++) add(`g:${bounded.slice(i, i + size)}`, GRAM_WEIGHT)
  }
  return found
}
