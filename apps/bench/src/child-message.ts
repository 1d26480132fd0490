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

export type ChildReply =
  | { readonly type: 'ready'; readonly port: number; readonly replica: number }
  | { readonly type: 'done'; readonly seq: number }
  /** In ms of the machine's monotonic clock. */
  | { readonly type: 'times'; readonly times: readonly (readonly number[])[] }
  | { readonly type: 'failed'; readonly reason: string }
