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
}

/** Where the sets lie unless told: in `shared/data` beside the repository. */
export const DATA_FOLDER = fileURLToPath(new URL('../../../../shared/data', import.meta.url))

/** `undefined` where the folder has no such set. */
export const dataSet = async (folder: string, name: string): Promise<DataSet | undefined> => {
  const loader = join(folder, 'load.mjs')
  if (!existsSync(loader) || !existsSync(join(folder, name))) return undefined
  const { load } = (await import(pathToFileURL(loader).href)) as { load(name: string): DataSet }
  return load(name)
}

export const vectorAt = (vectors: Float32Array, dims: number, at: number): Float32Array =>
  vectors.subarray(at * dims, (at + 1) * dims)
