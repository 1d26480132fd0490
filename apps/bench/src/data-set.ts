import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** A set of real vectors with queries, one after the other. */
export interface DataSet {
  readonly dims: number
  readonly count: number
  readonly metric: 'l2' | 'cosine'
  readonly vectors: Float32Array
  readonly queryCount: number
  readonly queries: Float32Array
  /** Distances to the `k` nearest, by query. Null where nobody computed them for so many rows. */
  readonly groundTruth: { readonly k: number; readonly distances: Float32Array } | null
}

/** Where the sets lie unless told: in `shared/data` beside the repository. */
export const DATA_FOLDER = fileURLToPath(new URL('../../../../shared/data', import.meta.url))

export interface DataSetOptions {
  readonly folder?: string
  /** The first so many vectors; all of them unless given. */
  readonly limit?: number | undefined
}

/** What `load.mjs` beside the sets reads. @throws Error that names the set and the folder where the folder has no such set */
export const dataSet = async (name: string, { folder = DATA_FOLDER, limit }: DataSetOptions = {}): Promise<DataSet> => {
  const loader = join(folder, 'load.mjs')
  if (!existsSync(loader) || !existsSync(join(folder, name)))
    throw new Error(`--set ${name}: there is no such data set in ${folder}`)
  const { load } = (await import(pathToFileURL(loader).href)) as {
    load(name: string, options: { limit?: number }): DataSet
  }
  return load(name, limit === undefined ? {} : { limit })
}

export const vectorAt = (vectors: Float32Array, dims: number, at: number): Float32Array =>
  vectors.subarray(at * dims, (at + 1) * dims)
