import type { Gauged } from './gauge.js'

/** What the benchmark asks of a region's process. */
export type ChildRequest =
  | { readonly type: 'create'; readonly collection: string; readonly dims: number }
  | {
      readonly type: 'write'
      readonly collection: string
      /** Numbers of the records: from inclusive, to exclusive. */
      readonly from: number
      readonly to: number
      readonly batch: number
      /** Default 128. */
      readonly dims?: number
      /** Requests under way at once. */
      readonly writers: number
    }
  /** Answered when everything up to this transaction of the replica is durable here. */
  | { readonly type: 'reach'; readonly replica: number; readonly seq: number }
  /** Answered when peers have acknowledged what is held here and no block is left to clean or to merge. */
  | { readonly type: 'settle' }
  | { readonly type: 'link'; readonly region: string }
  | { readonly type: 'stop' }
  /** From now on, note when each of these records comes to be shown and found here. */
  | { readonly type: 'watch'; readonly collection: string; readonly from: number; readonly to: number }
  /** Answered, with the times of both, when all that is watched for was found. */
  | { readonly type: 'seen' }
  /** Writes one by one; answered with when each was asked for. */
  | {
      readonly type: 'trickle'
      readonly collection: string
      readonly from: number
      readonly to: number
      readonly everyMs: number
    }

  /** From now on, writes new records in the background, each by itself: numbers from `from`. */
  | {
      readonly type: 'sustain'
      readonly collection: string
      readonly from: number
      readonly perSecond: number
      readonly dims: number
    }
  /** Answered when the last of them is acknowledged and no more are asked for. */
  | { readonly type: 'rest' }
  /** From now on, note how long the event loop is blocked and how much memory is taken. */
  | { readonly type: 'gauge' }
  /** Answered with what is held here; unless `peek`, also with what was noted, which ends. */
  | { readonly type: 'tell'; readonly collection: string; readonly peek: boolean }
  /** Answered when all of this is durable here. */
  | { readonly type: 'cover'; readonly vector: Vector }

/** A version vector, as messages between processes can hold it. */
export type Vector = readonly (readonly [replica: number, seq: number])[]

export interface Told {
  readonly vector: Vector
  /** By shard. */
  readonly digests: readonly string[]
  readonly live: number
  /** By the background writer, acknowledged. */
  readonly written: number
  /** Bytes of all blocks. */
  readonly blockBytes: number
  readonly blocksCleaned: number
  readonly transfersReceived: number
  /** Received for nothing: it was here already, or came too early. */
  readonly framesDropped: number
  readonly gauged: Gauged | undefined
}

export type ChildReply =
  | { readonly type: 'ready'; readonly port: number; readonly replica: number }
  | { readonly type: 'done'; readonly seq: number }
  | { readonly type: 'told'; readonly told: Told }
  /** In ms of the machine's monotonic clock. */
  | { readonly type: 'times'; readonly times: readonly (readonly number[])[] }
  | { readonly type: 'failed'; readonly reason: string }
