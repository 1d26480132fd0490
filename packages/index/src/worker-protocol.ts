import type { ErrorCode, IndexQuery, IndexTraces, SearchWork, SpaceRef, SpaceStats, VectorParams } from '@meridian/core'

/** One opening of a space; never reused, so what is late for an earlier opening is recognised and ignored. */
export type SpaceNumber = number

/** What the worker is started with. */
export interface WorkerData {
  readonly directory: string
  /** Whether it says at its start what searches run on. */
  readonly announces: boolean
}

/** Main thread to worker, in batches, handled in order. */
export type IndexRequest =
  /** Opens a space, from memory or from its snapshot; `fresh` uses neither. Rows wait to be claimed by offers. */
  | {
      readonly type: 'open'
      readonly space: SpaceNumber
      readonly ref: SpaceRef
      readonly params: VectorParams
      readonly fresh: boolean
    }
  /** Vectors the space shall have; answered by `wanted`. */
  | { readonly type: 'offer'; readonly space: SpaceNumber; readonly offer: Offer }
  /** The opening is complete: rows that nobody claimed go. */
  | { readonly type: 'settle'; readonly space: SpaceNumber }
  | { readonly type: 'change'; readonly space: SpaceNumber; readonly changes: Changes }
  /** Answered by `hits` or `failed`. */
  | { readonly type: 'search'; readonly id: number; readonly space: SpaceNumber; readonly query: IndexQuery }
  /** Answered by `traces` once no file is being written. */
  | { readonly type: 'traces'; readonly id: number; readonly space: SpaceNumber; readonly record: string }
  /** Starts building the space's graph anew unless that is under way, and says which share of the time it may take, 0 to 1. */
  | { readonly type: 'rebuild'; readonly space: SpaceNumber; readonly pace: number }
  /** Forgets the space, if it is there, and deletes its files; answered by `dropped`. */
  | { readonly type: 'drop'; readonly space: SpaceNumber; readonly ref: SpaceRef }
  /** Answered by `done` or `failed` once every changed space is on disk. */
  | { readonly type: 'flush'; readonly id: number }
  /** Things are quiet: time to collect garbage and to give memory back. */
  | { readonly type: 'tidy'; readonly what: 'garbage' | 'nursery' }
  /** Answered by `closed` once writes under way have ended. */
  | { readonly type: 'close' }

/** Parallel lists. */
export interface Offer {
  readonly ordinals: Uint32Array
  readonly ids: readonly string[]
  readonly versions: readonly string[]
}

/** Parallel lists, in order; an `undefined` id is a removal. `vectors` holds those of the others, one after the other. */
export interface Changes {
  readonly ordinals: Uint32Array
  readonly ids: readonly (string | undefined)[]
  readonly versions: readonly string[]
  readonly vectors: Float32Array
}

/** Worker to main thread. */
export type IndexReply =
  /** Positions in the offer of which the worker has no vector of that version. */
  | { readonly type: 'wanted'; readonly space: SpaceNumber; readonly wanted: Uint32Array }
  /** `applied` counts the changes taken in since the opening. */
  | { readonly type: 'stats'; readonly space: SpaceNumber; readonly applied: number; readonly stats: SpaceStats }
  | {
      readonly type: 'hits'
      readonly id: number
      readonly ordinals: Uint32Array
      readonly scores: Float32Array
      readonly work: SearchWork
    }
  | { readonly type: 'traces'; readonly id: number; readonly traces: IndexTraces }
  /** Time that went into a rebuild since the last such reply. */
  | { readonly type: 'worked'; readonly ms: number }
  | { readonly type: 'dropped'; readonly space: SpaceNumber }
  | { readonly type: 'done'; readonly id: number }
  | { readonly type: 'failed'; readonly id: number; readonly code: ErrorCode; readonly message: string }
  | {
      readonly type: 'log'
      readonly level: 'info' | 'warn' | 'error'
      readonly fields: Readonly<Record<string, unknown>>
      readonly message: string
    }
  | { readonly type: 'closed' }

/** Buffers of requests that go to the worker instead of being copied; each is its request's alone. */
export const transfersOf = (requests: readonly IndexRequest[]): ArrayBuffer[] => {
  const buffers: ArrayBuffer[] = []
  const give = (array: Uint32Array | Float32Array | undefined): void => {
    if (array !== undefined && array.byteLength >= TRANSFER_BYTES_MIN) buffers.push(array.buffer as ArrayBuffer)
  }
  for (const request of requests) {
    if (request.type === 'change') {
      give(request.changes.vectors)
      give(request.changes.ordinals)
    } else if (request.type === 'offer') give(request.offer.ordinals)
    else if (request.type === 'search') give(request.query.among)
  }
  return buffers
}

/** Copying less is cheaper than handing it over. */
export const TRANSFER_BYTES_MIN = 16 * 1024
