import type { ReplicaId } from '@meridian/core'
import type { Change } from './change-bytes.js'
import { replicaOfActor } from './change-ledger.js'
import { GENESIS_ACTOR } from './genesis.js'

/** Who changed what, when. */
export interface CatalogEvent {
  readonly hash: string
  readonly actor: string
  /** The writer, if the actor is one of `actorOf`. */
  readonly replica: ReplicaId | undefined
  /** The actor's changes count from 1. */
  readonly seq: number
  /** To the second; as its author's clock said. */
  readonly atMs: number
  /** Such as `create collection products`. */
  readonly message: string
}

/** Newest first by operation number, which never contradicts what an author had seen; ties by actor. Without the genesis. */
export const newestEvents = (changes: Iterable<Omit<Change, 'bytes'>>, limit: number): CatalogEvent[] =>
  [...changes]
    .filter((each) => each.actor !== GENESIS_ACTOR)
    .sort((a, b) => b.startOp - a.startOp || (a.actor < b.actor ? -1 : 1))
    .slice(0, limit)
    .map(({ hash, actor, seq, timeS, message }) => ({
      hash,
      actor,
      replica: replicaOfActor(actor),
      seq,
      atMs: timeS * 1000,
      message,
    }))
