import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Real data and fault tools lie beside the checkout; a test that needs them is skipped where they are absent. */
const SHARED = fileURLToPath(new URL('../../../../shared/', import.meta.url))

export const sharedPath = (path: string): string => resolve(SHARED, path)

const missing = (path: string): string | undefined =>
  existsSync(sharedPath(path)) ? undefined : `skipped: ../shared/${path} is not beside this checkout`

/** Why a test of these data sets cannot run; `undefined` when it can. */
export const noData = (...sets: readonly string[]): string | undefined =>
  ['data/load.mjs', ...sets.map((set) => `data/${set}/manifest.json`)].map(missing).find((why) => why !== undefined)

/** Why a test that hurts links cannot run; `undefined` when it can. */
export const noFaults = (): string | undefined => missing('faults/link.mjs')

export type DirectionMode = 'open' | 'hold' | 'swallow' | 'refuse'

export interface DirectionSettings {
  readonly mode?: DirectionMode
  readonly latencyMs?: number
  readonly jitterMs?: number
  readonly kBps?: number
  readonly corrupt?: number
}

/** One bad TCP link; `up` is from the one who connects to the target. */
export interface FaultLink {
  readonly port: number
  readonly stats: {
    readonly accepted: number
    readonly reset: number
    readonly up: { readonly bytes: number; readonly swallowed: number; readonly corrupted: number }
    readonly down: { readonly bytes: number; readonly swallowed: number; readonly corrupted: number }
  }
  set(patch: DirectionSettings & { readonly up?: DirectionSettings; readonly down?: DirectionSettings }): void
  reset(): void
  halfOpen(): void
  close(): Promise<void>
}

export const openFaultLink = async (options: { target: string; seed?: number }): Promise<FaultLink> => {
  const { openLink } = await import(pathToFileURL(sharedPath('faults/link.mjs')).href)
  return openLink(options)
}

export interface Truth {
  readonly k: number
  readonly queries: number
  /** Row numbers, nearest first: `queries` x `k`. */
  readonly ids: Int32Array
  readonly distances: Float32Array
  /** Of a filtered truth: `{ field: value | { gte, lt } }`, and the rows that match. */
  readonly filter?: Readonly<Record<string, unknown>>
  readonly rows?: readonly number[]
}

export interface DataSet {
  readonly name: string
  readonly dims: number
  readonly count: number
  readonly vectors: Float32Array
  readonly payloads?: readonly Record<string, unknown>[]
  readonly queryCount: number
  readonly queries: Float32Array
  readonly groundTruth: Truth | null
  readonly filtered: readonly Truth[]
}

export const loadData = async (
  set: string,
  options: { metric?: 'l2' | 'cosine'; limit?: number; model?: string } = {},
): Promise<DataSet> => {
  const { load } = await import(pathToFileURL(sharedPath('data/load.mjs')).href)
  return load(set, options)
}
