import type { RegionId, ReplicaId, Timers } from '@meridian/core'
import type { ShardName } from './digest-message.js'

/** A comparison is old when no other was made in so many times the interval. */
const OLD_AFTER_ROUNDS = 3

/** Whether a shard showed the same here and in a peer when both held the same. */
export interface Agreement {
  readonly region: RegionId
  readonly replica: ReplicaId
  /** `unknown`: never compared in this run, or not for some rounds; while writes are under way vectors are seldom equal. */
  readonly state: 'agree' | 'differ' | 'unknown'
  /** How the last comparison came out, and when; `undefined` before any in this run. */
  readonly last: 'agree' | 'differ' | undefined
  readonly comparedMsAgo: number | undefined
}

export interface ShardAgreement {
  readonly shard: number
  readonly peers: readonly Agreement[]
}

interface Comparison {
  readonly isEqual: boolean
  readonly atMs: number
}

/** The last comparison of each shard with each peer. */
export class Agreements {
  readonly #last = new Map<string, Comparison>()

  constructor(
    readonly timers: Timers,
    readonly intervalMs: number,
  ) {}

  compared(name: ShardName, replica: ReplicaId, isEqual: boolean): void {
    this.#last.set(comparisonKey(name, replica), { isEqual, atMs: this.timers.elapsedMs() })
  }

  /** Lets go of what is not asked for any more: dropped collections, retired members. */
  keep(isWanted: (uid: string, replica: ReplicaId) => boolean): void {
    for (const key of this.#last.keys()) {
      const [uid, , replica] = key.split('/')
      if (!isWanted(uid!, Number(replica) as ReplicaId)) this.#last.delete(key)
    }
  }

  get size(): number {
    return this.#last.size
  }

  of(name: ShardName, { region, replica }: { readonly region: RegionId; readonly replica: ReplicaId }): Agreement {
    const known = this.#last.get(comparisonKey(name, replica))
    if (known === undefined) return { region, replica, state: 'unknown', last: undefined, comparedMsAgo: undefined }
    const last = known.isEqual ? 'agree' : 'differ'
    const comparedMsAgo = Math.round(this.timers.elapsedMs() - known.atMs)
    const isOld = comparedMsAgo > OLD_AFTER_ROUNDS * this.intervalMs
    return { region, replica, state: isOld ? 'unknown' : last, last, comparedMsAgo }
  }
}

/** Names the comparison of a shard with a peer's. */
export const comparisonKey = ({ uid, shard }: ShardName, replica: ReplicaId): string => `${uid}/${shard}/${replica}`
