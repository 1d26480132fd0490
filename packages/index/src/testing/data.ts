import { existsSync } from 'node:fs'
import type { IndexHit, Metric, VectorParams } from '@meridian/core'

/** Repeatable numbers in [0, 1) (mulberry32). */
export const randomOf = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Vectors in a few dozen clouds, as embeddings are; uniform ones would have no neighbours worth finding. */
export const clustered = (count: number, dims: number, seed: number): Float32Array[] => {
  const random = randomOf(seed)
  const gauss = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const centres = Array.from({ length: 40 }, () => Float32Array.from({ length: dims }, gauss))
  return Array.from({ length: count }, () => {
    const centre = centres[Math.floor(random() * centres.length)]!
    return centre.map((value) => value + gauss() * 0.4)
  })
}

export const paramsOf = (size: number, metric: Metric): VectorParams => ({
  size,
  metric,
  hnsw: { m: 24, efConstruct: 100 },
})

/** Share of the true hits that were found. */
export const recall = (found: readonly IndexHit[], truth: readonly IndexHit[]): number => {
  if (truth.length === 0) return 1
  const ordinals = new Set(found.map((hit) => hit.ordinal))
  return truth.filter((hit) => ordinals.has(hit.ordinal)).length / truth.length
}

export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

interface DataSet {
  readonly dims: number
  readonly count: number
  readonly vectors: Float32Array
  readonly queryCount: number
  readonly queries: Float32Array
}

/** One of the real data sets that lie in `shared/data` beside the repository; `undefined` if this machine has none. */
export const realData = async (name: string): Promise<DataSet | undefined> => {
  const folder = new URL('../../../../../shared/data/', import.meta.url)
  const loader = new URL('load.mjs', folder)
  if (!existsSync(loader) || !existsSync(new URL(name, folder))) return undefined
  const { load } = (await import(loader.href)) as { load: (name: string) => DataSet }
  return load(name)
}
